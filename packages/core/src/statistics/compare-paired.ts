import { meanOf, standardDeviationOf } from "./descriptive.ts";
import { studentTCdf, studentTQuantile } from "./distributions/student-t.ts";
import { requireBetween, requireFiniteNumbers, requireSameLength } from "./input-checks.ts";

/** Two-sided interval. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

export interface ComparePairedOptions {
  /** Candidate scores, one per example. */
  readonly candidate: readonly number[];
  /** Baseline scores of the same examples in the same order. */
  readonly baseline: readonly number[];
  /** Confidence of the interval and of each one-sided bound. @default 0.95 */
  readonly confidence?: number;
}

export interface PairedComparison {
  /** Number of pairs. */
  readonly count: number;
  readonly candidateMean: number;
  readonly baselineMean: number;
  /** Mean of candidate − baseline, in score points. */
  readonly difference: number;
  readonly standardDeviation: number;
  /** Standard error of the mean difference from the pairs. */
  readonly standardError: number;
  /** What the standard error would be had the arms used different examples: the price of not pairing. */
  readonly unpairedStandardError: number;
  /** Correlation of the arms over examples; null when an arm is constant. */
  readonly correlation: number | null;
  readonly degreesOfFreedom: number;
  /** Paired t; null when all differences are equal (no spread to measure with). */
  readonly t: number | null;
  /** Two-sided p; null with `t`. */
  readonly pValue: number | null;
  /** One-sided p for "candidate is better"; null with `t`. */
  readonly pValueBetter: number | null;
  /** Two-sided interval at `confidence`. */
  readonly interval: Interval;
  /** One-sided lower bound at `confidence`. */
  readonly lowerBound: number;
  /** One-sided upper bound at `confidence`. */
  readonly upperBound: number;
  readonly confidence: number;
}

/**
 * Compares two arms measured on the same examples by the paired t method.
 *
 * D_i = c_i − b_i, SE = sd(D)/√n, t = mean(D)/SE with n − 1 degrees of freedom. Source: Student 1908; for evaluations
 * Miller, "Adding Error Bars to Evals", arXiv 2411.00640.
 *
 * @throws `statistics/empty-input`, `too-few-values` (< 2), `not-finite`, `length-mismatch`, `out-of-range`
 */
export function comparePaired(options: ComparePairedOptions): PairedComparison {
  const { candidate, baseline, confidence = 0.95 } = options;
  requireFiniteNumbers("candidate", candidate, 2);
  requireFiniteNumbers("baseline", baseline, 2);
  requireSameLength("candidate", candidate, "baseline", baseline);
  requireBetween("confidence", confidence, 0, 1);
  const count = candidate.length;
  const differences = candidate.map((value, index) => value - (baseline[index] ?? 0));
  const candidateMean = meanOf(candidate);
  const baselineMean = meanOf(baseline);
  const difference = meanOf(differences);
  const standardDeviation = standardDeviationOf(differences);
  const standardError = standardDeviation / Math.sqrt(count);
  const candidateDeviation = standardDeviationOf(candidate);
  const baselineDeviation = standardDeviationOf(baseline);
  let products = 0;
  for (let index = 0; index < count; index += 1) {
    products += ((candidate[index] ?? 0) - candidateMean) * ((baseline[index] ?? 0) - baselineMean);
  }
  const degreesOfFreedom = count - 1;
  const scale = degreesOfFreedom * candidateDeviation * baselineDeviation;
  const t = standardError > 0 ? difference / standardError : null;
  const twoSided = studentTQuantile((1 + confidence) / 2, degreesOfFreedom) * standardError;
  const oneSided = studentTQuantile(confidence, degreesOfFreedom) * standardError;
  return {
    count,
    candidateMean,
    baselineMean,
    difference,
    standardDeviation,
    standardError,
    unpairedStandardError: Math.sqrt((candidateDeviation ** 2 + baselineDeviation ** 2) / count),
    correlation: scale > 0 ? products / scale : null,
    degreesOfFreedom,
    t,
    pValue: t === null ? null : 2 * studentTCdf(-Math.abs(t), degreesOfFreedom),
    pValueBetter: t === null ? null : studentTCdf(-t, degreesOfFreedom),
    interval: { lower: difference - twoSided, upper: difference + twoSided },
    lowerBound: difference - oneSided,
    upperBound: difference + oneSided,
    confidence,
  };
}
