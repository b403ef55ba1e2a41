import { describe, expect, it } from "vitest";
import { bcaBootstrap, bcaBootstrapRatio } from "./bca-bootstrap.ts";

const VALUES = [0.1234, -0.0521, 0.3013, 0.0847, 0.2239, 0.0116, -0.0978];

describe("bcaBootstrap", () => {
  it("counts all 7⁷ resamples of a tiny sample, without a seed", () => {
    const result = bcaBootstrap({ values: VALUES });
    expect(result).toMatchObject({ method: "exhaustive", resamples: 823_543 });
    expect(result.estimate).toBeCloseTo(0.085, 10);
    expect(result.shareBelow).toBeCloseTo(0.50427604, 8);
    expect(result.shareEqual).toBeCloseTo(0.0061199, 8);
    expect(result.biasCorrection).toBeCloseTo(0.01838963, 8);
    expect(result.acceleration).toBeCloseTo(0.01421155, 8);
    expect(result.adjustedAlphas.lower).toBeCloseTo(0.03066909, 8);
    expect(result.adjustedAlphas.upper).toBeCloseTo(0.98001093, 8);
    const within = (actual: number, expected: number): void =>
      expect(Math.abs(actual - expected)).toBeLessThanOrEqual(0.0015);
    within(result.interval.lower, -0.00752857);
    within(result.interval.upper, 0.19122857);
    within(result.lowerBound, 0.00675714);
    within(result.upperBound, 0.17261429);
    expect(bcaBootstrap({ values: VALUES, seed: 99 })).toEqual(result);
  });

  it("gives the same interval for the same seed and takes any statistic", () => {
    const values = Array.from({ length: 30 }, (_, index) => Math.sin(index));
    const median = (sample: Float64Array): number => {
      const sorted = Float64Array.from(sample).sort();
      return sorted[sorted.length >> 1] ?? 0;
    };
    expect(bcaBootstrap({ values, statistic: median, seed: 4 })).toEqual(
      bcaBootstrap({ values, statistic: median, seed: 4 }),
    );
    expect(bcaBootstrap({ values, seed: 4 }).interval).not.toEqual(
      bcaBootstrap({ values, seed: 5 }).interval,
    );
  });

  it("collapses to a point when nothing varies", () => {
    expect(bcaBootstrap({ values: [0.2, 0.2, 0.2, 0.2] }).interval).toEqual({ lower: 0.2, upper: 0.2 });
  });

  it("refuses NaN, a single value and arms that differ in length", () => {
    expect(() => bcaBootstrap({ values: [1, Number.NaN] })).toThrow(/values\[1\] is NaN/);
    expect(() => bcaBootstrap({ values: [1] })).toThrow(/at least 2/);
    expect(() => bcaBootstrap({ values: [1, 2], confidence: 1 })).toThrow(/confidence/);
    expect(() => bcaBootstrapRatio({ candidate: [1, 2], baseline: [1, 2, 3] })).toThrow(/has 2 values/);
    expect(() => bcaBootstrapRatio({ candidate: [1, 2], baseline: [0, 0] })).toThrow(/not above 0/);
  });
});
