import { ModelOpsError } from "../../../errors/modelops-error.ts";

/** What a Python script says it needs (PEP 723). */
export interface ScriptHeader {
  readonly requiresPython: string | null;
  readonly dependencies: readonly string[];
  /** `[tool.uv] exclude-newer`. */
  readonly excludeNewer: string | null;
}

/** Reads the PEP 723 block of a script: the few TOML forms our own scripts use, nothing more. */
export function readScriptHeader(script: string, name: string): ScriptHeader {
  const block = /^# \/\/\/ script\r?\n((?:#(?: .*)?\r?\n)*?)# \/\/\/\r?$/m.exec(script)?.[1];
  if (block === undefined) throw invalid(name, "It has no `# /// script` block.");
  const toml = block.replaceAll(/^# ?/gm, "");
  const list = /^dependencies\s*=\s*\[([\s\S]*?)\]\s*$/m.exec(toml)?.[1];
  if (list === undefined) throw invalid(name, "Its `# /// script` block lists no dependencies.");
  return {
    requiresPython: /^requires-python\s*=\s*"([^"]*)"/m.exec(toml)?.[1] ?? null,
    dependencies: [...list.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? ""),
    excludeNewer: /^exclude-newer\s*=\s*"([^"]*)"/m.exec(toml)?.[1] ?? null,
  };
}

function invalid(name: string, reason: string): ModelOpsError {
  return new ModelOpsError({
    code: "training/script-header",
    message: `The training script ${name} does not say what it needs.`,
    reason,
    fix: "start it with a PEP 723 header that pins its dependencies.",
  });
}
