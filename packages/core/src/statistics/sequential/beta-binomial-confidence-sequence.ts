import type { Interval } from "../compare-paired.ts";
import { logBeta } from "../distributions/gamma.ts";
import { requireBetween, requireWholeNumber, statisticsError } from "../input-checks.ts";

export interface BetaBinomialConfidenceSequenceOptions {
  readonly successes: number;
  /** Sessions so far. */
  readonly count: number;
  /** @default 0.05 */
  readonly alpha?: number;
  /** Beta prior of the mixture. @default { a: 1, b: 1 } */
  readonly prior?: { readonly a: number; readonly b: number };
}

/**
 * Interval of one success rate that stays valid however often one looks: all p with
 * B(a+S, b+F)/(B(a, b)·p^S·(1−p)^F) < 1/α. For one arm against a service level, or when nothing runs beside it any
 * more (100 % stage). Exact. Source: Robbins 1970; Howard et al., arXiv 1810.08240.
 *
 * @throws `statistics/not-a-count`, `out-of-range`, `too-many-successes`
 */
export function betaBinomialConfidenceSequence(options: BetaBinomialConfidenceSequenceOptions): Interval {
  const { successes, count, alpha = 0.05, prior = { a: 1, b: 1 } } = options;
  requireWholeNumber("successes", successes, 0);
  requireWholeNumber("count", count, 0);
  requireBetween("alpha", alpha, 0, 1);
  requireBetween("prior.a", prior.a, 0, Number.POSITIVE_INFINITY);
  requireBetween("prior.b", prior.b, 0, Number.POSITIVE_INFINITY);
  if (successes > count) {
    throw statisticsError(
      "too-many-successes",
      `${successes} successes of ${count}.`,
      "successes cannot exceed count.",
    );
  }
  if (count === 0) return { lower: 0, upper: 1 };
  const failures = count - successes;
  const marginal = logBeta(prior.a + successes, prior.b + failures) - logBeta(prior.a, prior.b);
  const isInside = (rate: number): boolean =>
    marginal -
      (successes === 0 ? 0 : successes * Math.log(rate)) -
      (failures === 0 ? 0 : failures * Math.log1p(-rate)) <
    -Math.log(alpha);
  // The ratio is convex in p with its minimum at S/n, so each side has one crossing.
  const crossing = (outside: number, inside: number): number => {
    let far = outside;
    let near = inside;
    for (let round = 0; round < 200 && Math.abs(far - near) > 1e-15; round += 1) {
      const middle = (far + near) / 2;
      if (isInside(middle)) near = middle;
      else far = middle;
    }
    return near;
  };
  const centre = successes / count;
  return {
    lower: successes === 0 ? 0 : crossing(0, centre),
    upper: failures === 0 ? 1 : crossing(1, centre),
  };
}
