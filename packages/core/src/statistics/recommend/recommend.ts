import type { ExampleCounts } from "../examples-needed.ts";
import { type Coverage, collectData, missingData } from "./collect-data.ts";
import { type CompositeGain, compositeGain, meanBounds } from "./composite-gain.ts";
import { decide, type RecommendationOutcome } from "./decide.ts";
import { metricVerdicts } from "./metric-table.ts";
import type { MetricVerdict } from "./metric-verdict.ts";
import {
  compileRecommendOptions,
  type RecommendationPolicy,
  type RecommendationThresholds,
  type RecommendOptions,
} from "./recommend-options.ts";
import { countExamples, describeGain } from "./sentence.ts";
import { below } from "./threshold-comparison.ts";

export interface Recommendation {
  readonly recommendation: RecommendationOutcome;
  /** One plain sentence with the number of examples and the interval. */
  readonly sentence: string;
  /** Every rule that applied, the deciding one first. */
  readonly reasons: readonly string[];
  /** Examples to add, if the estimate holds; null when adding some cannot change the outcome. */
  readonly moreExamples: ExampleCounts | null;
  readonly policy: RecommendationPolicy;
  readonly thresholds: RecommendationThresholds;
  readonly alpha: number;
  /** Mean composite over the complete examples; null when there is none. */
  readonly candidateScore: number | null;
  readonly baselineScore: number | null;
  /** Null without a baseline or without enough data. */
  readonly gain: CompositeGain | null;
  /** For a reject by the gain: whether the upper bound is below 0, too. Null for every other outcome. */
  readonly confirmed: boolean | null;
  readonly coverage: Coverage;
  readonly metrics: readonly MetricVerdict[];
}

/**
 * Recommends what to do with a candidate from per-example scores of both arms.
 *
 * Gain R = mean(Q_c)/mean(Q_b) − 1 over complete pairs; L, U its one-sided 95 % bounds (BCa and delta, the wider end,
 * under 200 pairs; delta from 200 on). In order: too few pairs (< 5) or > 5 % missing → insufficient_data; mean quality
 * < 0.5 → reject; no baseline → needs_review; a guardrail metric worse than −20 % with Holm p < α → reject; R < −5 % →
 * reject; a guardrail at < −20 % but not significant → at most needs_review; R > 15 % and L > 15 % → deploy; R ≥ 5 % and
 * L > 0 → deploy_canary; else needs_review. A deploy is capped at deploy_canary while any guardrail's lower bound is
 * ≤ −20 %, the lower bound of quality is < 0.5, or a relative gain is undefined.
 *
 * @throws `statistics/empty-input`, `length-mismatch`, `weights-invalid`, `thresholds-invalid`, `score-out-of-range`,
 *   `not-finite`, `out-of-range`, `unknown-choice`, `unknown-option`
 */
export function recommend(options: RecommendOptions): Recommendation {
  const compiled = compileRecommendOptions(options);
  const data = collectData(compiled);
  const { thresholds, policy, alpha } = compiled;
  const base = {
    policy,
    thresholds,
    alpha,
    candidateScore: data.candidateScore,
    baselineScore: data.baselineScore,
    gain: null,
    confirmed: null,
    moreExamples: null,
    coverage: data.coverage,
  };

  const gaps = missingData(compiled, data);
  if (gaps.length > 0) {
    return {
      ...base,
      recommendation: "insufficient_data",
      sentence: `Not enough data: ${gaps[0]} Nothing can be recommended from ${countExamples(data.coverage.pairs)}.`,
      reasons: gaps,
      metrics: metricVerdicts(compiled, data, false),
    };
  }
  const quality = meanBounds({
    values: data.candidateComposites,
    clusterIds: data.clusterIds,
    confidence: 1 - alpha,
  });
  const lowQuality = below(quality.mean, thresholds.minimumQuality)
    ? `The candidate's mean quality is ${quality.mean.toFixed(3)}, below the minimum of ${thresholds.minimumQuality}.`
    : null;
  if (data.baselineComposites === null) {
    const known = `the candidate scores ${quality.mean.toFixed(3)} (${Number((100 * (1 - 2 * alpha)).toFixed(4))} % interval ${quality.lower.toFixed(3)} to ${quality.upper.toFixed(3)}, ${countExamples(data.coverage.pairs)})`;
    return {
      ...base,
      recommendation: lowQuality === null ? "needs_review" : "reject",
      sentence:
        lowQuality === null
          ? `Needs review: ${known}, but there is no baseline to compare it with.`
          : `Reject: ${known}, below the minimum quality of ${thresholds.minimumQuality}.`,
      reasons: [
        ...(lowQuality === null ? [] : [lowQuality]),
        "There is no baseline, so no gain can be stated.",
      ],
      metrics: metricVerdicts(compiled, data, false),
    };
  }

  const metrics = metricVerdicts(compiled, data, true);
  const gain = compositeGain({
    candidate: data.candidateComposites,
    baseline: data.baselineComposites,
    clusterIds: data.clusterIds,
    alpha,
    resamples: compiled.resamples,
    seed: compiled.seed,
  });
  const decision = decide({ compiled, gain, metrics, quality, lowQuality, pairs: data.coverage.pairs });
  const facts = describeGain({
    candidateScore: data.candidateScore ?? 0,
    baselineScore: data.baselineScore ?? 0,
    gain,
    pairs: data.coverage.pairs,
    alpha,
  });
  return {
    ...base,
    recommendation: decision.recommendation,
    sentence: `${TITLES[decision.recommendation]}: ${facts}; ${decision.because}.`,
    reasons: decision.reasons,
    moreExamples: decision.moreExamples,
    gain,
    confirmed: decision.confirmed,
    metrics,
  };
}

const TITLES: Readonly<Record<RecommendationOutcome, string>> = {
  deploy: "Deploy",
  deploy_canary: "Deploy as a canary",
  needs_review: "Needs review",
  reject: "Reject",
  insufficient_data: "Not enough data",
};
