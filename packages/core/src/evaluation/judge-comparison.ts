import { type Recommendation, recommend } from "../statistics/recommend/recommend.ts";
import type { RecommendationMetric } from "../statistics/recommend/recommend-options.ts";
import { countExamples, formatPercent } from "../statistics/recommend/sentence.ts";
import type { Collector, RawGuardrail } from "./collector.ts";
import type { CompareOptions } from "./evaluator-options.ts";
import type { Metric } from "./metric.ts";

/** The recommendation from collected scores, with the rules the statistics cannot know: who failed to answer. */
export function judgeComparison(options: {
  readonly collector: Collector;
  readonly metrics: readonly Metric[];
  readonly weights: Readonly<Record<string, number>>;
  readonly hasBaseline: boolean;
  readonly compare: Pick<CompareOptions, "policy" | "thresholds" | "guardrails" | "seed">;
}): Recommendation {
  const { collector, compare } = options;
  const judged = recommend({
    candidate: collector.rows("candidate"),
    baseline: options.hasBaseline ? collector.rows("baseline") : null,
    metrics: [
      ...options.metrics.map((metric) => scored(metric, options.weights)),
      ...(compare.guardrails ?? []).map(raw),
    ],
    policy: compare.policy ?? "hybrid",
    thresholds: compare.thresholds ?? {},
    clusterIds: collector.clusterIds,
    seed: compare.seed ?? 1,
  });
  return options.hasBaseline ? withoutUnfairGain(judged, collector) : judged;
}

function scored(metric: Metric, weights: Readonly<Record<string, number>>): RecommendationMetric {
  const weight = weights[metric.name] ?? 0;
  return { name: metric.name, kind: "score", direction: "higher", weight, guardrail: weight > 0 };
}

function raw(name: RawGuardrail): RecommendationMetric {
  return { name, kind: "raw", direction: "lower", weight: 0, guardrail: true };
}

/**
 * A baseline that did not answer makes any candidate look good: past the share that may be missing, there is no gain to
 * speak of. A candidate that does not answer needs no such rule: its failures already count against it, unless nobody
 * answered, which says nothing about either model.
 */
function withoutUnfairGain(judged: Recommendation, collector: Collector): Recommendation {
  const { asked, failed } = collector.totals.baseline.coverage();
  const share = asked === 0 ? 0 : failed / asked;
  const nobodyAnswered =
    collector.totals.baseline.coverage().answered + collector.totals.candidate.coverage().answered === 0;
  const isEarnedReject = judged.recommendation === "reject" && !nobodyAnswered;
  if (share <= judged.thresholds.maximumMissingShare || isEarnedReject) return judged;
  const reason = nobodyAnswered
    ? "Neither model answered a single call."
    : `The baseline gave no answer to ${failed} of ${asked} calls (${formatPercent(share)}), so a gain over it means nothing.`;
  return {
    ...judged,
    recommendation: "insufficient_data",
    sentence: `Not enough data: ${reason} Nothing can be recommended from ${countExamples(judged.coverage.examples)}.`,
    reasons: [reason, ...judged.reasons],
    gain: null,
    moreExamples: null,
  };
}
