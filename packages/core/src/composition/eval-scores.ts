import type { ComparisonReport } from "../evaluation/comparison-report.ts";
import type { EvalScores } from "../model/model-version.ts";

/** Metric names that the published schema knows under a field of their own. */
const SCHEMA_FIELDS: Readonly<Record<string, keyof EvalScores>> = {
  accuracy: "accuracy",
  token_efficiency: "tokenEfficiency",
  workflow_completeness: "workflowCompleteness",
  latency_threshold: "latencyThreshold",
  mcp_integration_quality: "mcpIntegrationQuality",
};

/** What a comparison says about the candidate, as a version's scores. What was not measured is left out. */
export function evalScoresOf(report: ComparisonReport): EvalScores {
  const scores: Record<string, number | string> = {};
  for (const metric of report.metrics) {
    if (metric.kind !== "score" || metric.candidateMean === null) continue;
    scores[SCHEMA_FIELDS[metric.name] ?? metric.name] = metric.candidateMean;
  }
  if (report.improvementPct !== null && report.improvementUnit === "percent") {
    scores.baselineImprovementPct = report.improvementPct;
  }
  if (report.latency.candidate.meanMs !== null) scores.avgLatencyMs = report.latency.candidate.meanMs;
  const costPer1kTokens = report.cost.candidate.usdPer1kTokens;
  if (costPer1kTokens !== null) scores.costPer1kTokens = costPer1kTokens;
  const url = report.experimentUrls.comparison ?? report.experimentUrls.candidate;
  if (url !== null) scores.langsmithExperimentUrl = url;
  return scores as EvalScores;
}
