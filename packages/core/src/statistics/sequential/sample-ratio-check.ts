import { logBeta } from "../distributions/gamma.ts";
import { requireBetween, requireWholeNumber } from "../input-checks.ts";

/** Sessions assigned while the share was constant. */
export interface AssignmentPeriod {
  /** Share the router was told, strictly between 0 and 1. */
  readonly canaryShare: number;
  /** Sessions that were really assigned to the canary. */
  readonly canary: number;
  /** Sessions that were really assigned to the baseline. */
  readonly baseline: number;
}

export interface SampleRatioCheckOptions {
  /** One entry per share the rollout ran at. */
  readonly periods: readonly AssignmentPeriod[];
  /** Chance of a false report over the whole rollout. @default 0.01 */
  readonly alpha?: number;
  /** Sessions the expected share is worth as a prior. @default 100 */
  readonly priorWeight?: number;
}

export interface SampleRatioCheck {
  /** ln of the Bayes factor against "assigned as told"; periods add up. */
  readonly logBayesFactor: number;
  /** min(1, 1/BF). */
  readonly pValue: number;
  /** BF ≥ 1/α: assignment is broken, and every other number of the rollout is suspect. */
  readonly mismatch: boolean;
}

/**
 * Sequential sample-ratio check: Beta(100·w, 100·(1−w)) mixture against the told share w,
 * ln BF = ln B(100w + n_c, 100(1−w) + n_b) − ln B(100w, 100(1−w)) − n_c ln w − n_b ln(1−w). May be looked at any time.
 * Source: Lindon & Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022.
 *
 * @throws `statistics/out-of-range`, `not-a-count`
 */
export function sampleRatioCheck(options: SampleRatioCheckOptions): SampleRatioCheck {
  const { periods, alpha = 0.01, priorWeight = 100 } = options;
  requireBetween("alpha", alpha, 0, 1);
  requireBetween("priorWeight", priorWeight, 0, Number.POSITIVE_INFINITY);
  let logBayesFactor = 0;
  for (const { canaryShare, canary, baseline } of periods) {
    requireBetween("canaryShare", canaryShare, 0, 1);
    requireWholeNumber("canary", canary, 0);
    requireWholeNumber("baseline", baseline, 0);
    const a = priorWeight * canaryShare;
    const b = priorWeight - a;
    logBayesFactor +=
      logBeta(a + canary, b + baseline) -
      logBeta(a, b) -
      canary * Math.log(canaryShare) -
      baseline * Math.log1p(-canaryShare);
  }
  return {
    logBayesFactor,
    pValue: Math.min(1, Math.exp(-logBayesFactor)),
    mismatch: logBayesFactor >= -Math.log(alpha),
  };
}
