import { requireBetween } from "../input-checks.ts";
import { type ArmPeriod, differenceOfArms } from "./confidence-sequence.ts";

export interface MixtureSprtOptions {
  readonly periods: readonly ArmPeriod[];
  /** Variance τ² of the normal prior on the difference. @default 0.0025 (5 points) */
  readonly mixingVariance?: number;
}

export interface MixtureSprtResult {
  /** Λ, the mixture likelihood ratio against "no difference". */
  readonly likelihoodRatio: number;
  /** min(1, 1/Λ). Always valid when the smallest one so far is kept. */
  readonly pValue: number;
  /** V, the variance of the difference. */
  readonly variance: number;
}

/**
 * Mixture sequential probability ratio test with a normal prior, as used by commercial A/B testing:
 * Λ = √(V/(V+τ²))·exp(Δ²τ²/(2V(V+τ²))). Two-sided and approximate; offered for comparison with other tools. Source:
 * Johari, Koomen, Pekelis & Walsh, KDD 2017.
 *
 * @returns null with fewer than 10 sessions in an arm or no variance at all
 */
export function mixtureSprt(options: MixtureSprtOptions): MixtureSprtResult | null {
  const { periods, mixingVariance = 0.0025 } = options;
  requireBetween("mixingVariance", mixingVariance, 0, Number.POSITIVE_INFINITY);
  const arms = differenceOfArms(periods);
  if (arms === null || arms.standardError === 0) return null;
  const variance = arms.standardError ** 2;
  const total = variance + mixingVariance;
  const likelihoodRatio =
    Math.sqrt(variance / total) * Math.exp((arms.difference ** 2 * mixingVariance) / (2 * variance * total));
  return { likelihoodRatio, pValue: Math.min(1, 1 / likelihoodRatio), variance };
}
