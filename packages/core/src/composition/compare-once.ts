import { ModelOpsError } from "../errors/modelops-error.ts";
import type { ComparisonReport } from "../evaluation/comparison-report.ts";
import type { Evaluator } from "../evaluation/evaluator.ts";
import type { CompareOptions } from "../evaluation/evaluator-options.ts";

/** A comparison under an id of the caller's: started, gone on with, or found completed. */
export async function compareOnce(evaluator: Evaluator, options: CompareOptions): Promise<ComparisonReport> {
  const { agent, evaluationId } = options;
  try {
    return await evaluator.compare(options);
  } catch (error) {
    const isKnown = ModelOpsError.isInstance(error) && error.code === "evaluation/id-exists";
    if (!isKnown || evaluationId === undefined) throw error;
    return (
      (await evaluator.report(evaluationId, { agent })) ?? (await evaluator.resume(evaluationId, options))
    );
  }
}
