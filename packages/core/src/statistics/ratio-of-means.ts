import { clusterStandardError } from "./cluster-standard-error.ts";
import type { Interval } from "./compare-paired.ts";
import { meanOf, standardDeviationOf } from "./descriptive.ts";
import { studentTQuantile } from "./distributions/student-t.ts";
import { requireBetween, requireFiniteNumbers, requireSameLength, statisticsError } from "./input-checks.ts";

export interface RatioOfMeansOptions {
  /** Candidate values, one per example. */
  readonly candidate: readonly number[];
  /** Baseline values of the same examples in the same order; their mean must be above 0. */
  readonly baseline: readonly number[];
  /** Confidence of the intervals and of each one-sided bound. @default 0.95 */
  readonly confidence?: number;
  /** Source document or conversation of each example; the larger of the naive and the CR1 error is then used. */
  readonly clusterIds?: readonly (string | number)[];
}

/** Fieller's interval of the gain, or why there is none. */
export type FiellerInterval =
  | ({ readonly bounded: true } & Interval)
  | { readonly bounded: false; readonly reason: string };

export interface RatioOfMeans {
  readonly count: number;
  readonly candidateMean: number;
  readonly baselineMean: number;
  /** R = mean(candidate)/mean(baseline) − 1; 0.15 is +15 %. */
  readonly gain: number;
  /** Standard error of the gain by the delta method. */
  readonly standardError: number;
  /** Standard deviation of e_i/mean(baseline), e_i = c_i − (1+R)·b_i: the input of `examplesNeeded`. */
  readonly relativeStandardDeviation: number;
  readonly degreesOfFreedom: number;
  /** Two-sided delta-method interval at `confidence`. */
  readonly interval: Interval;
  /** One-sided delta-method lower bound at `confidence`. */
  readonly lowerBound: number;
  /** One-sided delta-method upper bound at `confidence`. */
  readonly upperBound: number;
  /** Two-sided Fieller interval at `confidence`. */
  readonly fieller: FiellerInterval;
  /** Whether mean(baseline)/SE > 5, where the delta method is safe; otherwise read `fieller`. */
  readonly deltaReliable: boolean;
  readonly confidence: number;
}

/**
 * Relative gain of the candidate over the baseline from paired examples.
 *
 * Delta method: SE_R = sd(e)/(√n·mean(b)), e_i = c_i − (1+R)·b_i, t quantiles with n − 1 degrees of freedom. Fieller
 * (1954): all θ with (c̄ − θb̄)² ≤ t²·(s_cc − 2θs_cb + θ²s_bb)/n, minus 1; a bounded interval exists only while the
 * baseline mean itself differs from 0 at this confidence. With `clusterIds`, t has G − 1 degrees of freedom and Fieller
 * still treats examples as independent.
 *
 * @throws `statistics/baseline-not-positive`, `empty-input`, `too-few-values`, `not-finite`, `length-mismatch`, `out-of-range`
 */
export function ratioOfMeans(options: RatioOfMeansOptions): RatioOfMeans {
  const { candidate, baseline, confidence = 0.95, clusterIds } = options;
  requireFiniteNumbers("candidate", candidate, 2);
  requireFiniteNumbers("baseline", baseline, 2);
  requireSameLength("candidate", candidate, "baseline", baseline);
  requireBetween("confidence", confidence, 0, 1);
  const count = candidate.length;
  const candidateMean = meanOf(candidate);
  const baselineMean = meanOf(baseline);
  if (!(baselineMean > 0)) {
    throw statisticsError(
      "baseline-not-positive",
      `The baseline mean is ${baselineMean}; a relative gain needs a mean above 0.`,
      "Compare in absolute points instead: comparePaired, or metricGain for a single pair of means.",
      { baselineMean },
    );
  }
  const gain = candidateMean / baselineMean - 1;
  const residuals = candidate.map((value, index) => value - (1 + gain) * (baseline[index] ?? 0));
  const cluster = clusterIds === undefined ? null : clusterStandardError({ values: residuals, clusterIds });
  const residualError = cluster?.recommended ?? standardDeviationOf(residuals) / Math.sqrt(count);
  const standardError = residualError / baselineMean;
  const degreesOfFreedom = cluster?.degreesOfFreedom ?? count - 1;
  const twoSided = studentTQuantile((1 + confidence) / 2, degreesOfFreedom);
  const oneSided = studentTQuantile(confidence, degreesOfFreedom);
  const baselineError = standardDeviationOf(baseline) / Math.sqrt(count);
  return {
    count,
    candidateMean,
    baselineMean,
    gain,
    standardError,
    relativeStandardDeviation: standardError * Math.sqrt(count),
    degreesOfFreedom,
    interval: { lower: gain - twoSided * standardError, upper: gain + twoSided * standardError },
    lowerBound: gain - oneSided * standardError,
    upperBound: gain + oneSided * standardError,
    fieller: fiellerInterval(candidate, baseline, candidateMean, baselineMean, twoSided),
    deltaReliable: baselineMean > 5 * baselineError,
    confidence,
  };
}

function fiellerInterval(
  candidate: readonly number[],
  baseline: readonly number[],
  candidateMean: number,
  baselineMean: number,
  quantile: number,
): FiellerInterval {
  const count = candidate.length;
  let candidateSquares = 0;
  let baselineSquares = 0;
  let products = 0;
  for (let index = 0; index < count; index += 1) {
    const fromCandidate = (candidate[index] ?? 0) - candidateMean;
    const fromBaseline = (baseline[index] ?? 0) - baselineMean;
    candidateSquares += fromCandidate * fromCandidate;
    baselineSquares += fromBaseline * fromBaseline;
    products += fromCandidate * fromBaseline;
  }
  const scale = (quantile * quantile) / (count * (count - 1));
  const a = baselineMean * baselineMean - scale * baselineSquares;
  const halfB = candidateMean * baselineMean - scale * products;
  const c = candidateMean * candidateMean - scale * candidateSquares;
  if (!(a > 0)) {
    return {
      bounded: false,
      reason: "The baseline mean is too close to 0 for its spread: no bounded interval exists.",
    };
  }
  const root = Math.sqrt(Math.max(0, halfB * halfB - a * c));
  return { bounded: true, lower: (halfB - root) / a - 1, upper: (halfB + root) / a - 1 };
}
