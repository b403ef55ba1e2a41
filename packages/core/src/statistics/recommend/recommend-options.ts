import { DEFAULT_METRIC_WEIGHTS, type ExampleScores, requireWeights } from "../composite-scores.ts";
import {
  requireBetween,
  requireKnownKeys,
  requireOneOf,
  requireSameLength,
  requireWholeNumber,
  statisticsError,
} from "../input-checks.ts";
import type { MetricDirection, MetricKind } from "../metric-gain.ts";

/**
 * How much certainty a recommendation needs. `hybrid`: deploy needs the bound above 15 %, a canary needs it above 0,
 * because a canary is itself a controlled experiment. `strict`: the bound must clear each tier's own threshold. `point`:
 * the estimate alone; wrong for a quarter of unchanged candidates at 20 examples, kept for comparison.
 */
export type RecommendationPolicy = "hybrid" | "strict" | "point";

export interface RecommendationMetric {
  readonly name: string;
  /** `score` in [0, 1] may enter the composite; `raw` (milliseconds, dollars) is a guardrail only. */
  readonly kind: MetricKind;
  readonly direction: MetricDirection;
  /** Share in the composite; the weights of all score metrics add up to 1. @default 0 */
  readonly weight?: number;
  /** Whether a drop of more than 20 % in this metric alone can reject. @default true */
  readonly guardrail?: boolean;
}

/** Shares, not percent: 0.15 is 15 %. */
export interface RecommendationThresholds {
  /** Deploy needs a gain above this. @default 0.15 */
  readonly deployAbove: number;
  /** A canary needs at least this gain. @default 0.05 */
  readonly canaryFrom: number;
  /** A gain below this rejects. @default -0.05 */
  readonly rejectBelow: number;
  /** A guardrail metric below this gain counts as degraded. @default -0.2 */
  readonly degradedBelow: number;
  /** A mean composite below this rejects whatever the gain. @default 0.5 */
  readonly minimumQuality: number;
  /** Fewer complete pairs give no recommendation. @default 5 */
  readonly minimumPairs: number;
  /** A larger share of missing examples gives no recommendation. @default 0.05 */
  readonly maximumMissingShare: number;
}

/** The thresholds used unless the caller changes some. */
export const DEFAULT_THRESHOLDS: RecommendationThresholds = {
  deployAbove: 0.15,
  canaryFrom: 0.05,
  rejectBelow: -0.05,
  degradedBelow: -0.2,
  minimumQuality: 0.5,
  minimumPairs: 5,
  maximumMissingShare: 0.05,
};

export interface RecommendOptions {
  /** One row per example. A metric that could not be measured is null, never 0. */
  readonly candidate: readonly ExampleScores[];
  /** The same examples in the same order on the model in use; null when there is none yet. */
  readonly baseline: readonly ExampleScores[] | null;
  /** @default the five standard scores with weights .30 .25 .20 .15 .10 */
  readonly metrics?: readonly RecommendationMetric[];
  /** @default "hybrid" */
  readonly policy?: RecommendationPolicy;
  readonly thresholds?: Partial<RecommendationThresholds>;
  /** Source document or conversation of each example, when examples share them. */
  readonly clusterIds?: readonly (string | number)[];
  /** Error rate of each one-sided bound and of the guardrail family. @default 0.05 */
  readonly alpha?: number;
  /** Bootstrap resamples below 200 pairs. @default 10000 */
  readonly resamples?: number;
  /** Seed of the bootstrap. @default 1 */
  readonly seed?: number;
}

export interface CompiledRecommendOptions {
  readonly candidate: readonly ExampleScores[];
  readonly baseline: readonly ExampleScores[] | null;
  readonly metrics: readonly Required<RecommendationMetric>[];
  readonly policy: RecommendationPolicy;
  readonly thresholds: RecommendationThresholds;
  readonly clusterIds: readonly (string | number)[] | undefined;
  readonly alpha: number;
  readonly resamples: number;
  readonly seed: number;
}

/** Fills defaults and refuses what makes no sense, before anything is computed. */
export function compileRecommendOptions(options: RecommendOptions): CompiledRecommendOptions {
  const {
    candidate,
    baseline,
    policy = "hybrid",
    clusterIds,
    alpha = 0.05,
    resamples = 10_000,
    seed = 1,
  } = options;
  requireKnownKeys("recommend", options, [
    "candidate",
    "baseline",
    "metrics",
    "policy",
    "thresholds",
    "clusterIds",
    "alpha",
    "resamples",
    "seed",
  ]);
  if (candidate.length === 0) {
    throw statisticsError("empty-input", "candidate is empty.", "Evaluate at least one example.");
  }
  if (baseline !== null) requireSameLength("candidate", candidate, "baseline", baseline);
  if (clusterIds !== undefined) requireSameLength("candidate", candidate, "clusterIds", clusterIds);
  requireOneOf("policy", policy, ["hybrid", "strict", "point"]);
  requireBetween("alpha", alpha, 0, 0.5);
  requireWholeNumber("resamples", resamples, 1000);
  const metrics = (options.metrics ?? defaultMetrics()).map((metric) => ({
    weight: 0,
    guardrail: true,
    ...metric,
  }));
  for (const metric of metrics) {
    requireOneOf(`direction of metric "${metric.name}"`, metric.direction, ["higher", "lower"]);
    requireOneOf(`kind of metric "${metric.name}"`, metric.kind, ["score", "raw"]);
    if (metric.kind === "raw" && metric.weight !== 0) {
      throw statisticsError(
        "weights-invalid",
        `Raw metric "${metric.name}" has weight ${metric.weight}.`,
        "Only scores in [0, 1] enter the composite: give it weight 0, or score it first.",
      );
    }
  }
  requireWeights(metrics);
  return {
    candidate,
    baseline,
    metrics,
    policy,
    thresholds: compileThresholds(options.thresholds ?? {}),
    clusterIds,
    alpha,
    resamples,
    seed,
  };
}

function defaultMetrics(): readonly RecommendationMetric[] {
  return DEFAULT_METRIC_WEIGHTS.map(({ name, weight }) => ({
    name,
    weight,
    kind: "score",
    direction: "higher",
  }));
}

function compileThresholds(given: Partial<RecommendationThresholds>): RecommendationThresholds {
  requireKnownKeys("thresholds", given, Object.keys(DEFAULT_THRESHOLDS));
  const thresholds = { ...DEFAULT_THRESHOLDS, ...given };
  const fail = (message: string, fix: string): never => {
    throw statisticsError("thresholds-invalid", message, fix, { thresholds });
  };
  for (const [name, value] of Object.entries(thresholds)) {
    if (!Number.isFinite(value)) fail(`Threshold ${name} is ${value}.`, "Use a finite number.");
  }
  const { deployAbove, canaryFrom, rejectBelow, degradedBelow } = thresholds;
  if (!(deployAbove >= canaryFrom && canaryFrom >= 0 && rejectBelow <= 0)) {
    fail(
      `Thresholds are out of order: deploy above ${deployAbove}, canary from ${canaryFrom}, reject below ${rejectBelow}.`,
      "Keep deployAbove ≥ canaryFrom ≥ 0 ≥ rejectBelow; values are shares (0.15 is 15 %).",
    );
  }
  if (!(degradedBelow < 0 && degradedBelow >= -1)) {
    fail(`degradedBelow is ${degradedBelow}.`, "Use a share from -1 up to, but not including, 0.");
  }
  if (!(thresholds.minimumQuality >= 0 && thresholds.minimumQuality <= 1)) {
    fail(`minimumQuality is ${thresholds.minimumQuality}.`, "Use a score between 0 and 1.");
  }
  if (!(thresholds.maximumMissingShare >= 0 && thresholds.maximumMissingShare < 1)) {
    fail(`maximumMissingShare is ${thresholds.maximumMissingShare}.`, "Use a share from 0 up to 1.");
  }
  requireWholeNumber("thresholds.minimumPairs", thresholds.minimumPairs, 2);
  return thresholds;
}
