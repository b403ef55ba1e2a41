import type { Interval } from "../compare-paired.ts";
import { requireBetween, requireWholeNumber, statisticsError } from "../input-checks.ts";

/** Totals of one arm. */
export interface ArmTotals {
  /** Sessions with a known outcome. */
  readonly count: number;
  /** Sum of outcomes in [0, 1]; the number of successes for pass/fail. */
  readonly sum: number;
  /** Sum of squared outcomes. @default `sum`, right for pass/fail */
  readonly sumOfSquares?: number;
}

/** Both arms while the share was constant. */
export interface ArmPeriod {
  readonly canary: ArmTotals;
  readonly baseline: ArmTotals;
}

export interface ConfidenceSequenceOptions {
  /** One entry per share the rollout ran at, so that a change of share does not bias the difference. */
  readonly periods: readonly ArmPeriod[];
  /** @default 0.05 */
  readonly alpha?: number;
  /** Sessions of both arms at which the interval is tightest; fix it in advance. @default 1000 */
  readonly tuningCount?: number;
}

export interface ConfidenceSequence {
  /** Mean of the canary less mean of the baseline, in points. */
  readonly difference: number;
  readonly standardError: number;
  /** Sessions of both arms. */
  readonly count: number;
  /** Two-sided: holds at all times together with chance about 1 − α. */
  readonly interval: Interval;
  readonly halfWidth: number;
  /** One-sided bounds, each valid at all times with chance about 1 − α. */
  readonly lowerBound: number;
  readonly upperBound: number;
  readonly oneSidedHalfWidth: number;
  /** Always true: relies on a normal approximation; the e-process does not. */
  readonly isApproximate: true;
}

/** Difference, error and size of several periods, each weighted by its sessions; null below 10 sessions an arm. */
export function differenceOfArms(
  periods: readonly ArmPeriod[],
): { readonly difference: number; readonly standardError: number; readonly count: number } | null {
  let count = 0;
  let canaryCount = 0;
  let baselineCount = 0;
  let weightedDifference = 0;
  let weightedVariance = 0;
  for (const { canary, baseline } of periods) {
    requireArm("canary", canary);
    requireArm("baseline", baseline);
    if (canary.count === 0 || baseline.count === 0) continue;
    const size = canary.count + baseline.count;
    count += size;
    canaryCount += canary.count;
    baselineCount += baseline.count;
    weightedDifference += size * (canary.sum / canary.count - baseline.sum / baseline.count);
    weightedVariance += size * size * (varianceOfMean(canary) + varianceOfMean(baseline));
  }
  if (canaryCount < 10 || baselineCount < 10) return null;
  return {
    difference: weightedDifference / count,
    standardError: Math.sqrt(weightedVariance) / count,
    count,
  };
}

function varianceOfMean({ count, sum, sumOfSquares = sum }: ArmTotals): number {
  const mean = sum / count;
  return Math.max(0, sumOfSquares / count - mean * mean) / count;
}

function requireArm(name: string, { count, sum, sumOfSquares = sum }: ArmTotals): void {
  requireWholeNumber(`${name}.count`, count, 0);
  const tolerance = 1e-9 * Math.max(1, count);
  if (!(sum >= 0 && sum <= count + tolerance && sumOfSquares >= 0 && sumOfSquares <= sum + tolerance)) {
    throw statisticsError(
      "score-out-of-range",
      `${name}: sum ${sum} and sum of squares ${sumOfSquares} do not fit ${count} outcomes in [0, 1].`,
      "Pass the sum of outcomes between 0 and 1 (for pass/fail the number of successes).",
    );
  }
}

/**
 * Asymptotic confidence sequence of the difference between the arms, for people to look at beside the e-process.
 *
 * Two-sided ±√N·SE·√(2(Nρ²+1)/(N²ρ²)·ln(√(Nρ²+1)/α)); one-sided with ln(1 + √(Nρ²+1)/(2α)); ρ² = (−2 ln α + ln(−2 ln α +
 * 1))/N*. Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, Annals of Statistics 52(6), 2024 (arXiv 2103.06476).
 *
 * @returns null with fewer than 10 sessions in an arm or no variance at all
 * @throws `statistics/out-of-range`, `not-a-count`, `score-out-of-range`
 */
export function confidenceSequence(options: ConfidenceSequenceOptions): ConfidenceSequence | null {
  const { periods, alpha = 0.05, tuningCount = 1000 } = options;
  requireBetween("alpha", alpha, 0, 1);
  requireWholeNumber("tuningCount", tuningCount, 1);
  const arms = differenceOfArms(periods);
  if (arms === null || arms.standardError === 0) return null;
  const { difference, standardError, count } = arms;
  const logTerm = -2 * Math.log(alpha);
  const rhoSquare = (logTerm + Math.log(logTerm + 1)) / tuningCount;
  const spread = count * rhoSquare + 1;
  const front = Math.sqrt(count) * standardError;
  const widthFor = (log: number): number =>
    front * Math.sqrt(((2 * spread) / (count * count * rhoSquare)) * log);
  const halfWidth = widthFor(Math.log(Math.sqrt(spread) / alpha));
  const oneSidedHalfWidth = widthFor(Math.log1p(Math.sqrt(spread) / (2 * alpha)));
  return {
    difference,
    standardError,
    count,
    interval: { lower: difference - halfWidth, upper: difference + halfWidth },
    halfWidth,
    lowerBound: difference - oneSidedHalfWidth,
    upperBound: difference + oneSidedHalfWidth,
    oneSidedHalfWidth,
    isApproximate: true,
  };
}
