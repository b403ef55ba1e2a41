import { betaCdf } from "./beta.ts";
import { logBeta } from "./gamma.ts";
import { normalQuantile } from "./normal.ts";

/** P(T > t) for t ≥ 0. */
function upperTail(t: number, degreesOfFreedom: number): number {
  const square = t * t;
  if (square === Number.POSITIVE_INFINITY) return 0;
  const total = degreesOfFreedom + square;
  return betaCdf(degreesOfFreedom / total, degreesOfFreedom / 2, 0.5, square / total) / 2;
}

/** Distribution function of Student's t with `degreesOfFreedom` > 0, accurate in both tails. */
export function studentTCdf(t: number, degreesOfFreedom: number): number {
  if (Number.isNaN(t) || !(degreesOfFreedom > 0)) return Number.NaN;
  const tail = upperTail(Math.abs(t), degreesOfFreedom);
  return t > 0 ? 1 - tail : tail;
}

/** Quantile of Student's t: Newton's method kept inside a bracket, relative error about 1e-14. */
export function studentTQuantile(probability: number, degreesOfFreedom: number): number {
  if (!(probability >= 0 && probability <= 1) || !(degreesOfFreedom > 0)) return Number.NaN;
  if (probability === 0) return Number.NEGATIVE_INFINITY;
  if (probability === 1) return Number.POSITIVE_INFINITY;
  if (probability === 0.5) return 0;
  const tail = Math.min(probability, 1 - probability);
  const logScale = -0.5 * Math.log(degreesOfFreedom) - logBeta(degreesOfFreedom / 2, 0.5);
  let low = 0;
  let high = 2;
  while (upperTail(high, degreesOfFreedom) > tail) {
    low = high;
    high *= 2;
  }
  let t = Math.min(Math.max(-normalQuantile(tail), low), high);
  for (let round = 0; round < 200; round += 1) {
    const excess = upperTail(t, degreesOfFreedom) - tail;
    if (excess > 0) low = t;
    else high = t;
    const density = Math.exp(
      logScale - ((degreesOfFreedom + 1) / 2) * Math.log1p((t * t) / degreesOfFreedom),
    );
    const proposal = t + excess / density;
    const next = proposal > low && proposal < high ? proposal : (low + high) / 2;
    if (Math.abs(next - t) <= 1e-15 * Math.abs(next)) {
      t = next;
      break;
    }
    t = next;
  }
  return probability < 0.5 ? -t : t;
}
