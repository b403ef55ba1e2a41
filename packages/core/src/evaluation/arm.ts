import type { ChatModel } from "../contract/chat-model.ts";
import type { EvaluationAnswer } from "./answer.ts";

export type ArmName = "baseline" | "candidate";

/** A model under test, under the name it has in the registry. */
export interface ModelUnderTest {
  readonly version: string;
  readonly model: ChatModel;
}

export interface Arm extends ModelUnderTest {
  readonly name: ArmName;
}

/** Why there is no answer. Never text of a prompt or an answer. */
export interface CallFailure {
  readonly code: string;
  readonly message: string;
  readonly attempts: number;
  /** Of an answer that arrived and was paid for, but cannot be used; else null. */
  readonly costUsd: number | null;
}

export interface NamedScore {
  readonly score: number | null;
  readonly reason: string | null;
}

/** One call of one arm for one example: either an answer or a failure, and its score per metric. */
export interface TrialOutcome {
  readonly answer: EvaluationAnswer | null;
  readonly failure: CallFailure | null;
  /** In the order of the metrics. */
  readonly scores: readonly NamedScore[];
  /** What computing the scores cost; null when some of it is unknown. */
  readonly metricCostUsd: number | null;
  readonly resumed: boolean;
}
