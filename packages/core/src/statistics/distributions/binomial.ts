import { betaCdf } from "./beta.ts";
import { logGamma } from "./gamma.ts";

/** Up to here binomial coefficients and their neighbours' products stay below 2⁵³, so sums are exact. */
const EXACT_TRIALS = 50;

/** P(X = successes) for X ~ Binomial(trials, probability). */
export function binomialPmf(successes: number, trials: number, probability: number): number {
  if (successes < 0 || successes > trials) return 0;
  if (probability <= 0) return successes === 0 ? 1 : 0;
  if (probability >= 1) return successes === trials ? 1 : 0;
  if (trials <= EXACT_TRIALS) {
    let coefficient = 1;
    for (let index = 1; index <= successes; index += 1) {
      coefficient = Math.round((coefficient * (trials - successes + index)) / index);
    }
    return coefficient * probability ** successes * (1 - probability) ** (trials - successes);
  }
  return Math.exp(
    logGamma(trials + 1) -
      logGamma(successes + 1) -
      logGamma(trials - successes + 1) +
      successes * Math.log(probability) +
      (trials - successes) * Math.log1p(-probability),
  );
}

/** P(X ≤ successes) for X ~ Binomial(trials, probability), summed, or through the incomplete beta function above 50 trials. */
export function binomialCdf(successes: number, trials: number, probability: number): number {
  if (successes < 0) return 0;
  if (successes >= trials) return 1;
  const whole = Math.floor(successes);
  if (trials <= EXACT_TRIALS) {
    let sum = 0;
    for (let count = 0; count <= whole; count += 1) sum += binomialPmf(count, trials, probability);
    return Math.min(1, sum);
  }
  return betaCdf(1 - probability, trials - whole, whole + 1, probability);
}
