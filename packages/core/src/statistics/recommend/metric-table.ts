import { holm } from "../holm.ts";
import { requireFiniteNumbers, statisticsError } from "../input-checks.ts";
import { type CollectedData, scoreOf } from "./collect-data.ts";
import { type MetricVerdict, metricEvidence } from "./metric-verdict.ts";
import type { CompiledRecommendOptions } from "./recommend-options.ts";
import { above, below } from "./threshold-comparison.ts";

/** One verdict per metric, with Holm over the guardrails. Without `canDecide` only means are given. */
export function metricVerdicts(
  compiled: CompiledRecommendOptions,
  data: CollectedData,
  canDecide: boolean,
): readonly MetricVerdict[] {
  const { candidate, baseline, metrics, clusterIds, alpha, thresholds } = compiled;
  const rows = metrics.map((metric) => {
    const first: number[] = [];
    const second: number[] = [];
    const clusters: (string | number)[] = [];
    candidate.forEach((example, index) => {
      const value = scoreOf(example, metric.name);
      const other = baseline === null ? 0 : scoreOf(baseline[index], metric.name);
      if (value === null || other === null) return;
      first.push(value);
      second.push(other);
      clusters.push(clusterIds?.[index] ?? index);
    });
    if (metric.kind === "raw") requireRawValues(metric.name, first, second);
    const evidence =
      canDecide && baseline !== null
        ? metricEvidence({
            metric: { kind: metric.kind, direction: metric.direction },
            candidate: first,
            baseline: second,
            clusterIds: clusterIds === undefined ? undefined : clusters,
            alpha,
          })
        : {
            candidateMean: average(first),
            baselineMean: baseline === null ? null : average(second),
            gain: null,
            lowerBound: null,
            upperBound: null,
            relativeUndefined: false,
            pValueWorse: null,
            spread: null,
          };
    return { metric, evidence, pairs: first.length };
  });
  const tested = rows.filter(({ metric, evidence }) => metric.guardrail && evidence.pValueWorse !== null);
  const adjusted =
    tested.length === 0
      ? []
      : holm({ pValues: tested.map(({ evidence }) => evidence.pValueWorse ?? 1), alpha }).adjusted;
  return rows.map(({ metric, evidence, pairs }): MetricVerdict => {
    const position = tested.findIndex((row) => row.metric === metric);
    const adjustedPValueWorse = position < 0 ? null : (adjusted[position] ?? null);
    const degraded = evidence.gain !== null && below(evidence.gain, thresholds.degradedBelow);
    return {
      name: metric.name,
      kind: metric.kind,
      direction: metric.direction,
      weight: metric.weight,
      guardrail: metric.guardrail,
      pairs,
      missingShare: 1 - pairs / data.coverage.examples,
      ...evidence,
      adjustedPValueWorse,
      degraded,
      confirmedDegraded: degraded && adjustedPValueWorse !== null && adjustedPValueWorse < alpha,
      shownSafe: evidence.lowerBound !== null && above(evidence.lowerBound, thresholds.degradedBelow),
    };
  });
}

function average(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function requireRawValues(name: string, first: readonly number[], second: readonly number[]): void {
  for (const values of [first, second]) {
    if (values.length === 0) continue;
    requireFiniteNumbers(name, values);
    if (values.some((value) => value < 0)) {
      throw statisticsError(
        "raw-value-negative",
        `Raw metric "${name}" holds a negative value.`,
        "Raw metrics are quantities such as milliseconds or dollars, at least 0.",
        { name },
      );
    }
  }
}
