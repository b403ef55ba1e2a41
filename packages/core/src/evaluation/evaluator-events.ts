import type { RecommendationOutcome } from "../statistics/recommend/decide.ts";
import type { DatasetSummary, EvaluatedModel } from "./comparison-report.ts";

export interface EvaluationStartedData {
  readonly evaluationId: string;
  readonly candidate: EvaluatedModel;
  readonly baseline: EvaluatedModel | null;
  readonly dataset: DatasetSummary;
  /** Answers an earlier start has already paid for. */
  readonly resumedAnswers: number;
}

export interface EvaluationProgressData {
  readonly evaluationId: string;
  /** Examples scored on every arm. */
  readonly done: number;
  readonly total: number;
  /** Calls without an answer so far. */
  readonly failed: number;
  /** Known cost of the models so far; null when none is known. */
  readonly costUsd: number | null;
  readonly elapsedMs: number;
  /** Null until it can be estimated. */
  readonly etaMs: number | null;
}

export interface EvaluationCompletedData {
  readonly evaluationId: string;
  readonly candidateScore: number | null;
  readonly baselineScore: number | null;
  readonly improvementPct: number | null;
  readonly recommendation: RecommendationOutcome;
  readonly sentence: string;
  readonly evidenceHash: string;
  readonly reusedFrom: string | null;
}

export interface EvaluationFailedData {
  readonly evaluationId: string;
  readonly code: string;
  readonly message: string;
  /** Whether `resume` can go on from here. */
  readonly isResumable: boolean;
}

/** What an `Evaluator` says while it works. Progress is not stored; the others are. */
export interface EvaluatorEventMap {
  readonly [type: string]: unknown;
  readonly "evaluation.started": EvaluationStartedData;
  readonly "evaluation.progress": EvaluationProgressData;
  readonly "evaluation.completed": EvaluationCompletedData;
  readonly "evaluation.failed": EvaluationFailedData;
}
