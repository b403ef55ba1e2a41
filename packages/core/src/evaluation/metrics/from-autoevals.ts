import type { Metric } from "../metric.ts";
import { referenceOf } from "../reference.ts";

/** What an `autoevals` scorer looks like, without depending on the package. */
export type AutoevalsScorer = (input: {
  readonly input: string;
  readonly output: string;
  readonly expected?: unknown;
}) =>
  | { readonly name?: string; readonly score: number | null }
  | Promise<{ readonly name?: string; readonly score: number | null }>;

export interface FromAutoevalsOptions {
  /** snake_case. */
  readonly name: string;
  /** Of the scorer and its settings, such as the package version; without one, results are never reused. */
  readonly version?: string;
  /** @default true */
  readonly needsReference?: boolean;
}

/** A scorer of the `autoevals` package (or of its shape) as a metric. Its scores are in [0, 1], higher is better. */
export function fromAutoevals(scorer: AutoevalsScorer, options: FromAutoevalsOptions): Metric {
  const needsReference = options.needsReference ?? true;
  return {
    name: options.name,
    version: options.version ?? null,
    description: "score of an autoevals scorer",
    missing: ({ example }) =>
      needsReference && referenceOf(example) === undefined ? "the example has no reference in outputs" : null,
    async score({ example, answer }) {
      const result = await scorer({
        input: JSON.stringify(example.inputs),
        output: answer.text,
        ...(needsReference && { expected: referenceOf(example) }),
      });
      return result.score === null
        ? { score: null, reason: "the scorer skipped it" }
        : { score: result.score };
    },
  };
}
