import type { Metric } from "../metric.ts";
import { positiveOption } from "./positive-option.ts";

export interface LatencyThresholdOptions {
  /** The longest acceptable time for one answer. */
  readonly thresholdMs: number;
}

/** 1 when the answer took at most `thresholdMs` (the call that answered, without earlier retries), else 0. */
export function latencyThreshold(options: LatencyThresholdOptions): Metric {
  const thresholdMs = positiveOption("latencyThreshold", "thresholdMs", options.thresholdMs);
  return {
    name: "latency_threshold",
    version: `1:${thresholdMs}`,
    description: `1 if answered within ${thresholdMs} ms, else 0`,
    measuresLatency: true,
    score({ answer }) {
      if (answer.fromCache) return { score: null, reason: "the answer came from the cache" };
      return { score: answer.latencyMs <= thresholdMs ? 1 : 0 };
    },
  };
}
