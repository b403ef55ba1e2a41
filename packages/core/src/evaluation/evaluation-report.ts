import type {
  ArmCost,
  ArmCoverage,
  ArmLatency,
  ArmTokens,
  ComparisonReport,
  DatasetSummary,
  EvaluatedModel,
  EvaluationFailure,
  MissingScores,
} from "./comparison-report.ts";

/** How one model did on one dataset, without a comparison. */
export interface EvaluationReport {
  readonly schema: "modelops-evaluation/v1";
  readonly evaluationId: string;
  readonly agent: string;
  /** ISO 8601 UTC. */
  readonly startedAt: string;
  readonly completedAt: string;
  readonly durationMs: number;
  readonly model: EvaluatedModel;
  readonly dataset: DatasetSummary;
  readonly trials: number;
  readonly weights: Readonly<Record<string, number>>;
  /** Mean composite over the complete examples, null when there is none. */
  readonly score: number | null;
  readonly metrics: readonly {
    readonly name: string;
    readonly description: string;
    readonly weight: number;
    readonly mean: number | null;
    readonly count: number;
  }[];
  readonly coverage: ArmCoverage & {
    readonly examples: number;
    readonly complete: number;
    readonly missing: readonly MissingScores[];
  };
  readonly errors: readonly EvaluationFailure[];
  readonly cost: ArmCost;
  readonly latency: ArmLatency;
  readonly tokens: ArmTokens;
  readonly evidenceHash: string;
  readonly reusedFrom: string | null;
}

/** The candidate's half of a comparison without a baseline. */
export function evaluationReport(report: ComparisonReport): EvaluationReport {
  return {
    schema: "modelops-evaluation/v1",
    evaluationId: report.evaluationId,
    agent: report.agent,
    startedAt: report.startedAt,
    completedAt: report.completedAt,
    durationMs: report.durationMs,
    model: report.candidate,
    dataset: report.dataset,
    trials: report.trials,
    weights: report.weights,
    score: report.candidateScore,
    metrics: report.metrics.map(({ name, description, weight, candidateMean, pairs }) => ({
      name,
      description,
      weight,
      mean: candidateMean,
      count: pairs,
    })),
    coverage: {
      ...report.coverage.candidate,
      examples: report.coverage.examples,
      complete: report.coverage.complete,
      missing: report.coverage.missing,
    },
    errors: report.errors,
    cost: report.cost.candidate,
    latency: report.latency.candidate,
    tokens: report.tokens.candidate,
    evidenceHash: report.evidenceHash,
    reusedFrom: report.reusedFrom,
  };
}
