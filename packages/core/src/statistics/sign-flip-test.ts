import { requireFiniteNumbers, requireSameLength, requireWholeNumber } from "./input-checks.ts";
import { createRandom } from "./random.ts";

/** Up to this many units every sign pattern is counted; above, patterns are drawn. */
const EXACT_LIMIT = 20;

export interface SignFlipTestOptions {
  /** Paired differences candidate − baseline. */
  readonly differences: readonly number[];
  /** When examples share documents: signs are flipped per cluster, which keeps the test exact. */
  readonly clusterIds?: readonly (string | number)[];
  /** Random patterns when there are more than 20 units. @default 100000 */
  readonly draws?: number;
  /** Seed of the random patterns; not used by the exact test. @default 1 */
  readonly seed?: number;
}

export interface SignFlipTestResult {
  /** Units whose sign is flipped: examples, or clusters. */
  readonly units: number;
  /** Two-sided p: share of patterns with |sum| at least as large as observed. */
  readonly pValue: number;
  /** One-sided p for "candidate is better". */
  readonly pValueBetter: number;
  /** One-sided p for "candidate is worse". */
  readonly pValueWorse: number;
  /** `exact`: all 2ⁿ patterns, no seed; `random`: (k+1)/(B+1). */
  readonly method: "exact" | "random";
  /** Patterns counted (2ⁿ) or drawn. */
  readonly patterns: number;
}

/**
 * Sign-flip permutation test of "no difference": under it each difference is as likely to be positive as negative.
 *
 * Up to 20 units all 2ⁿ patterns are counted by meeting in the middle (two sorted halves), so the result is exact and
 * needs no seed; above that p = (k+1)/(B+1) over B drawn patterns. Source: Fisher 1935; Phipson & Smyth 2010 for +1.
 *
 * @throws `statistics/empty-input`, `not-finite`, `length-mismatch`, `not-a-count`
 */
export function signFlipTest(options: SignFlipTestOptions): SignFlipTestResult {
  const { differences, clusterIds, draws = 100_000, seed = 1 } = options;
  requireFiniteNumbers("differences", differences);
  requireWholeNumber("draws", draws, 1);
  const units = clusterIds === undefined ? differences.slice() : clusterSums(differences, clusterIds);
  let observed = 0;
  let size = 0;
  for (const unit of units) {
    observed += unit;
    size += Math.abs(unit);
  }
  // Sums that differ only by rounding are ties and must count as "at least as large".
  const tolerance = 1e-12 * size;
  return units.length <= EXACT_LIMIT
    ? exactTest(units, observed, tolerance)
    : randomTest(units, observed, tolerance, draws, seed);
}

function clusterSums(differences: readonly number[], clusterIds: readonly (string | number)[]): number[] {
  requireSameLength("differences", differences, "clusterIds", clusterIds);
  const sums = new Map<string | number, number>();
  differences.forEach((value, index) => {
    const id = clusterIds[index] ?? "";
    sums.set(id, (sums.get(id) ?? 0) + value);
  });
  return [...sums.values()];
}

function sortedSignSums(units: readonly number[]): Float64Array {
  let sums = new Float64Array([0]);
  for (const unit of units) {
    const next = new Float64Array(sums.length * 2);
    for (let index = 0; index < sums.length; index += 1) {
      next[2 * index] = (sums[index] ?? 0) + unit;
      next[2 * index + 1] = (sums[index] ?? 0) - unit;
    }
    sums = next;
  }
  return sums.sort();
}

function exactTest(units: readonly number[], observed: number, tolerance: number): SignFlipTestResult {
  const half = units.length >> 1;
  const first = sortedSignSums(units.slice(0, half));
  const second = sortedSignSums(units.slice(half));
  const patterns = first.length * second.length;
  const atLeast = (threshold: number): number => {
    let count = 0;
    let from = second.length;
    for (const sum of first) {
      while (from > 0 && sum + (second[from - 1] ?? 0) >= threshold - tolerance) from -= 1;
      count += second.length - from;
    }
    return count;
  };
  // The set of sums is symmetric about 0, so both tails follow from counts of "at least".
  const better = atLeast(observed);
  const worse = atLeast(-observed);
  const size = Math.abs(observed);
  return {
    units: units.length,
    pValue: size <= tolerance ? 1 : (2 * atLeast(size)) / patterns,
    pValueBetter: better / patterns,
    pValueWorse: worse / patterns,
    method: "exact",
    patterns,
  };
}

function randomTest(
  units: readonly number[],
  observed: number,
  tolerance: number,
  draws: number,
  seed: number,
): SignFlipTestResult {
  const random = createRandom(seed);
  let better = 0;
  let worse = 0;
  let either = 0;
  for (let draw = 0; draw < draws; draw += 1) {
    let sum = 0;
    for (const unit of units) sum += random.uniform() < 0.5 ? unit : -unit;
    if (sum >= observed - tolerance) better += 1;
    if (sum <= observed + tolerance) worse += 1;
    if (Math.abs(sum) >= Math.abs(observed) - tolerance) either += 1;
  }
  return {
    units: units.length,
    pValue: (either + 1) / (draws + 1),
    pValueBetter: (better + 1) / (draws + 1),
    pValueWorse: (worse + 1) / (draws + 1),
    method: "random",
    patterns: draws,
  };
}
