import { ModelOpsError } from "../errors/modelops-error.ts";

/** What an `ls://` reference names: a dataset at a version, or the traced runs of a project in a window of time. */
export type LangSmithReference =
  | { readonly kind: "dataset"; readonly name: string; readonly asOf: string | null }
  | {
      readonly kind: "project";
      readonly name: string;
      readonly since: string | null;
      readonly until: string | null;
    };

const PROJECTS = "projects/";

/** Reads `ls://name`, `ls://name@2026-11-01T00:00:00Z`, `ls://name@tag` and `ls://projects/name?since=…&until=…`. */
export function parseLangSmithReference(ref: string): LangSmithReference {
  const text = ref.replace(/^ls:(\/\/)?/, "");
  const reference = text.startsWith(PROJECTS) ? projectOf(text.slice(PROJECTS.length), ref) : datasetOf(text);
  if (reference.name.trim() === "") throw badReference(ref, "It names no dataset and no project.");
  return reference;
}

function datasetOf(text: string): LangSmithReference {
  const at = text.lastIndexOf("@");
  return at === -1
    ? { kind: "dataset", name: text, asOf: null }
    : { kind: "dataset", name: text.slice(0, at), asOf: text.slice(at + 1) || null };
}

function projectOf(text: string, ref: string): LangSmithReference {
  const at = text.indexOf("?");
  const query = new URLSearchParams(at === -1 ? "" : text.slice(at + 1));
  for (const name of query.keys())
    if (name !== "since" && name !== "until") throw badReference(ref, `It asks for ${JSON.stringify(name)}.`);
  return {
    kind: "project",
    name: at === -1 ? text : text.slice(0, at),
    since: timeOf(query.get("since"), ref),
    until: timeOf(query.get("until"), ref),
  };
}

/** ISO 8601 in UTC, so that both sides of a comparison mean the same moment. */
function timeOf(text: string | null, ref: string): string | null {
  if (text === null) return null;
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) throw badReference(ref, `${JSON.stringify(text)} is no time.`);
  return new Date(atMs).toISOString();
}

function badReference(ref: string, reason: string): ModelOpsError {
  return new ModelOpsError({
    code: "langsmith/reference",
    message: `${JSON.stringify(ref).slice(0, 140)} is no LangSmith reference.`,
    reason,
    fix: "write ls://dataset, ls://dataset@2026-11-01T00:00:00Z, or ls://projects/name?since=2026-11-01T00:00:00Z.",
  });
}
