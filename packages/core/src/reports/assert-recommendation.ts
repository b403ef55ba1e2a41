import { ModelOpsError } from "../errors/modelops-error.ts";
import type { ComparisonReport } from "../evaluation/comparison-report.ts";
import type { RecommendationOutcome } from "../statistics/recommend/decide.ts";

const ORDER: readonly RecommendationOutcome[] = [
  "reject",
  "insufficient_data",
  "needs_review",
  "deploy_canary",
  "deploy",
];

export interface RecommendationRequirement {
  /** The weakest acceptable outcome, in the order reject < insufficient_data < needs_review < deploy_canary < deploy. */
  readonly atLeast: RecommendationOutcome;
}

/** A gate for continuous integration: throws `evaluation/recommendation-below` unless the report is good enough. */
export function assertRecommendation(
  report: Pick<ComparisonReport, "recommendation" | "sentence" | "reasons" | "evaluationId">,
  requirement: RecommendationRequirement,
): void {
  if (ORDER.indexOf(report.recommendation) >= ORDER.indexOf(requirement.atLeast)) return;
  throw new ModelOpsError({
    code: "evaluation/recommendation-below",
    message: `The recommendation is ${report.recommendation}, below ${requirement.atLeast}.`,
    reason: report.sentence,
    fix: "improve the model, add examples, or lower the requirement on purpose.",
    details: {
      evaluationId: report.evaluationId,
      recommendation: report.recommendation,
      atLeast: requirement.atLeast,
      reasons: report.reasons,
    },
  });
}
