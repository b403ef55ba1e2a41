import { expect, it } from "vitest";
import { chiSquareUpperTail } from "./distributions/chi-square.ts";
import { createRandom } from "./random.ts";

it("gives the same stream for the same seed and another for another seed", () => {
  const stream = (seed: number): number[] => {
    const random = createRandom(seed);
    return Array.from({ length: 5 }, () => random.uniform());
  };
  expect(stream(20261123)).toEqual(stream(20261123));
  expect(stream(1)).not.toEqual(stream(2));
  expect(stream(1)).not.toEqual(stream(1 + 2 ** 32));
});

it("is uniform over 100 bins and normal in its first two moments", () => {
  const random = createRandom(5);
  const bins = new Array<number>(100).fill(0);
  let sum = 0;
  let squares = 0;
  for (let draw = 0; draw < 200_000; draw += 1) {
    const bin = random.integer(100);
    bins[bin] = (bins[bin] ?? 0) + 1;
    const normal = random.normal();
    sum += normal;
    squares += normal * normal;
  }
  const chiSquare = bins.reduce((total, count) => total + (count - 2000) ** 2 / 2000, 0);
  expect(chiSquareUpperTail(chiSquare, 99)).toBeGreaterThan(0.001);
  expect(Math.abs(sum / 200_000)).toBeLessThan(0.008);
  expect(Math.abs(squares / 200_000 - 1)).toBeLessThan(0.015);
});

it("refuses a seed that is not a whole number", () => {
  expect(() => createRandom(0.5)).toThrow(/seed is 0.5/);
  expect(() => createRandom(Number.NaN)).toThrow(/seed/);
});
