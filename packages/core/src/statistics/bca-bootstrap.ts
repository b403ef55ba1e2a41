import type { Interval } from "./compare-paired.ts";
import { meanOf } from "./descriptive.ts";
import { normalCdf, normalQuantile } from "./distributions/normal.ts";
import {
  requireBetween,
  requireFiniteNumbers,
  requireSameLength,
  requireWholeNumber,
  statisticsError,
} from "./input-checks.ts";
import { createRandom } from "./random.ts";

/** Up to this many values all nⁿ resamples are counted, grouped into C(2n−1, n) multisets. */
const EXHAUSTIVE_LIMIT = 7;

interface BootstrapSettings {
  /** Confidence of the interval and of each one-sided bound. @default 0.95 */
  readonly confidence?: number;
  /** Random resamples; not used by the exhaustive bootstrap (n ≤ 7). @default 10000 */
  readonly resamples?: number;
  /** Seed of the resamples. @default 1 */
  readonly seed?: number;
}

export interface BcaBootstrapOptions extends BootstrapSettings {
  readonly values: readonly number[];
  /** Statistic of a resample. @default the mean */
  readonly statistic?: (sample: Float64Array) => number;
}

export interface BcaBootstrapRatioOptions extends BootstrapSettings {
  /** Candidate values, one per example. */
  readonly candidate: readonly number[];
  /** Baseline values of the same examples. */
  readonly baseline: readonly number[];
}

export interface BcaBootstrapResult {
  /** The statistic of the data themselves. */
  readonly estimate: number;
  /** Two-sided BCa interval at `confidence`. */
  readonly interval: Interval;
  /** One-sided BCa lower bound at `confidence`. */
  readonly lowerBound: number;
  /** One-sided BCa upper bound at `confidence`. */
  readonly upperBound: number;
  /** Two-sided percentile interval, for comparison. */
  readonly percentileInterval: Interval;
  /** z₀ from the share of resamples below the estimate, ties counted half. */
  readonly biasCorrection: number;
  /** a from the jackknife. */
  readonly acceleration: number;
  /** Share of resamples below the estimate. */
  readonly shareBelow: number;
  /** Share of resamples equal to the estimate. */
  readonly shareEqual: number;
  /** The percentiles the two ends of `interval` were read at. */
  readonly adjustedAlphas: Interval;
  readonly method: "exhaustive" | "random";
  /** Resamples drawn, or nⁿ. */
  readonly resamples: number;
  readonly confidence: number;
}

/**
 * Bias-corrected and accelerated bootstrap interval of a statistic of one sample. Seeded; for n ≤ 7 all nⁿ resamples
 * are counted and no seed matters. α* = Φ(z₀ + (z₀+z_α)/(1 − a(z₀+z_α))), read as the smallest resample value whose
 * cumulative share reaches α*. Source: Efron, JASA 82, 1987; Efron & Tibshirani 1993 §14.3.
 *
 * @throws `statistics/empty-input`, `too-few-values` (< 2), `not-finite`, `out-of-range`, `not-a-count`
 */
export function bcaBootstrap(options: BcaBootstrapOptions): BcaBootstrapResult {
  const { values, statistic } = options;
  requireFiniteNumbers("values", values, 2);
  const data = Float64Array.from(values);
  const sample = new Float64Array(data.length);
  const evaluate = (chosen: Int32Array): number => {
    if (statistic === undefined) {
      let sum = 0;
      for (let index = 0; index < chosen.length; index += 1) sum += data[chosen[index] ?? 0] ?? 0;
      return sum / chosen.length;
    }
    const part = chosen.length === sample.length ? sample : new Float64Array(chosen.length);
    for (let index = 0; index < chosen.length; index += 1) part[index] = data[chosen[index] ?? 0] ?? 0;
    return statistic(part);
  };
  return runBca(data.length, evaluate, options);
}

/**
 * BCa interval of the relative gain mean(candidate)/mean(baseline) − 1, resampling examples (pairs) together. A resample
 * whose baseline is all zero counts as +∞, so an upper bound may be Infinity; a lower bound never gains from it.
 *
 * @throws as `bcaBootstrap`, and `statistics/length-mismatch`, `baseline-not-positive`
 */
export function bcaBootstrapRatio(options: BcaBootstrapRatioOptions): BcaBootstrapResult {
  const { candidate, baseline } = options;
  requireFiniteNumbers("candidate", candidate, 2);
  requireFiniteNumbers("baseline", baseline, 2);
  requireSameLength("candidate", candidate, "baseline", baseline);
  if (!(meanOf(baseline) > 0)) {
    throw statisticsError(
      "baseline-not-positive",
      "The baseline mean is not above 0, so there is no relative gain.",
      "Bootstrap the differences with bcaBootstrap instead.",
    );
  }
  const top = Float64Array.from(candidate);
  const bottom = Float64Array.from(baseline);
  const evaluate = (chosen: Int32Array): number => {
    let candidateSum = 0;
    let baselineSum = 0;
    for (let index = 0; index < chosen.length; index += 1) {
      const row = chosen[index] ?? 0;
      candidateSum += top[row] ?? 0;
      baselineSum += bottom[row] ?? 0;
    }
    return baselineSum > 0 ? candidateSum / baselineSum - 1 : Number.POSITIVE_INFINITY;
  };
  return runBca(top.length, evaluate, options);
}

interface Replicates {
  readonly values: Float64Array;
  /** Share of each value; null when all are equal. Sorted with `values`. */
  readonly shares: Float64Array | null;
}

function runBca(
  count: number,
  evaluate: (chosen: Int32Array) => number,
  settings: BootstrapSettings,
): BcaBootstrapResult {
  const { confidence = 0.95, resamples = 10_000, seed = 1 } = settings;
  requireBetween("confidence", confidence, 0, 1);
  requireWholeNumber("resamples", resamples, 100);
  const identity = Int32Array.from({ length: count }, (_, index) => index);
  const estimate = evaluate(identity);
  const exhaustive = count <= EXHAUSTIVE_LIMIT;
  const replicates = exhaustive
    ? allResamples(count, evaluate)
    : drawResamples(count, evaluate, resamples, seed);

  // Resamples that equal the estimate up to rounding are ties, not values just below or above it.
  const tolerance = 1e-12 * Math.max(1e-300, Math.abs(estimate), finiteSpread(replicates.values));
  let shareBelow = 0;
  let shareEqual = 0;
  replicates.values.forEach((value, index) => {
    const share = replicates.shares?.[index] ?? 1 / replicates.values.length;
    if (value < estimate - tolerance) shareBelow += share;
    else if (value <= estimate + tolerance) shareEqual += share;
  });
  const smallest = exhaustive ? count ** -count / 2 : 0.5 / resamples;
  const rank = Math.min(1 - smallest, Math.max(smallest, shareBelow + shareEqual / 2));
  const biasCorrection = normalQuantile(rank);
  const acceleration = jackknifeAcceleration(count, evaluate);
  const adjust = (alpha: number): number => {
    const z = biasCorrection + normalQuantile(alpha);
    const denominator = 1 - acceleration * z;
    return denominator <= 0 ? (z < 0 ? 0 : 1) : normalCdf(biasCorrection + z / denominator);
  };
  const tail = (1 - confidence) / 2;
  const adjustedAlphas = { lower: adjust(tail), upper: adjust(1 - tail) };
  return {
    estimate,
    interval: {
      lower: quantileOf(replicates, adjustedAlphas.lower),
      upper: quantileOf(replicates, adjustedAlphas.upper),
    },
    lowerBound: quantileOf(replicates, adjust(1 - confidence)),
    upperBound: quantileOf(replicates, adjust(confidence)),
    percentileInterval: { lower: quantileOf(replicates, tail), upper: quantileOf(replicates, 1 - tail) },
    biasCorrection,
    acceleration,
    shareBelow,
    shareEqual,
    adjustedAlphas,
    method: exhaustive ? "exhaustive" : "random",
    resamples: exhaustive ? count ** count : resamples,
    confidence,
  };
}

function finiteSpread(sorted: Float64Array): number {
  const spread = (sorted.at(-1) ?? 0) - (sorted[0] ?? 0);
  return Number.isFinite(spread) ? spread : 0;
}

function drawResamples(
  count: number,
  evaluate: (chosen: Int32Array) => number,
  resamples: number,
  seed: number,
): Replicates {
  const random = createRandom(seed);
  const chosen = new Int32Array(count);
  const values = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample += 1) {
    for (let index = 0; index < count; index += 1) chosen[index] = random.uniform() * count;
    values[resample] = evaluate(chosen);
  }
  return { values: values.sort(), shares: null };
}

/** Every multiset of n indices with its multinomial probability n!/(∏kᵢ!)/nⁿ. */
function allResamples(count: number, evaluate: (chosen: Int32Array) => number): Replicates {
  const factorial = [1, 1, 2, 6, 24, 120, 720, 5040];
  const rows: { value: number; share: number }[] = [];
  const chosen = new Int32Array(count);
  const fill = (position: number, from: number): void => {
    if (position === count) {
      let orders = factorial[count] ?? 1;
      for (let start = 0; start < count; ) {
        let end = start + 1;
        while (end < count && chosen[end] === chosen[start]) end += 1;
        orders /= factorial[end - start] ?? 1;
        start = end;
      }
      rows.push({ value: evaluate(chosen), share: orders / count ** count });
      return;
    }
    for (let index = from; index < count; index += 1) {
      chosen[position] = index;
      fill(position + 1, index);
    }
  };
  fill(0, 0);
  rows.sort((a, b) => a.value - b.value);
  return {
    values: Float64Array.from(rows, (row) => row.value),
    shares: Float64Array.from(rows, (row) => row.share),
  };
}

function quantileOf(replicates: Replicates, share: number): number {
  const { values, shares } = replicates;
  const last = values.length - 1;
  if (shares === null)
    return values[Math.min(last, Math.max(0, Math.ceil(share * values.length - 1e-9) - 1))] ?? Number.NaN;
  let cumulative = 0;
  for (let index = 0; index <= last; index += 1) {
    cumulative += shares[index] ?? 0;
    if (cumulative >= share - 1e-12) return values[index] ?? Number.NaN;
  }
  return values[last] ?? Number.NaN;
}

function jackknifeAcceleration(count: number, evaluate: (chosen: Int32Array) => number): number {
  const values = new Float64Array(count);
  const chosen = new Int32Array(count - 1);
  for (let left = 0; left < count; left += 1) {
    for (let index = 0; index < count - 1; index += 1) chosen[index] = index < left ? index : index + 1;
    values[left] = evaluate(chosen);
  }
  const mean = meanOf(values);
  let squares = 0;
  let cubes = 0;
  for (const value of values) {
    const distance = mean - value;
    squares += distance * distance;
    cubes += distance * distance * distance;
  }
  const acceleration = cubes / (6 * squares ** 1.5);
  return Number.isFinite(acceleration) ? acceleration : 0;
}
