import { upperRegularizedGamma } from "./gamma.ts";

/** P(X > x) for X ~ χ² with `degreesOfFreedom` > 0. */
export function chiSquareUpperTail(x: number, degreesOfFreedom: number): number {
  return upperRegularizedGamma(degreesOfFreedom / 2, x / 2);
}
