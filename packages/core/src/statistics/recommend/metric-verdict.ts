import { clusterStandardError } from "../cluster-standard-error.ts";
import { comparePaired } from "../compare-paired.ts";
import { meanOf, standardDeviationOf } from "../descriptive.ts";
import { studentTCdf, studentTQuantile } from "../distributions/student-t.ts";
import { mcnemar } from "../mcnemar.ts";
import { metricGain } from "../metric-gain.ts";
import { ratioOfMeans } from "../ratio-of-means.ts";
import { signFlipTest } from "../sign-flip-test.ts";
import { meanBounds } from "./composite-gain.ts";
import type { RecommendationMetric } from "./recommend-options.ts";

/** Up to this many pairs, or documents, a metric is tested by exact sign flips instead of t. */
const SIGN_FLIP_UP_TO = 20;

/** One row of the per-metric table. Shares: 0.1 is 10 % (or 10 points when `relativeUndefined`). */
export interface MetricVerdict {
  readonly name: string;
  readonly kind: RecommendationMetric["kind"];
  readonly direction: RecommendationMetric["direction"];
  readonly weight: number;
  readonly guardrail: boolean;
  /** Examples with the metric on both arms. */
  readonly pairs: number;
  /** Share of examples where an arm lacks it. */
  readonly missingShare: number;
  readonly candidateMean: number | null;
  readonly baselineMean: number | null;
  /** Oriented gain, positive is better; null without a baseline or for a raw metric whose baseline is 0. */
  readonly gain: number | null;
  /** One-sided bounds of the gain. */
  readonly lowerBound: number | null;
  readonly upperBound: number | null;
  readonly relativeUndefined: boolean;
  /** One-sided p for "worse than the baseline". */
  readonly pValueWorse: number | null;
  /** The same after Holm over all guardrails; null for other metrics. */
  readonly adjustedPValueWorse: number | null;
  /** Gain below −20 %. */
  readonly degraded: boolean;
  /** Degraded, and worse with Holm p < α. */
  readonly confirmedDegraded: boolean;
  /** Lower bound above −20 %. */
  readonly shownSafe: boolean;
  /** Spread of one example in the unit of the gain. */
  readonly spread: number | null;
}

/** What can be said about one metric before Holm and thresholds are applied. */
export type MetricEvidence = Pick<
  MetricVerdict,
  | "candidateMean"
  | "baselineMean"
  | "gain"
  | "lowerBound"
  | "upperBound"
  | "relativeUndefined"
  | "pValueWorse"
  | "spread"
>;

interface MetricEvidenceOptions {
  readonly metric: Pick<RecommendationMetric, "kind" | "direction">;
  readonly candidate: readonly number[];
  readonly baseline: readonly number[];
  readonly clusterIds: readonly (string | number)[] | undefined;
  readonly alpha: number;
}

/**
 * Gain, bounds and test of one metric over its complete pairs.
 *
 * Scores: delta method for the ratio, t bounds; below the floor of 0.05, absolute points. Raw quantities: delta method
 * on the logarithm of the ratio of means, shown as a percentage. Test of "worse": exact McNemar for pass/fail, exact
 * sign flips up to 20 pairs (or clusters), else t, with the CR1 error when examples share clusters; raw positive quantities on log ratios.
 */
export function metricEvidence(options: MetricEvidenceOptions): MetricEvidence {
  const { metric, candidate, baseline, clusterIds, alpha } = options;
  const sign = metric.direction === "higher" ? 1 : -1;
  const candidateMean = meanOf(candidate);
  const baselineMean = meanOf(baseline);
  const gain = metricGain({ baseline: baselineMean, candidate: candidateMean, ...metric });
  const common = {
    candidateMean,
    baselineMean,
    gain: gain.gain,
    relativeUndefined: gain.relativeUndefined,
    pValueWorse: pValueWorse(options, sign),
  };
  if (gain.unit === "none") return { ...common, lowerBound: null, upperBound: null, spread: null };
  if (metric.kind === "raw") return { ...common, ...logRatioBounds(options, sign) };
  if (gain.unit === "points") {
    const differences = candidate.map((value, index) => sign * (value - (baseline[index] ?? 0)));
    const { lower, upper, spread } = meanBounds({ values: differences, clusterIds, confidence: 1 - alpha });
    return { ...common, lowerBound: lower, upperBound: upper, spread };
  }
  const ratio = ratioOfMeans({ candidate, baseline, confidence: 1 - 2 * alpha, clusterIds });
  const { lower, upper } = ratio.interval;
  return {
    ...common,
    lowerBound: sign === 1 ? lower : -upper,
    upperBound: sign === 1 ? upper : -lower,
    spread: ratio.relativeStandardDeviation,
  };
}

function logRatioBounds(
  { candidate, baseline, clusterIds, alpha }: MetricEvidenceOptions,
  sign: number,
): Pick<MetricEvidence, "lowerBound" | "upperBound" | "spread"> {
  const candidateMean = meanOf(candidate);
  const baselineMean = meanOf(baseline);
  if (!(candidateMean > 0)) return { lowerBound: null, upperBound: null, spread: null };
  const residuals = candidate.map(
    (value, index) => value / candidateMean - (baseline[index] ?? 0) / baselineMean,
  );
  const cluster = clusterIds === undefined ? null : clusterStandardError({ values: residuals, clusterIds });
  const count = candidate.length;
  const error = cluster?.recommended ?? standardDeviationOf(residuals) / Math.sqrt(count);
  const reach = studentTQuantile(1 - alpha, cluster?.degreesOfFreedom ?? count - 1) * error;
  const logRatio = Math.log(candidateMean / baselineMean);
  const low = sign * (Math.exp(logRatio - reach) - 1);
  const high = sign * (Math.exp(logRatio + reach) - 1);
  return {
    lowerBound: Math.min(low, high),
    upperBound: Math.max(low, high),
    spread: (error * Math.sqrt(count) * candidateMean) / baselineMean,
  };
}

function pValueWorse(
  { metric, candidate, baseline, clusterIds }: MetricEvidenceOptions,
  sign: number,
): number {
  const isBit = (value: number): boolean => value === 0 || value === 1;
  if (clusterIds === undefined && candidate.every(isBit) && baseline.every(isBit)) {
    let better = 0;
    let worse = 0;
    candidate.forEach((value, index) => {
      const change = sign * (value - (baseline[index] ?? 0));
      if (change > 0) better += 1;
      if (change < 0) worse += 1;
    });
    return mcnemar({ onlyBaseline: worse, onlyCandidate: better }).pValueWorse;
  }
  const useLogs =
    metric.kind === "raw" && candidate.every((value) => value > 0) && baseline.every((value) => value > 0);
  const scale = (value: number): number => sign * (useLogs ? Math.log(value) : value);
  const first = candidate.map(scale);
  const second = baseline.map(scale);
  const differences = first.map((value, index) => value - (second[index] ?? 0));
  const units = clusterIds === undefined ? candidate.length : new Set(clusterIds).size;
  if (units <= SIGN_FLIP_UP_TO) return signFlipTest({ differences, clusterIds }).pValueWorse;
  if (clusterIds !== undefined) {
    const cluster = clusterStandardError({ values: differences, clusterIds });
    if (cluster.recommended > 0) {
      return studentTCdf(cluster.mean / cluster.recommended, cluster.degreesOfFreedom);
    }
  }
  const { t, difference, degreesOfFreedom } = comparePaired({ candidate: first, baseline: second });
  // Without any spread t is undefined; all signs equal has the exact chance 2⁻ⁿ.
  if (t === null) return difference < 0 ? 2 ** -units : 1;
  return studentTCdf(t, degreesOfFreedom);
}
