import { normalQuantile } from "./distributions/normal.ts";
import { requireBetween, requireWholeNumber, statisticsError } from "./input-checks.ts";

export interface MinimumDetectableEffectOptions {
  /** Spread of one example: sd of the paired difference (absolute answer) or of e_i/mean(b) (relative answer). */
  readonly standardDeviation: number;
  /** Number of paired examples. */
  readonly count: number;
  /** Two-sided error rate. @default 0.05 */
  readonly alpha?: number;
  /** Chance to detect. @default 0.8 */
  readonly power?: number;
}

/**
 * Smallest true effect that `count` examples detect with the given power: (z_{1−α/2} + z_power)·sd/√n, in the unit of
 * `standardDeviation`. Source: Miller, arXiv 2411.00640 §5.
 *
 * @throws `statistics/out-of-range`, `not-a-count`, `negative-spread`
 */
export function minimumDetectableEffect(options: MinimumDetectableEffectOptions): number {
  const { standardDeviation, count, alpha = 0.05, power = 0.8 } = options;
  requireSpread(standardDeviation);
  requireWholeNumber("count", count, 1);
  requireBetween("alpha", alpha, 0, 1);
  requireBetween("power", power, 0, 1);
  return ((normalQuantile(1 - alpha / 2) + normalQuantile(power)) * standardDeviation) / Math.sqrt(count);
}

/** Throws unless a standard deviation is finite and not negative. */
export function requireSpread(standardDeviation: number): void {
  if (!(standardDeviation >= 0 && Number.isFinite(standardDeviation))) {
    throw statisticsError(
      "negative-spread",
      `The standard deviation is ${standardDeviation}.`,
      "Pass a finite number of at least 0.",
      { standardDeviation },
    );
  }
}
