/** Numbers as people read them. Missing is a dash, never a zero. */
export const MISSING = "–";

/** `0.783` */
export function formatScore(score: number | null): string {
  return score === null ? MISSING : score.toFixed(3);
}

/** `+19.1 %`, `−3.7 %`, `+10.0 points`. */
export function formatChange(value: number | null, unit: "percent" | "points"): string {
  return value === null ? MISSING : `${signed(value)}\u00a0${UNITS[unit]}`;
}

/** `+5.9 to +34.5 %` */
export function formatInterval(
  interval: { readonly lowPct: number; readonly highPct: number } | null,
  unit: "percent" | "points",
): string {
  if (interval === null) return MISSING;
  return `${signed(interval.lowPct)} to ${signed(interval.highPct)}\u00a0${UNITS[unit]}`;
}

const UNITS = { percent: "%", points: "points" } as const;

function signed(value: number): string {
  const rounded = Math.abs(value) < 0.05 ? 0 : value;
  const sign = rounded > 0 ? "+" : rounded < 0 ? "−" : "±";
  return `${sign}${Math.abs(rounded).toFixed(1)}`;
}

/** `12 ms`, `1.42 s` */
export function formatMilliseconds(milliseconds: number | null): string {
  if (milliseconds === null) return MISSING;
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(2)} s`;
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
}

/** `$0`, `$0.0012`, `$12.35` */
export function formatUsd(usd: number | null): string {
  if (usd === null) return MISSING;
  if (usd === 0) return "$0";
  if (usd < 0.000001) return "< $0.000001";
  return `$${usd >= 1 ? usd.toFixed(2) : usd.toPrecision(2)}`;
}

/** A value of a metric: a score, or a raw quantity in the unit its name ends with. */
export function formatMetricValue(
  metric: { readonly name: string; readonly kind: "score" | "raw" },
  value: number | null,
): string {
  if (metric.kind === "score") return formatScore(value);
  if (metric.name.endsWith("_ms")) return formatMilliseconds(value);
  return metric.name.endsWith("_usd") ? formatUsd(value) : formatCount(value);
}

/** `1,234` */
export function formatCount(count: number | null): string {
  return count === null ? MISSING : count.toLocaleString("en-US", { maximumFractionDigits: 1 });
}
