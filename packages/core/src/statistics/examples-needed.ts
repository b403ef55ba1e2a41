import { normalQuantile } from "./distributions/normal.ts";
import { requireBetween, requireFiniteNumbers, requireWholeNumber } from "./input-checks.ts";
import { requireSpread } from "./minimum-detectable-effect.ts";

export interface ExamplesNeededOptions {
  /** Estimated gain R (0.19 for +19 %). */
  readonly gain: number;
  /** The value the lower bound has to clear (0.15). */
  readonly threshold: number;
  /** `ratioOfMeans(...).relativeStandardDeviation`. */
  readonly relativeStandardDeviation: number;
  /** Examples measured already. */
  readonly count: number;
  /** One-sided error rate of the bound. @default 0.05 */
  readonly alpha?: number;
}

/** Numbers of examples for two chances of success. */
export interface ExampleCounts {
  readonly fiftyPercentChance: number;
  readonly eightyPercentChance: number;
}

export interface ExamplesNeeded {
  readonly total: ExampleCounts;
  /** `total` less what was measured already, at least 0. */
  readonly more: ExampleCounts;
}

/**
 * How many examples would bring the one-sided lower bound above `threshold`, if the gain is what it looks like now:
 * n* = ⌈((z_{1−α} + z_power)·sd/(R − θ))²⌉ with z_power 0 (an even chance) and 0.8416 (80 %). Null when R ≤ θ: more
 * examples will not help at this estimate.
 *
 * @throws `statistics/not-finite`, `out-of-range`, `not-a-count`, `negative-spread`
 */
export function examplesNeeded(options: ExamplesNeededOptions): ExamplesNeeded | null {
  const { gain, threshold, relativeStandardDeviation, count, alpha = 0.05 } = options;
  requireFiniteNumbers("gain and threshold", [gain, threshold]);
  requireSpread(relativeStandardDeviation);
  requireWholeNumber("count", count, 0);
  requireBetween("alpha", alpha, 0, 1);
  const distance = gain - threshold;
  if (distance <= 1e-9) return null;
  const totalFor = (power: number): number =>
    Math.ceil(
      (((normalQuantile(1 - alpha) + normalQuantile(power)) * relativeStandardDeviation) / distance) ** 2,
    );
  const total = { fiftyPercentChance: totalFor(0.5), eightyPercentChance: totalFor(0.8) };
  return {
    total,
    more: {
      fiftyPercentChance: Math.max(0, total.fiftyPercentChance - count),
      eightyPercentChance: Math.max(0, total.eightyPercentChance - count),
    },
  };
}
