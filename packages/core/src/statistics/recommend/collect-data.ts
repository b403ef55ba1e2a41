import { compositeScores, type ExampleScores } from "../composite-scores.ts";
import type { CompiledRecommendOptions } from "./recommend-options.ts";
import { countExamples, formatPercent } from "./sentence.ts";
import { above } from "./threshold-comparison.ts";

/** How much of the data could be used. */
export interface Coverage {
  readonly examples: number;
  /** Examples with every weighted metric on both arms (on the candidate, without a baseline). */
  readonly pairs: number;
  readonly missingShare: number;
  /** Missing values per metric and arm. */
  readonly missingByMetric: Readonly<
    Record<string, { readonly candidate: number; readonly baseline: number }>
  >;
}

/** Complete pairs of both arms, and what was left out. */
export interface CollectedData {
  readonly candidateComposites: readonly number[];
  readonly baselineComposites: readonly number[] | null;
  readonly clusterIds: readonly (string | number)[] | undefined;
  readonly candidateScore: number | null;
  readonly baselineScore: number | null;
  readonly coverage: Coverage;
}

/** Scores both arms and keeps the examples that are complete on both. */
export function collectData(compiled: CompiledRecommendOptions): CollectedData {
  const { candidate, baseline, metrics, clusterIds } = compiled;
  const scored = metrics.filter((metric) => metric.kind === "score");
  const candidateScores = compositeScores({ metrics: scored, examples: candidate });
  const baselineScores = baseline === null ? null : compositeScores({ metrics: scored, examples: baseline });
  const candidateComposites: number[] = [];
  const baselineComposites: number[] = [];
  const keptClusters: (string | number)[] = [];
  candidateScores.scores.forEach((score, index) => {
    const other = baselineScores === null ? 0 : (baselineScores.scores[index] ?? null);
    if (score === null || other === null) return;
    candidateComposites.push(score);
    baselineComposites.push(other);
    keptClusters.push(clusterIds?.[index] ?? index);
  });
  const missingByMetric = Object.fromEntries(
    metrics.map((metric) => [
      metric.name,
      {
        candidate: countMissing(candidate, metric.name),
        baseline: baseline === null ? 0 : countMissing(baseline, metric.name),
      },
    ]),
  );
  const pairs = candidateComposites.length;
  const mean = (values: readonly number[]): number | null =>
    values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    candidateComposites,
    baselineComposites: baseline === null ? null : baselineComposites,
    clusterIds: clusterIds === undefined ? undefined : keptClusters,
    candidateScore: mean(candidateComposites),
    baselineScore: baseline === null ? null : mean(baselineComposites),
    coverage: {
      examples: candidate.length,
      pairs,
      missingShare: 1 - pairs / candidate.length,
      missingByMetric,
    },
  };
}

/** The value of a metric on an example, null when missing. */
export function scoreOf(example: ExampleScores | undefined, name: string): number | null {
  return example !== undefined && Object.hasOwn(example, name) ? (example[name] ?? null) : null;
}

function countMissing(examples: readonly ExampleScores[], name: string): number {
  return examples.reduce((count, example) => count + (scoreOf(example, name) === null ? 1 : 0), 0);
}

/** Why the data do not allow a recommendation; empty when they do. */
export function missingData(
  { metrics, thresholds, candidate }: CompiledRecommendOptions,
  data: CollectedData,
): string[] {
  const { pairs, missingShare, missingByMetric } = data.coverage;
  const reasons: string[] = [];
  if (pairs < thresholds.minimumPairs) {
    const { minimumPairs } = thresholds;
    reasons.push(
      `${countExamples(pairs, "complete")}; at least ${minimumPairs} ${minimumPairs === 1 ? "is" : "are"} needed.`,
    );
  }
  if (above(missingShare, thresholds.maximumMissingShare)) {
    reasons.push(
      `${formatPercent(missingShare)} of the examples lack a score; at most ${formatPercent(thresholds.maximumMissingShare)} may.`,
    );
  }
  for (const metric of metrics) {
    const missing = missingByMetric[metric.name];
    const counted = metric.guardrail || metric.weight > 0;
    const share =
      missing === undefined ? 0 : Math.max(missing.candidate, missing.baseline) / candidate.length;
    if (counted && above(share, thresholds.maximumMissingShare)) {
      reasons.push(
        `Metric "${metric.name}" is missing on ${formatPercent(share)} of the examples of one arm.`,
      );
    }
  }
  return reasons;
}
