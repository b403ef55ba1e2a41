import type { ExampleCounts } from "../examples-needed.ts";
import type { CompositeGain } from "./composite-gain.ts";

/** "19.1 %" or "10.0 points". */
export function formatGain(gain: number, unit: CompositeGain["unit"]): string {
  const value = (Math.abs(gain) < 0.0005 ? 0 : gain * 100).toFixed(1);
  return unit === "points" ? `${value} points` : `${value} %`;
}

/** "12.3 %" for a share. */
export function formatPercent(share: number): string {
  return formatGain(share, "percent");
}

/** "1 example", "20 examples". */
export function countExamples(count: number, kind?: "complete" | "more"): string {
  return `${count} ${kind ? `${kind} ` : ""}example${count === 1 ? "" : "s"}`;
}

/** "scores 0.784 against 0.658, a gain of 19.1 % (90 % interval 5.9 % to 34.5 %, 20 examples)". */
export function describeGain(options: {
  readonly candidateScore: number;
  readonly baselineScore: number;
  readonly gain: CompositeGain;
  readonly pairs: number;
  readonly alpha: number;
}): string {
  const { candidateScore, baselineScore, gain, pairs, alpha } = options;
  const word = gain.gain < 0 ? "loss" : "gain";
  const interval = `${Number((100 * (1 - 2 * alpha)).toFixed(4))} % interval ${formatGain(gain.decision.lower, gain.unit)} to ${formatGain(gain.decision.upper, gain.unit)}`;
  return (
    `the candidate scores ${candidateScore.toFixed(3)} against ${baselineScore.toFixed(3)}, ` +
    `a ${word} of ${formatGain(Math.abs(gain.gain), gain.unit)} (${interval}, ${countExamples(pairs)})`
  );
}

/** "about 165 more examples give an even chance to settle it, 403 an 80 % chance" or why none would. */
export function describeMoreExamples(more: ExampleCounts | null): string {
  return more === null
    ? "more examples will not help at this estimate"
    : `about ${countExamples(more.fiftyPercentChance, "more")} give${more.fiftyPercentChance === 1 ? "s" : ""} an even chance to settle it, ${more.eightyPercentChance} an 80 % chance`;
}
