import { readFile, stat } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { parseOrThrow } from "../../errors/from-zod.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import { canonicalAgentName } from "../../model/agent-name.ts";
import { type RegistryJson, registryJsonSchema } from "../../model/registry-json.ts";
import { newEvent } from "../../runtime.ts";
import { isoTime } from "../../time/clock.ts";
import { REGISTRY_AGENT, STATE_KEY } from "../agent-state.ts";
import { changeAgent, type RegistryContext } from "../registry-context.ts";
import { type ChangeOptions, refusePrototypeKeys } from "../registry-inputs.ts";
import { type AgentImport, importAgent } from "./import-agent.ts";

/** Larger files are not a registry but an accident; they would be read as a whole. */
const MAX_FILE_BYTES = 512 * 1024 * 1024;
const KNOWN_FIELDS = new Set(["created_at", "updated_at", "version", "agents", "generation"]);

export type ImportInput = Pick<ChangeOptions, "actor" | "reason" | "operationId" | "signal"> &
  ({ readonly path: string; readonly json?: never } | { readonly json: unknown; readonly path?: never });

/** Something that could not become a version, score or pointer of its own. It is kept and exported again. */
export interface UnplacedPart {
  readonly agent: string | null;
  readonly version: string | null;
  readonly field: string;
  readonly reason: string;
}

export interface ImportReport {
  readonly agents: readonly string[];
  readonly added: number;
  /** Versions that were there already, with the same content. */
  readonly unchanged: number;
  /** There already with other content: the registry's was kept. */
  readonly conflicts: readonly {
    readonly agent: string;
    readonly version: string;
    readonly reason: string;
  }[];
  readonly unplaced: readonly UnplacedPart[];
}

/**
 * Takes over a `registry.json` of the published schema. The whole file is checked before anything is written; each
 * agent is one commit. Importing the same file again changes nothing.
 * @throws ModelOpsError `input/registry-json` for another schema, `input/prototype-key`, `input/agent-name`.
 */
export async function importRegistry(context: RegistryContext, input: ImportInput): Promise<ImportReport> {
  const json = readSource(input.path === undefined ? input.json : await readJsonFile(input.path));
  const names = canonicalNames(json);
  const imported: AgentImport[] = [];
  const { actor, reason, operationId, signal } = input;
  for (const [name, published] of Object.entries(json.agents)) {
    const change = { agent: name, actor, reason, operationId, signal };
    imported.push(await changeAgent(context, change, (view) => importAgent(view, name, published)));
  }
  const extra = Object.fromEntries(Object.entries(json).filter(([field]) => !KNOWN_FIELDS.has(field)));
  await keepHead(context, json, extra);
  return {
    agents: names,
    added: imported.reduce((sum, part) => sum + part.added.length, 0),
    unchanged: imported.reduce((sum, part) => sum + part.unchanged, 0),
    conflicts: imported.flatMap((part) => part.conflicts),
    unplaced: [
      ...Object.keys(extra).map((field) => ({ agent: null, version: null, field, reason: UNKNOWN_FIELD })),
      ...imported.flatMap((part) => part.unplaced),
    ],
  };
}

export const UNKNOWN_FIELD = "The published schema does not know this field; it is kept as it is.";

async function readJsonFile(path: string): Promise<unknown> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES)
      throw new Error(`the file has ${size} bytes, at most ${MAX_FILE_BYTES} are read`);
    return JSON.parse(await readFile(path, "utf8")) as unknown;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const what = error instanceof SyntaxError ? "It is not JSON" : "It cannot be read";
    throw new ModelOpsError({
      code: "input/registry-json",
      message: `${path} cannot be imported.`,
      reason: `${isMissing ? "There is no such file" : `${what} (${(error as Error).message})`}; nothing was changed.`,
      fix: "give the path of a registry.json of schema 1.x.",
      cause: error,
    });
  }
}

function readSource(source: unknown): RegistryJson {
  refusePrototypeKeys(source, "The registry.json");
  return parseOrThrow(registryJsonSchema, source, {
    code: "input/registry-json",
    subject: "The registry.json",
    fix: "correct the named fields; the schema is { created_at, updated_at, version, agents }. Nothing was changed.",
  });
}

/** Two spellings of one agent in a file would be merged by chance of order, so they are refused. */
function canonicalNames(json: RegistryJson): readonly string[] {
  const spelled = new Map<string, string>();
  for (const name of Object.keys(json.agents)) {
    const agent = canonicalAgentName(name);
    const other = spelled.get(agent);
    if (other !== undefined) {
      throw new ModelOpsError({
        code: "input/registry-json",
        message: `The registry.json lists ${other} and ${name}.`,
        reason: "'-' and '_' name the same agent; nothing was changed.",
        fix: "merge the two entries first.",
      });
    }
    spelled.set(agent, name);
  }
  return [...spelled.keys()];
}

async function keepHead(
  context: RegistryContext,
  json: RegistryJson,
  extra: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { store, runtime } = context;
  const at = isoTime(runtime.clock);
  const value = { v: 1, createdAt: json.created_at ?? at, extra };
  const stored = await store.get("agents", REGISTRY_AGENT, STATE_KEY);
  if (stored && isDeepStrictEqual(stored.value, JSON.parse(JSON.stringify(value)))) return;
  // The first import gives the registry its birthday; a later one only adds fields.
  const kept = stored?.value as { readonly createdAt: string; readonly extra: object } | undefined;
  const merged = kept ? { v: 1, createdAt: kept.createdAt, extra: { ...extra, ...kept.extra } } : value;
  if (stored && isDeepStrictEqual(stored.value, merged)) return;
  const event = newEvent(runtime, {
    type: "registry.imported",
    agent: null,
    subject: null,
    data: { versions: [] },
  });
  await store.commit({
    agent: REGISTRY_AGENT,
    expectedRev: null,
    puts: [{ collection: "agents", key: STATE_KEY, value: merged }],
    events: [event],
    at,
  });
  context.onCommit();
}
