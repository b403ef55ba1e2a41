import { normalCdf } from "./distributions/normal.ts";
import { requireFiniteNumbers } from "./input-checks.ts";

/** Up to this many non-zero differences the permutation distribution of the rank sum is counted exactly. */
const EXACT_LIMIT = 50;

export interface WilcoxonResult {
  /** Non-zero differences ranked (zeros are dropped, Wilcoxon's own rule). */
  readonly count: number;
  /** Rank sum of the positive differences. */
  readonly positiveRankSum: number;
  /** Rank sum of the negative differences. */
  readonly negativeRankSum: number;
  /** min of both, the usual W. */
  readonly statistic: number;
  /** Two-sided p by the normal approximation with tie correction, no continuity correction. */
  readonly pValue: number;
  /** Two-sided exact p (ties keep their mid-ranks); null above 50 differences. */
  readonly exactPValue: number | null;
}

/**
 * Wilcoxon signed-rank test. A report figure only: it tests whether differences are symmetric about 0, not whether the
 * mean reaches a threshold. Differences closer than 1e-9 of the largest share a rank. Source: Wilcoxon 1945.
 *
 * @throws `statistics/empty-input`, `not-finite`
 */
export function wilcoxon(options: { readonly differences: readonly number[] }): WilcoxonResult {
  const { differences } = options;
  requireFiniteNumbers("differences", differences);
  let largest = 0;
  for (const value of differences) largest = Math.max(largest, Math.abs(value));
  const tolerance = 1e-9 * largest;
  const kept = differences
    .filter((value) => Math.abs(value) > tolerance)
    .sort((a, b) => Math.abs(a) - Math.abs(b));
  const count = kept.length;
  if (count === 0) {
    return { count, positiveRankSum: 0, negativeRankSum: 0, statistic: 0, pValue: 1, exactPValue: 1 };
  }
  const doubledRanks: number[] = [];
  let tieTerm = 0;
  for (let start = 0; start < count; ) {
    let end = start + 1;
    while (end < count && Math.abs(kept[end] ?? 0) - Math.abs(kept[end - 1] ?? 0) <= tolerance) end += 1;
    const ties = end - start;
    tieTerm += ties ** 3 - ties;
    for (let index = start; index < end; index += 1) doubledRanks.push(start + end + 1);
    start = end;
  }
  let doubledPositive = 0;
  kept.forEach((value, index) => {
    if (value > 0) doubledPositive += doubledRanks[index] ?? 0;
  });
  const total = (count * (count + 1)) / 2;
  const positiveRankSum = doubledPositive / 2;
  const negativeRankSum = total - positiveRankSum;
  const statistic = Math.min(positiveRankSum, negativeRankSum);
  const variance = (count * (count + 1) * (2 * count + 1)) / 24 - tieTerm / 48;
  return {
    count,
    positiveRankSum,
    negativeRankSum,
    statistic,
    pValue: Math.min(1, 2 * normalCdf((statistic - total / 2) / Math.sqrt(variance))),
    exactPValue: count <= EXACT_LIMIT ? exactTwoSided(doubledRanks, 2 * statistic) : null,
  };
}

function exactTwoSided(doubledRanks: readonly number[], doubledStatistic: number): number {
  const total = doubledRanks.reduce((sum, rank) => sum + rank, 0);
  const share = new Float64Array(total + 1);
  share[0] = 1;
  let reach = 0;
  for (const rank of doubledRanks) {
    reach += rank;
    for (let sum = reach; sum >= 0; sum -= 1) {
      share[sum] = ((share[sum] ?? 0) + (sum >= rank ? (share[sum - rank] ?? 0) : 0)) / 2;
    }
  }
  let tail = 0;
  for (let sum = 0; sum <= doubledStatistic; sum += 1) tail += share[sum] ?? 0;
  return Math.min(1, 2 * tail);
}
