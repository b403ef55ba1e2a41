import type { Metric, MetricInput, MetricPrecondition, MetricScore } from "../metric.ts";

export interface FunctionMetricOptions {
  /** snake_case. */
  readonly name: string;
  /** Which way is better: a name such as "verbosity" decides nothing. `lower` scores enter as 1 − score. */
  readonly direction: "higher" | "lower";
  /** The formula in one line. */
  readonly description: string;
  /** Change it with the formula. Without one, results that use this metric are never reused. */
  readonly version?: string;
  /** It reads `answer.latencyMs`. */
  readonly measuresLatency?: boolean;
  /** What an example lacks, or null; found before anything is paid. */
  readonly missing?: (precondition: MetricPrecondition) => string | null;
  /** A number from 0 to 1, or null with a reason when it cannot be computed. */
  readonly score: (input: MetricInput) => number | MetricScore | Promise<number | MetricScore>;
}

/** A metric from the host's own function. */
export function metricFromFunction(options: FunctionMetricOptions): Metric {
  const orient = (result: number | MetricScore): MetricScore => {
    const full = typeof result === "number" ? { score: result } : result;
    if (options.direction === "higher" || typeof full?.score !== "number") return full;
    return { ...full, score: 1 - full.score };
  };
  return {
    name: options.name,
    version: options.version ?? null,
    description: options.description,
    measuresLatency: options.measuresLatency ?? false,
    missing: options.missing,
    score(input) {
      const result = options.score(input);
      return result instanceof Promise ? result.then(orient) : orient(result);
    },
  };
}
