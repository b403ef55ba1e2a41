import type { EvaluationExample } from "../contract/dataset-source.ts";

const REFERENCE_FIELDS = ["text", "answer", "output", "expected", "completion", "label"] as const;

/**
 * What the example says the answer should be: the first of `outputs.text|answer|output|expected|completion|label`,
 * or the only field there is. Undefined when there is none.
 */
export function referenceOf(example: EvaluationExample): unknown {
  for (const field of REFERENCE_FIELDS) {
    const value = example.outputs[field];
    if (value !== undefined && value !== null) return value;
  }
  const values = Object.values(example.outputs).filter((value) => value !== undefined && value !== null);
  return values.length === 1 ? values[0] : undefined;
}

/** A list of strings under one of the names, or null when none of them holds one. */
export function stringList(
  record: Readonly<Record<string, unknown>>,
  names: readonly string[],
): readonly string[] | null {
  for (const name of names) {
    const value = record[name];
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  }
  return null;
}

/** A string under one of the names, or null. */
export function stringField(
  record: Readonly<Record<string, unknown>>,
  names: readonly string[],
): string | null {
  for (const name of names) {
    const value = record[name];
    if (typeof value === "string") return value;
  }
  return null;
}

export function parseJson(
  text: string,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false };
  }
}
