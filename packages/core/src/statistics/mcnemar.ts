import { binomialCdf, binomialPmf } from "./distributions/binomial.ts";
import { requireWholeNumber } from "./input-checks.ts";

export interface McNemarOptions {
  /** Pairs where only the baseline passed (b). */
  readonly onlyBaseline: number;
  /** Pairs where only the candidate passed (c). */
  readonly onlyCandidate: number;
}

export interface McNemarResult {
  /** b + c. */
  readonly discordant: number;
  /** Exact two-sided p. */
  readonly pValue: number;
  /** Exact two-sided p less the probability of the observed split: less conservative, not guaranteed. */
  readonly midPValue: number;
  /** Exact one-sided p for "the candidate is worse". */
  readonly pValueWorse: number;
  /** Whether any split of this many discordant pairs could reach p < 0.05 two-sided (needs at least 6). */
  readonly canReachSignificance: boolean;
}

/**
 * Exact McNemar test for a pass/fail metric on the same examples: given b + c discordant pairs, b ~ Binomial(b + c, ½)
 * when the arms are equally good. Source: McNemar 1947; mid-p: Fagerland et al., BMC Med Res Methodol 13:91, 2013.
 *
 * @throws `statistics/not-a-count`
 */
export function mcnemar(options: McNemarOptions): McNemarResult {
  const { onlyBaseline, onlyCandidate } = options;
  requireWholeNumber("onlyBaseline", onlyBaseline, 0);
  requireWholeNumber("onlyCandidate", onlyCandidate, 0);
  const discordant = onlyBaseline + onlyCandidate;
  const smaller = Math.min(onlyBaseline, onlyCandidate);
  const doubled = discordant === 0 ? 1 : 2 * binomialCdf(smaller, discordant, 0.5);
  const pValue = Math.min(1, doubled);
  const midPValue =
    onlyBaseline === onlyCandidate
      ? 1 - binomialPmf(smaller, discordant, 0.5) / 2
      : doubled - binomialPmf(smaller, discordant, 0.5);
  return {
    discordant,
    pValue,
    midPValue: discordant === 0 ? 1 : midPValue,
    pValueWorse: discordant === 0 ? 1 : binomialCdf(onlyCandidate, discordant, 0.5),
    canReachSignificance: discordant >= 6,
  };
}
