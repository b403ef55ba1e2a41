import type { EvaluationExample } from "../contract/dataset-source.ts";
import type { EvaluationAnswer } from "./answer.ts";

/** A score in [0, 1], higher is better; null when it cannot be computed, with the reason. */
export interface MetricScore {
  readonly score: number | null;
  /** Why it is null, or what led to the score. Never shown as HTML. */
  readonly reason?: string;
  /** What computing it cost (a judge model). Null = unknown. */
  readonly costUsd?: number | null;
}

export interface MetricInput {
  readonly example: EvaluationExample;
  readonly answer: EvaluationAnswer;
  readonly signal: AbortSignal;
}

/** What can be known about a metric before a model is called. */
export interface MetricPrecondition {
  readonly example: EvaluationExample;
  /** Whether answers come from the host's `run`, which may report steps and routes. */
  readonly hasAgentRun: boolean;
}

/** Both models' answers to one example, for a metric that compares them directly. */
export interface MetricPairInput {
  readonly example: EvaluationExample;
  readonly candidate: EvaluationAnswer;
  readonly baseline: EvaluationAnswer;
  readonly signal: AbortSignal;
}

export interface MetricPairScore {
  readonly candidate: MetricScore;
  readonly baseline: MetricScore;
}

/**
 * Turns one answer into one score. A metric says itself what it needs, so that a comparison which could not be
 * computed is refused before anything is paid.
 */
export interface Metric {
  /** snake_case; the key of its weight and of its score in the registry. */
  readonly name: string;
  /**
   * Changes when the formula or its settings do; null when they cannot be known (a host's function without a version).
   * Results of unversioned metrics are not reused.
   */
  readonly version: string | null;
  /** The formula in one line, for reports. */
  readonly description: string;
  /** It reads latency: answers from the cache are not used for it. */
  readonly measuresLatency?: boolean;
  /** What is missing to compute it for this example, or null. */
  missing?(precondition: MetricPrecondition): string | null;
  score(input: MetricInput): MetricScore | Promise<MetricScore>;
  /** Used instead of `score` where both models answered; where one failed, it gets 0 and the other 1. */
  scorePair?(input: MetricPairInput): Promise<MetricPairScore>;
}

/** Either a finite number in [0, 1], or null with a reason: what a metric returned, held to its contract. */
export function checkedScore(result: MetricScore): {
  readonly score: number | null;
  readonly reason: string | null;
} {
  const { score } = result;
  if (score === null) return { score: null, reason: result.reason ?? "no reason given" };
  if (typeof score !== "number" || !Number.isFinite(score) || score < 0 || score > 1) {
    return {
      score: null,
      reason: `returned ${String(score).slice(0, 40)}, which is not a number from 0 to 1`,
    };
  }
  return { score, reason: result.reason ?? null };
}
