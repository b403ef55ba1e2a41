import { requireBetween, statisticsError } from "./input-checks.ts";

export interface HolmResult {
  /** Adjusted p-values in the order given; compare each with α. */
  readonly adjusted: readonly number[];
  /** Which hypotheses are rejected at α with the family-wise error kept. */
  readonly rejected: readonly boolean[];
}

/**
 * Holm's step-down correction: p₍ᵢ₎·(k − i + 1), made monotone, capped at 1. Keeps the chance of any false rejection
 * ≤ α under any dependence. Source: Holm, Scandinavian Journal of Statistics 6, 1979.
 *
 * @throws `statistics/empty-input`, `p-value-out-of-range`, `out-of-range` (alpha)
 */
export function holm(options: { readonly pValues: readonly number[]; readonly alpha?: number }): HolmResult {
  const { pValues, alpha = 0.05 } = options;
  requireBetween("alpha", alpha, 0, 1);
  if (pValues.length === 0)
    throw statisticsError("empty-input", "pValues is empty.", "Pass at least one p-value.");
  pValues.forEach((value, index) => {
    if (!(value >= 0 && value <= 1)) {
      throw statisticsError(
        "p-value-out-of-range",
        `pValues[${index}] is ${value}.`,
        "p-values lie between 0 and 1.",
      );
    }
  });
  const order = pValues.map((value, index) => ({ value, index })).sort((a, b) => a.value - b.value);
  const adjusted = new Array<number>(pValues.length).fill(1);
  let running = 0;
  order.forEach(({ value, index }, rank) => {
    running = Math.max(running, Math.min(1, value * (pValues.length - rank)));
    adjusted[index] = running;
  });
  return { adjusted, rejected: adjusted.map((value) => value <= alpha) };
}
