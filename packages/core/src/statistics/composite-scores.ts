import { requireFiniteNumbers, statisticsError } from "./input-checks.ts";
import type { MetricDirection } from "./metric-gain.ts";

/** The scores of one example: metric name → score, `null` (or no key) where the metric could not be measured. */
export type ExampleScores = Readonly<Record<string, number | null | undefined>>;

/** A metric and its share in the composite. */
export interface WeightedMetric {
  readonly name: string;
  /** From 0 to 1; all weights add up to 1 within 1e-9. */
  readonly weight: number;
  /** A `lower` score enters the composite as 1 − score. @default "higher" */
  readonly direction?: MetricDirection;
}

/** The weights used unless the caller names others. */
export const DEFAULT_METRIC_WEIGHTS: readonly WeightedMetric[] = [
  { name: "accuracy", weight: 0.3 },
  { name: "workflow_completeness", weight: 0.25 },
  { name: "token_efficiency", weight: 0.2 },
  { name: "latency_threshold", weight: 0.15 },
  { name: "mcp_integration_quality", weight: 0.1 },
];

export interface CompositeScores {
  /** Q_i per example; null where a weighted metric is missing. */
  readonly scores: readonly (number | null)[];
  /** Examples with a composite. */
  readonly complete: number;
  /** Share of examples without one, 0 to 1. */
  readonly missingShare: number;
  /** How often each metric is missing. */
  readonly missingByMetric: Readonly<Record<string, number>>;
  /** Mean over complete examples; null when there is none. */
  readonly mean: number | null;
}

/**
 * Weighted composite Q_i = Σ w_m·s_{m,i} per example. A missing metric removes the example and is counted; it is never
 * taken for 0. A metric of weight 0 removes nothing.
 *
 * @throws `statistics/empty-input`, `weights-invalid`, `score-out-of-range`, `not-finite`
 */
export function compositeScores(options: {
  readonly metrics?: readonly WeightedMetric[];
  readonly examples: readonly ExampleScores[];
}): CompositeScores {
  const { metrics = DEFAULT_METRIC_WEIGHTS, examples } = options;
  requireWeights(metrics);
  if (examples.length === 0) {
    throw statisticsError("empty-input", "examples is empty.", "Score at least one example.");
  }
  const missing = new Map<string, number>(metrics.map((metric) => [metric.name, 0]));
  let complete = 0;
  let total = 0;
  const scores = examples.map((example, index): number | null => {
    let composite: number | null = 0;
    for (const metric of metrics) {
      const score = scoreOf(example, metric.name, index);
      if (score === null) {
        missing.set(metric.name, (missing.get(metric.name) ?? 0) + 1);
        if (metric.weight > 0) composite = null;
      } else if (composite !== null) {
        composite += metric.weight * (metric.direction === "lower" ? 1 - score : score);
      }
    }
    if (composite !== null) {
      complete += 1;
      total += composite;
    }
    return composite;
  });
  return {
    scores,
    complete,
    missingShare: 1 - complete / examples.length,
    missingByMetric: Object.fromEntries(missing),
    mean: complete === 0 ? null : total / complete,
  };
}

function scoreOf(example: ExampleScores, name: string, index: number): number | null {
  const score = Object.hasOwn(example, name) ? example[name] : null;
  if (score === null || score === undefined) return null;
  if (!Number.isFinite(score)) requireFiniteNumbers(`examples[${index}].${name}`, [score]);
  if (score < 0 || score > 1) {
    throw statisticsError(
      "score-out-of-range",
      `examples[${index}].${name} is ${score}; scores lie between 0 and 1.`,
      "Turn the metric into a score first (threshold or curve), or declare it as a raw guardrail.",
      { index, metric: name, score },
    );
  }
  return score;
}

/** Throws unless names are unique, weights lie in [0, 1] and add up to 1 within 1e-9. */
export function requireWeights(metrics: readonly { readonly name: string; readonly weight: number }[]): void {
  const names = new Set<string>();
  let sum = 0;
  for (const { name, weight } of metrics) {
    if (typeof name !== "string" || name === "" || names.has(name)) {
      throw statisticsError(
        "weights-invalid",
        `Metric name "${name}" is empty or used twice.`,
        "Name each metric once.",
      );
    }
    names.add(name);
    if (!(weight >= 0 && weight <= 1)) {
      throw statisticsError(
        "weights-invalid",
        `Metric "${name}" has weight ${weight}.`,
        "Weights lie between 0 and 1.",
      );
    }
    sum += weight;
  }
  if (Math.abs(sum - 1) > 1e-9) {
    throw statisticsError(
      "weights-invalid",
      `The weights add up to ${sum}, not 1.`,
      "Change them to add up to 1.",
      { sum },
    );
  }
}
