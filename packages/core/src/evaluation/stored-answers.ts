import type { ChatModel } from "../contract/chat-model.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { EvaluatedModel } from "./comparison-report.ts";
import type { EvaluationSpec } from "./evaluation-spec.ts";
import type { CompareOptions } from "./evaluator-options.ts";

/** What may change when stored answers are scored again. */
export type RescoreOptions = Pick<
  CompareOptions,
  | "agent"
  | "dataset"
  | "mapRow"
  | "metrics"
  | "weights"
  | "policy"
  | "thresholds"
  | "guardrails"
  | "cluster"
  | "seed"
  | "signal"
>;

/** The options of the first run with models that answer from the journal alone. */
export function storedAnswersOnly(spec: EvaluationSpec, options: RescoreOptions): CompareOptions {
  const arm = (evaluated: EvaluatedModel) => ({
    version: evaluated.version,
    model: silentModel(evaluated.modelId),
  });
  return {
    ...options,
    candidate: arm(spec.candidate),
    baseline: spec.baseline ? arm(spec.baseline) : null,
    trials: spec.trials,
    generation: spec.generation,
    reuse: false,
  };
}

/** A call that failed in the first run has no stored answer: it stays a failure. */
function silentModel(id: string): ChatModel {
  return {
    contract: "chat-model/v1",
    id,
    generate: () =>
      Promise.reject(
        new ModelOpsError({
          code: "model/no-stored-answer",
          message: "The evaluation has no stored answer for this example.",
          fix: "resume the evaluation first, then score it again.",
        }),
      ),
  };
}
