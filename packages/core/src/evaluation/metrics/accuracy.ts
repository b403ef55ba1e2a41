import { isDeepStrictEqual } from "node:util";
import type { EvaluationExample } from "../../contract/dataset-source.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { Metric, MetricScore } from "../metric.ts";
import { parseJson, referenceOf } from "../reference.ts";
import { compileSchema } from "./json-schema.ts";
import { compilePattern, isPattern } from "./linear-regex.ts";

export type AccuracyMode = "exact" | "normalised" | "json-equal" | "contains" | "regex" | "schema";

export interface AccuracyOptions {
  /**
   * `exact`: the same characters. `normalised`: after Unicode NFKC, lower case, trimmed, runs of white space as one
   * blank. `json-equal`: the same JSON value, whatever the key order. `contains`: the reference occurs in the answer
   * (normalised). `regex`: the reference (or `pattern`) matches somewhere. `schema`: the answer is JSON that fits
   * `schema`. @default "exact"
   */
  readonly mode?: AccuracyMode;
  /** For `regex`: one pattern for all examples instead of each example's reference. RE2 syntax, linear time. */
  readonly pattern?: string;
  /** For `schema`: a JSON schema. */
  readonly schema?: Readonly<Record<string, unknown>>;
  /** Where the reference is. @default the field rules of `referenceOf` */
  readonly reference?: (example: EvaluationExample) => unknown;
  /** @default "accuracy" */
  readonly name?: string;
}

/** 1 when the answer is right by the chosen comparison, else 0. Without a reference: no score. */
export function accuracy(options: AccuracyOptions = {}): Metric {
  const mode = options.mode ?? "exact";
  if (mode === "schema" && !options.schema) {
    throw new ModelOpsError({
      code: "input/metric",
      message: 'accuracy with mode "schema" has no schema.',
      fix: "pass schema: a JSON schema object.",
    });
  }
  const needsReference = mode !== "schema" && !(mode === "regex" && options.pattern !== undefined);
  const readReference = options.reference ?? referenceOf;
  const fixedPattern = options.pattern === undefined ? null : compilePattern(options.pattern);
  const fits = options.schema ? compileSchema(options.schema) : null;

  return {
    name: options.name ?? "accuracy",
    version: options.reference
      ? null
      : `1:${mode}:${options.pattern ?? ""}:${JSON.stringify(options.schema ?? null)}`,
    description: `1 if the answer equals the reference (${mode}), else 0`,
    missing({ example }) {
      if (!needsReference) return null;
      const reference = readReference(example);
      if (reference === undefined) return "the example has no reference in outputs";
      return mode === "regex" && !isPattern(textOf(reference)) ? "the reference is no RE2 pattern" : null;
    },
    score({ example, answer }): MetricScore {
      if (mode === "schema" && fits) {
        const parsed = parseJson(answer.text);
        return { score: parsed.ok && fits(parsed.value) ? 1 : 0 };
      }
      if (fixedPattern) return { score: fixedPattern(answer.text) ? 1 : 0 };
      const reference = readReference(example);
      if (reference === undefined) return { score: null, reason: "the example has no reference in outputs" };
      return { score: equals(mode, answer.text, reference) ? 1 : 0 };
    },
  };
}

function equals(mode: AccuracyMode, text: string, reference: unknown): boolean {
  switch (mode) {
    case "json-equal": {
      const answer = parseJson(text);
      // A reference written as JSON text and one written as an object mean the same.
      const expected =
        typeof reference === "string" ? parseJson(reference) : { ok: true as const, value: reference };
      return answer.ok && expected.ok && isDeepStrictEqual(answer.value, expected.value);
    }
    case "normalised":
      return normalise(text) === normalise(textOf(reference));
    case "contains":
      return normalise(text).includes(normalise(textOf(reference)));
    case "regex":
      return compilePattern(textOf(reference))(text);
    default:
      return text === textOf(reference);
  }
}

function normalise(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/\s+/g, " ").trim();
}

function textOf(reference: unknown): string {
  return typeof reference === "string" ? reference : JSON.stringify(reference);
}
