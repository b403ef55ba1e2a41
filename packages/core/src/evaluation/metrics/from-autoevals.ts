import type { Metric } from "../metric.ts";
import { referenceOf } from "../reference.ts";

interface AutoevalsScore {
  readonly name?: string;
  readonly score: number | null;
}

/** What an `autoevals` scorer looks like, without depending on the package: called with `{ input, output, expected }`. */
export type AutoevalsScorer = (input: never) => AutoevalsScore | Promise<AutoevalsScore>;

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
      const input = {
        input: JSON.stringify(example.inputs),
        output: answer.text,
        ...(needsReference && { expected: referenceOf(example) }),
      };
      const result = await scorer(input as never);
      return result.score === null
        ? { score: null, reason: "the scorer skipped it" }
        : { score: result.score };
    },
  };
}
