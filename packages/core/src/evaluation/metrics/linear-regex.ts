import { RE2JS } from "re2js";
import { ModelOpsError } from "../../errors/modelops-error.ts";

/** Patterns come from datasets: an engine with linear time cannot be stalled by one of them. */
const compiled = new Map<string, (text: string) => boolean>();
const MAX_REMEMBERED = 1000;

/** Whether a text can be compiled. */
export function isPattern(pattern: string): boolean {
  try {
    compilePattern(pattern);
    return true;
  } catch {
    return false;
  }
}

/** A test for "matches somewhere", in RE2 syntax. */
export function compilePattern(pattern: string): (text: string) => boolean {
  const known = compiled.get(pattern);
  if (known) return known;
  let expression: RE2JS;
  try {
    expression = RE2JS.compile(pattern);
  } catch (cause) {
    throw new ModelOpsError({
      code: "input/pattern",
      message: `The pattern ${JSON.stringify(pattern.slice(0, 80))} is not a valid RE2 expression.`,
      reason: cause instanceof Error ? `${cause.message}.` : undefined,
      fix: "write it in RE2 syntax: no look-ahead and no back-references.",
      cause,
    });
  }
  const test = (text: string) => expression.matcher(text).find();
  if (compiled.size >= MAX_REMEMBERED) compiled.clear();
  compiled.set(pattern, test);
  return test;
}
