import { ModelOpsError } from "../../errors/modelops-error.ts";
import { canonicalAgentName } from "../../model/agent-name.ts";
import { parseVersion } from "./version.ts";

/** The Hub's rule: each part and the whole at most this long. */
const MAX_LENGTH = 96;

/**
 * Checks a model id by the Hub's rules for repository names (`name` or `organization/name`): letters, digits, `_`,
 * `.` and `-`; no `--` or `..`; no `-` or `.` at the ends; at most 96 characters.
 * @throws ModelOpsError `input/model-id` that names the broken rule.
 */
export function validateModelId(id: string): void {
  const problem = modelIdProblem(id);
  if (problem === null) return;
  throw new ModelOpsError({
    code: "input/model-id",
    message: `${JSON.stringify(String(id).slice(0, 120))} cannot be the id of a model on the Hub.`,
    reason: `${problem}.`,
    fix: 'use an id such as "my-org/my-project-feature-dev-v1.0.0", or let suggestModelId make one.',
  });
}

/** The first broken rule in words, null for a valid id. */
function modelIdProblem(id: string): string | null {
  if (typeof id !== "string" || id === "") return "It is empty";
  if (id.length > MAX_LENGTH) return `It has ${id.length} characters, ${MAX_LENGTH} are allowed`;
  const parts = id.split("/");
  if (parts.length > 2) return "It has more than one '/'";
  for (const part of parts) {
    if (part === "") return "The part before or after '/' is empty";
    const wrong = /[^A-Za-z0-9_.-]/.exec(part);
    if (wrong)
      return `It holds ${JSON.stringify(wrong[0])}; only letters, digits, '_', '.' and '-' are allowed`;
    if (/--|\.\./.test(part)) return "It holds '--' or '..'";
    if (/^[-.]|[-.]$/.test(part)) return "A part starts or ends with '-' or '.'";
  }
  if (/\.git$/i.test(id)) return "It ends with '.git'";
  return null;
}

/** Makes `organization/project-agent-version` by the Hub's rules; a long project is shortened, the version never. */
export function suggestModelId(options: {
  readonly organization: string;
  readonly project: string;
  readonly agent: string;
  readonly version: string;
}): string {
  parseVersion(options.version);
  const organization = plain(options.organization);
  const ending =
    `${plain(canonicalAgentName(options.agent).replaceAll("_", "-"))}-${options.version}`.replaceAll(
      /-{2,}/g,
      "-",
    );
  const room = MAX_LENGTH - organization.length - ending.length - 2;
  const project = plain(plain(options.project).slice(0, Math.max(0, room)));
  const name = project === "" ? ending : `${project}-${ending}`;
  const id = organization === "" ? name : `${organization}/${name}`;
  validateModelId(id);
  return id;
}

function plain(text: string): string {
  return text
    .normalize("NFKD")
    .replaceAll(/[\u0300-\u036f]/g, "")
    .replaceAll(/[^A-Za-z0-9_.-]+/g, "-")
    .replaceAll(/-{2,}/g, "-")
    .replaceAll(/\.{2,}/g, ".")
    .replaceAll(/^[-.]+|[-.]+$/g, "");
}
