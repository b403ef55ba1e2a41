import type { ExampleCounts } from "../statistics/examples-needed.ts";
import type { RecommendationOutcome } from "../statistics/recommend/decide.ts";
import type {
  RecommendationPolicy,
  RecommendationThresholds,
} from "../statistics/recommend/recommend-options.ts";
import type { ArmName } from "./arm.ts";
import type { ExperimentUrls } from "./experiment-urls.ts";

/** A model version as it was evaluated. */
export interface EvaluatedModel {
  readonly version: string;
  /** Id of the `ChatModel` that answered. */
  readonly modelId: string;
}

/** One row of the per-metric table. Gains and bounds in percent (or points), positive is better. */
export interface MetricComparison {
  readonly name: string;
  readonly description: string;
  readonly weight: number;
  /** `score` is in [0, 1]; `raw` is a measured quantity such as milliseconds. */
  readonly kind: "score" | "raw";
  readonly candidateMean: number | null;
  readonly baselineMean: number | null;
  /** Null without a baseline. */
  readonly changePct: number | null;
  readonly interval: { readonly lowPct: number; readonly highPct: number } | null;
  /** `points` when the baseline is too close to 0 for a percentage. */
  readonly unit: "percent" | "points";
  /** Worse by more than 20 %, and whether that is statistically confirmed. */
  readonly degraded: "no" | "unconfirmed" | "confirmed";
  readonly wins: number;
  readonly ties: number;
  readonly losses: number;
  /** Examples with the metric on both arms. */
  readonly pairs: number;
}

export interface ArmCoverage {
  /** Answers asked for: examples × trials. */
  readonly asked: number;
  readonly answered: number;
  /** Calls without an answer: scored 0 in every metric. */
  readonly failed: number;
  readonly fromCache: number;
  /** Answers taken from an earlier start of this evaluation. */
  readonly resumed: number;
}

/** Where a score is missing, and why: missing examples are left out of both arms, never taken for 0. */
export interface MissingScores {
  readonly arm: ArmName;
  readonly metric: string;
  readonly count: number;
  readonly reason: string;
}

export interface EvaluationFailure {
  readonly arm: ArmName;
  readonly code: string;
  readonly message: string;
  readonly count: number;
  /** The first few, in the order they failed. */
  readonly exampleIds: readonly string[];
}

export interface ArmCost {
  /** Sum over the answers whose cost is known; null when none is. */
  readonly usd: number | null;
  /** Answers whose cost is known, those too large to be kept included. */
  readonly known: number;
  readonly usdPer1kTokens: number | null;
}

export interface ArmLatency {
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly meanMs: number | null;
  /** Measured answers: cached and failed ones are left out. */
  readonly count: number;
}

export interface ArmTokens {
  readonly inputMean: number | null;
  readonly outputMean: number | null;
  readonly known: number;
}

/** One example with both answers, for people. Texts are cut to 2,000 characters and are not HTML. */
export interface ExampleComparison {
  readonly exampleId: string;
  readonly input: string;
  readonly reference: string | null;
  readonly candidate: ExampleAnswer;
  readonly baseline: ExampleAnswer | null;
  /** Composite of the candidate less that of the baseline. */
  readonly difference: number | null;
}

export interface ExampleAnswer {
  readonly text: string | null;
  readonly failure: string | null;
  readonly composite: number | null;
  readonly scores: Readonly<Record<string, number | null>>;
}

export interface DatasetSummary {
  /** Null for inline examples. */
  readonly ref: string | null;
  /** `sha256:…` over the examples as they were read. */
  readonly fingerprint: string;
  readonly examples: number;
}

/**
 * What a comparison found. JSON as it is; fields are only added within a schema version. `improvementPct` and
 * `interval` are null when there is no baseline or not enough data: never a stand-in number.
 */
export interface ComparisonReport {
  readonly schema: "modelops-comparison/v1";
  readonly evaluationId: string;
  readonly agent: string;
  /** ISO 8601 UTC. */
  readonly startedAt: string;
  readonly completedAt: string;
  readonly durationMs: number;
  readonly candidate: EvaluatedModel;
  readonly baseline: EvaluatedModel | null;
  readonly dataset: DatasetSummary;
  readonly trials: number;
  readonly policy: RecommendationPolicy;
  readonly thresholds: RecommendationThresholds;
  readonly weights: Readonly<Record<string, number>>;
  /** Mean composite in [0, 1]. */
  readonly candidateScore: number | null;
  readonly baselineScore: number | null;
  /** Relative gain in percent; in points (composite × 100) when `improvementUnit` says so. */
  readonly improvementPct: number | null;
  readonly improvementUnit: "percent" | "points";
  readonly interval: {
    readonly lowPct: number;
    readonly highPct: number;
    /** Two-sided, such as 0.9: each end is a one-sided 95 % bound. */
    readonly confidence: number;
    readonly method: string;
  } | null;
  readonly metrics: readonly MetricComparison[];
  readonly recommendation: RecommendationOutcome;
  readonly sentence: string;
  readonly reasons: readonly string[];
  readonly moreExamples: ExampleCounts | null;
  readonly coverage: {
    readonly examples: number;
    /** Examples with every weighted metric on both arms. */
    readonly complete: number;
    readonly candidate: ArmCoverage;
    readonly baseline: ArmCoverage | null;
    readonly missing: readonly MissingScores[];
  };
  readonly errors: readonly EvaluationFailure[];
  readonly cost: {
    readonly candidate: ArmCost;
    readonly baseline: ArmCost | null;
    /** Judge models and other paid metrics; null when unknown. */
    readonly metricsUsd: number | null;
  };
  readonly latency: { readonly candidate: ArmLatency; readonly baseline: ArmLatency | null };
  readonly tokens: { readonly candidate: ArmTokens; readonly baseline: ArmTokens | null };
  /** Worst first, at most 10: examples the candidate answers worse than the baseline. */
  readonly regressions: readonly ExampleComparison[];
  /** Best first, at most 5. */
  readonly improvements: readonly ExampleComparison[];
  readonly experimentUrls: ExperimentUrls;
  /** `sha256:…` over dataset, models, settings and every score: equal evidence, equal hash. */
  readonly evidenceHash: string;
  /** Evaluation whose result this is, when nothing had changed since and nothing was run. */
  readonly reusedFrom: string | null;
}
