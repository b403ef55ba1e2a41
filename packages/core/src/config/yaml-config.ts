import { LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { ModelOpsError } from "../errors/modelops-error.ts";

const MAX_BYTES = 4 * 1024 * 1024;
const MAX_SHOWN = 5;

/** Parses and checks a YAML text; every complaint names the file's line. */
export function parseYamlConfig<Schema extends z.ZodType>(options: {
  readonly text: string;
  /** For messages. */
  readonly file: string;
  readonly schema: Schema;
}): z.output<Schema> {
  const { text, file, schema } = options;
  if (text.length > MAX_BYTES) throw invalid(file, `It is larger than ${MAX_BYTES} bytes.`, []);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [error] = document.errors;
  if (error) {
    const line = lines.linePos(error.pos[0]).line;
    throw invalid(file, `Line ${line}: ${error.message.split("\n")[0] ?? ""}`, [line]);
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch (cause) {
    throw invalid(file, cause instanceof Error ? cause.message : String(cause), [], cause);
  }
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const found = result.error.issues.slice(0, MAX_SHOWN).map((issue) => {
    const path = issue.path.map(String);
    const line = lineOf(document, lines, path);
    return { line, text: `line ${line}, ${path.join(".") || "the file"}: ${issue.message}` };
  });
  throw invalid(
    file,
    `${found.map((issue) => issue.text).join("; ")}.`,
    found.map((issue) => issue.line),
  );
}

/** The line of a value, or of the nearest thing around it that exists. */
function lineOf(
  document: ReturnType<typeof parseDocument>,
  lines: LineCounter,
  path: readonly string[],
): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    const range = (node as { range?: readonly number[] } | undefined)?.range;
    if (range?.[0] !== undefined) return lines.linePos(range[0]).line;
  }
  return 1;
}

function invalid(file: string, reason: string, lines: readonly number[], cause?: unknown): ModelOpsError {
  return new ModelOpsError({
    code: "config/invalid-yaml",
    message: `The configuration file ${file} cannot be used.`,
    reason,
    fix: "correct the named lines.",
    details: { file, lines },
    cause,
  });
}
