import { describe, expect, it } from "vitest";
import { betaCdf } from "./beta.ts";
import { binomialCdf, binomialPmf } from "./binomial.ts";
import { chiSquareUpperTail } from "./chi-square.ts";
import { logBeta, logGamma } from "./gamma.ts";
import { normalCdf, normalQuantile } from "./normal.ts";
import { studentTCdf, studentTQuantile } from "./student-t.ts";

/** Expected values: scipy 1.17.1. */
function expectRelative(actual: number, expected: number, tolerance: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(tolerance * Math.max(Math.abs(expected), 1e-300));
}

describe("distributions agree with scipy", () => {
  it.each([
    [0.1, 2.252712651734206],
    [0.5, 0.5723649429247],
    [1.5, -0.12078223763524526],
    [3.7, 1.428072326665388],
    [10, 12.801827480081469],
    [100.5, 361.43554046777757],
    [12345.6, 103959.18506616844],
  ])("ln Γ(%d)", (x, expected) => expectRelative(logGamma(x), expected, 1e-13));

  it("ln Γ is 0 at 1 and 2 and undefined at 0", () => {
    expect(Math.abs(logGamma(1))).toBeLessThan(1e-14);
    expect(Math.abs(logGamma(2))).toBeLessThan(1e-14);
    expect(logGamma(0)).toBeNaN();
    expect(logBeta(2, 3)).toBeCloseTo(Math.log(1 / 12), 13);
  });

  it.each([
    [-10, 7.61985302416047e-24],
    [-5, 2.866515718791933e-7],
    [-2, 0.022750131948179195],
    [-0.1, 0.460172162722971],
    [0, 0.5],
    [1.96, 0.9750021048517795],
    [4, 0.9999683287581669],
  ])("Φ(%d)", (x, expected) => expectRelative(normalCdf(x), expected, 1e-13));

  it.each([
    [1e-12, -7.034483825301131],
    [1e-5, -4.264890793922825],
    [0.025, -1.9599639845400545],
    [0.3, -0.5244005127080409],
    [0.8, 0.8416212335729143],
    [0.95, 1.6448536269514722],
    [0.999999, 4.753424308817087],
  ])("Φ⁻¹(%d)", (p, expected) => expectRelative(normalQuantile(p), expected, 1e-13));

  it.each([
    [0.95, 1, 6.313751514675037],
    [0.95, 19, 1.7291328115213682],
    [0.95, 1000, 1.6463788172854643],
    [0.975, 2, 4.302652729749462],
    [0.975, 10, 2.228138851986274],
    [0.99, 3, 4.540702858568132],
    [0.995, 5, 4.032142983555228],
  ])("t quantile %d with %d degrees of freedom", (p, df, expected) => {
    expectRelative(studentTQuantile(p, df), expected, 1e-12);
    expectRelative(studentTQuantile(1 - p, df), -expected, 1e-12);
  });

  it.each([
    [-3, 1, 0.10241638234956672],
    [-1.5, 4, 0.104],
    [2.8635976, 19, 0.9950290805646717],
    [-8, 12, 1.879949112375129e-6],
  ])("t distribution at %d, %d degrees of freedom", (t, df, expected) => {
    expectRelative(studentTCdf(t, df), expected, 1e-12);
  });

  it.each([
    [0.3, 0.5, 0.5, 0.36901011956554536],
    [0.4, 2, 3, 0.5248],
    [0.9, 10, 0.5, 0.15164090963470994],
    [0.2, 200, 800, 0.5063088533798626],
    [0.951, 9500, 500, 0.6729108370118113],
  ])("beta distribution I_%d(%d, %d)", (x, a, b, expected) =>
    expectRelative(betaCdf(x, a, b), expected, 1e-10),
  );

  it.each([
    [3.84, 1, 0.05004352124870519],
    [10, 4, 0.04042768199451279],
    [200, 99, 8.19391189142209e-9],
    [0.5, 2, 0.7788007830714049],
  ])("χ² upper tail at %d, %d degrees of freedom", (x, df, expected) => {
    expectRelative(chiSquareUpperTail(x, df), expected, 1e-12);
  });

  it.each([
    [1, 6, 0.5, 0.109375],
    [3, 25, 0.15, 0.4711212766922368],
    [450, 500, 0.88, 0.9287165071669167],
    [0, 10, 0.01, 0.9043820750088045],
  ])("binomial P(X ≤ %d) of %d at %d", (k, n, p, expected) =>
    expectRelative(binomialCdf(k, n, p), expected, 1e-11),
  );

  it("binomial probabilities add up to 1", () => {
    for (const trials of [7, 50, 51, 200]) {
      let sum = 0;
      for (let k = 0; k <= trials; k += 1) sum += binomialPmf(k, trials, 0.3);
      expect(sum).toBeCloseTo(1, 11);
    }
  });
});
