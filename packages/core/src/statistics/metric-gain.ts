import { requireFiniteNumbers, requireOneOf } from "./input-checks.ts";

/** Which way is better. There is no default: a name such as "latency" decides nothing. */
export type MetricDirection = "higher" | "lower";

/** `score`: a number in [0, 1]. `raw`: a measured quantity such as milliseconds or dollars. */
export type MetricKind = "score" | "raw";

/** A score baseline below this is too small to divide by. */
export const SCORE_FLOOR = 0.05;

export interface MetricGainOptions {
  /** Mean of the metric on the baseline. */
  readonly baseline: number;
  /** Mean of the metric on the candidate. */
  readonly candidate: number;
  readonly direction: MetricDirection;
  readonly kind: MetricKind;
  /** Smallest |baseline| that is divided by. @default 0.05 for scores, 0 for raw quantities */
  readonly floor?: number;
}

export interface MetricGain {
  /** Gain as a share (0.1 = +10 % or +10 points); positive is better. Null for a raw metric whose baseline is 0. */
  readonly gain: number | null;
  /** True when a percentage makes no sense: `gain` is then in points (score) or null (raw). */
  readonly relativeUndefined: boolean;
  readonly unit: "percent" | "points" | "none";
}

/**
 * Gain of one metric from two means: g = ±(c − b)/|b|, positive when better. When |b| is under the floor (0.05 for
 * scores) a ratio would explode; the difference in points is given instead and marked `relativeUndefined`.
 *
 * @throws `statistics/not-finite`, `unknown-choice`
 */
export function metricGain(options: MetricGainOptions): MetricGain {
  const { baseline, candidate, direction, kind } = options;
  requireFiniteNumbers("baseline, candidate", [baseline, candidate]);
  requireOneOf("direction", direction, ["higher", "lower"]);
  requireOneOf("kind", kind, ["score", "raw"]);
  const floor = options.floor ?? (kind === "score" ? SCORE_FLOOR : 0);
  requireFiniteNumbers("floor", [floor]);
  const better = direction === "higher" ? candidate - baseline : baseline - candidate;
  const size = Math.abs(baseline);
  if (size > 0 && size >= floor - 1e-9)
    return { gain: better / size, relativeUndefined: false, unit: "percent" };
  if (kind === "score") return { gain: better, relativeUndefined: true, unit: "points" };
  return { gain: better === 0 ? 0 : null, relativeUndefined: true, unit: "none" };
}
