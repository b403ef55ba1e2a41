import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import type { MetricVerdict } from "../statistics/recommend/metric-verdict.ts";
import type { Recommendation } from "../statistics/recommend/recommend.ts";
import type { Collector, RawGuardrail, ScoreRow } from "./collector.ts";
import type {
  ComparisonReport,
  DatasetSummary,
  EvaluatedModel,
  MetricComparison,
} from "./comparison-report.ts";
import type { ExperimentUrls } from "./experiment-urls.ts";
import type { Metric } from "./metric.ts";

export interface ReportFacts {
  readonly experimentUrls: ExperimentUrls;
  readonly evaluationId: string;
  readonly agent: string;
  readonly startedAt: string;
  readonly completedAt: string;
  readonly durationMs: number;
  readonly candidate: EvaluatedModel;
  readonly baseline: EvaluatedModel | null;
  readonly dataset: DatasetSummary;
  readonly trials: number;
  readonly metrics: readonly Metric[];
  readonly weights: Readonly<Record<string, number>>;
}

/** Puts facts, scores and recommendation together. Nothing is computed here that is not counted or averaged. */
export function buildReport(
  facts: ReportFacts,
  collector: Collector,
  judged: Recommendation,
): ComparisonReport {
  const hasBaseline = facts.baseline !== null;
  const { candidate, baseline } = collector.totals;
  const gain = judged.gain;
  const errors = [...candidate.errors(), ...(hasBaseline ? baseline.errors() : [])];
  return {
    schema: "modelops-comparison/v1",
    evaluationId: facts.evaluationId,
    agent: facts.agent,
    startedAt: facts.startedAt,
    completedAt: facts.completedAt,
    durationMs: facts.durationMs,
    candidate: facts.candidate,
    baseline: facts.baseline,
    dataset: facts.dataset,
    trials: facts.trials,
    policy: judged.policy,
    thresholds: judged.thresholds,
    weights: facts.weights,
    candidateScore: judged.candidateScore,
    baselineScore: judged.baselineScore,
    improvementPct: gain ? gain.gain * 100 : null,
    improvementUnit: gain?.unit ?? "percent",
    interval: gain
      ? {
          lowPct: gain.decision.lower * 100,
          highPct: gain.decision.upper * 100,
          confidence: 1 - 2 * judged.alpha,
          method: gain.method,
        }
      : null,
    metrics: judged.metrics.map((verdict) => metricRow(verdict, facts, collector)),
    recommendation: judged.recommendation,
    sentence: judged.sentence,
    reasons: judged.reasons,
    moreExamples: judged.moreExamples,
    coverage: {
      examples: judged.coverage.examples,
      complete: judged.coverage.pairs,
      candidate: candidate.coverage(),
      baseline: hasBaseline ? baseline.coverage() : null,
      missing: [...candidate.missing(), ...(hasBaseline ? baseline.missing() : [])],
    },
    errors,
    cost: {
      candidate: candidate.cost(),
      baseline: hasBaseline ? baseline.cost() : null,
      metricsUsd: collector.metricCostUsd,
    },
    latency: { candidate: candidate.latency(), baseline: hasBaseline ? baseline.latency() : null },
    tokens: { candidate: candidate.tokens(), baseline: hasBaseline ? baseline.tokens() : null },
    regressions: collector.regressions,
    improvements: collector.improvements,
    experimentUrls: facts.experimentUrls,
    evidenceHash: evidenceHash(facts, collector, judged),
    reusedFrom: null,
  };
}

const RAW_DESCRIPTIONS: Readonly<Record<RawGuardrail, string>> = {
  latency_ms: "milliseconds per answer",
  cost_usd: "US dollars per answer",
  total_tokens: "tokens per answer, input and output",
};

function metricRow(verdict: MetricVerdict, facts: ReportFacts, collector: Collector): MetricComparison {
  const counts = facts.baseline
    ? winsAndLosses(verdict, collector.rows("candidate"), collector.rows("baseline"))
    : { wins: 0, ties: 0, losses: 0 };
  const described = facts.metrics.find((metric) => metric.name === verdict.name)?.description;
  return {
    name: verdict.name,
    description: described ?? RAW_DESCRIPTIONS[verdict.name as RawGuardrail] ?? "",
    weight: verdict.weight,
    kind: verdict.kind,
    candidateMean: verdict.candidateMean,
    baselineMean: verdict.baselineMean,
    changePct: percent(verdict.gain),
    interval:
      verdict.lowerBound === null || verdict.upperBound === null
        ? null
        : { lowPct: verdict.lowerBound * 100, highPct: verdict.upperBound * 100 },
    unit: verdict.relativeUndefined ? "points" : "percent",
    degraded: verdict.confirmedDegraded ? "confirmed" : verdict.degraded ? "unconfirmed" : "no",
    ...counts,
    pairs: verdict.pairs,
  };
}

function winsAndLosses(
  verdict: MetricVerdict,
  candidate: readonly ScoreRow[],
  baseline: readonly ScoreRow[],
): { readonly wins: number; readonly ties: number; readonly losses: number } {
  let wins = 0;
  let ties = 0;
  let losses = 0;
  const sign = verdict.direction === "lower" ? -1 : 1;
  candidate.forEach((row, index) => {
    const first = row[verdict.name] ?? null;
    const second = baseline[index]?.[verdict.name] ?? null;
    if (first === null || second === null) return;
    const change = sign * (first - second);
    if (change > 1e-9) wins += 1;
    else if (change < -1e-9) losses += 1;
    else ties += 1;
  });
  return { wins, ties, losses };
}

function percent(share: number | null): number | null {
  return share === null ? null : share * 100;
}

/** The same dataset, models, settings and scores give the same hash; times and ids are left out. */
function evidenceHash(facts: ReportFacts, collector: Collector, judged: Recommendation): string {
  const evidence = canonicalize({
    agent: facts.agent,
    candidate: facts.candidate,
    baseline: facts.baseline,
    datasetFingerprint: facts.dataset.fingerprint,
    trials: facts.trials,
    metrics: facts.metrics.map((metric) => ({ name: metric.name, version: metric.version })),
    weights: facts.weights,
    policy: judged.policy,
    thresholds: judged.thresholds,
    alpha: judged.alpha,
    recommendation: judged.recommendation,
    scores: collector.scoresHash(),
  });
  return `sha256:${createHash("sha256")
    .update(evidence ?? "")
    .digest("hex")}`;
}
