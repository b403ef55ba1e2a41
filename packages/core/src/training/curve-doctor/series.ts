import { quantile } from "../../statistics/quantile.ts";

const FIRST = 10;
const RECENT = 20;
const SMOOTHED_OVER = 5;

/** One metric over a run, in constant memory: how it began, its last values, and its best smoothed value. */
export class Series {
  readonly first: number[] = [];
  readonly recent: number[] = [];
  count = 0;
  /** Sums for the straight line through all values, around the first step and value, where they stay exact. */
  readonly #sums = { x: 0, y: 0, xx: 0, xy: 0, yy: 0 };
  #origin: { readonly step: number; readonly value: number } | null = null;
  /** Lowest median of five values in a row, and the step it was reached at. */
  lowest: { readonly value: number; readonly step: number } | null = null;

  add(value: number, step: number): void {
    this.count += 1;
    this.#origin ??= { step, value };
    const [x, y] = [step - this.#origin.step, value - this.#origin.value];
    this.#sums.x += x;
    this.#sums.y += y;
    this.#sums.xx += x * x;
    this.#sums.xy += x * y;
    this.#sums.yy += y * y;
    if (this.first.length < FIRST) this.first.push(value);
    this.recent.push(value);
    if (this.recent.length > RECENT) this.recent.shift();
    if (this.count < SMOOTHED_OVER) return;
    const smoothed = this.now;
    if (this.lowest === null || smoothed < this.lowest.value) this.lowest = { value: smoothed, step };
  }

  /** How far the straight line through all values falls from the first step to `step`, with its standard error. */
  fall(step: number): { readonly drop: number; readonly standardError: number } | null {
    const { x, y, xx, xy, yy } = this.#sums;
    const count = this.count;
    const squaresX = xx - (x * x) / count;
    if (count < 3 || squaresX <= 0) return null;
    const slope = (xy - (x * y) / count) / squaresX;
    const residual = Math.max(0, yy - (y * y) / count - slope * slope * squaresX);
    const range = step - (this.#origin?.step ?? step);
    return { drop: -slope * range, standardError: Math.sqrt(residual / (count - 2) / squaresX) * range };
  }

  /** Median of the last five values. */
  get now(): number {
    return median(this.recent.slice(-SMOOTHED_OVER));
  }

  /** Median of the first three values. */
  get start(): number {
    return median(this.first.slice(0, 3));
  }

  /** Scatter from value to value, robust against single outliers and against a slope. */
  get noise(): number {
    const jumps = this.recent.slice(1).map((value, index) => Math.abs(value - (this.recent[index] ?? value)));
    // 1.4826 makes a median deviation a standard deviation; a jump is the difference of two values.
    return jumps.length === 0 ? 0 : (1.4826 * median(jumps)) / Math.SQRT2;
  }
}

/** NaN for an empty list: no comparison with it is true. */
export function median(values: readonly number[]): number {
  return (
    quantile(
      [...values].sort((one, other) => one - other),
      0.5,
    ) ?? Number.NaN
  );
}

/** Pearson's correlation; 0 when one of the two does not vary. */
export function correlation(one: readonly number[], other: readonly number[]): number {
  const count = Math.min(one.length, other.length);
  const [x, y] = [one.slice(-count), other.slice(-count)];
  const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / count;
  const [meanX, meanY] = [meanOf(x), meanOf(y)];
  let [both, squaresX, squaresY] = [0, 0, 0];
  for (let index = 0; index < count; index += 1) {
    const dx = (x[index] ?? 0) - meanX;
    const dy = (y[index] ?? 0) - meanY;
    both += dx * dy;
    squaresX += dx * dx;
    squaresY += dy * dy;
  }
  return squaresX === 0 || squaresY === 0 ? 0 : both / Math.sqrt(squaresX * squaresY);
}
