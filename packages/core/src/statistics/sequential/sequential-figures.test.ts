import { describe, expect, it } from "vitest";
import { betaBinomialConfidenceSequence } from "./beta-binomial-confidence-sequence.ts";
import { confidenceSequence } from "./confidence-sequence.ts";
import { mixtureSprt } from "./mixture-sprt.ts";
import { sampleRatioCheck } from "./sample-ratio-check.ts";

describe("betaBinomialConfidenceSequence", () => {
  it.each([
    [0, 20, 0, 0.260671],
    [20, 20, 0.739329, 1],
    [9, 10, 0.454882, 0.999544],
    [45, 50, 0.71234, 0.984341],
    [90, 100, 0.771729, 0.971158],
    [180, 200, 0.811696, 0.957376],
    [450, 500, 0.845358, 0.941145],
    [900, 1000, 0.861633, 0.93122],
    [9500, 10000, 0.940676, 0.95834],
    [50, 100, 0.34459, 0.65541],
  ])("%d of %d", (successes, count, lower, upper) => {
    const interval = betaBinomialConfidenceSequence({ successes, count });
    expect(interval.lower).toBeCloseTo(lower, 6);
    expect(interval.upper).toBeCloseTo(upper, 6);
  });

  it("knows nothing before the first session and refuses more successes than sessions", () => {
    expect(betaBinomialConfidenceSequence({ successes: 0, count: 0 })).toEqual({ lower: 0, upper: 1 });
    expect(() => betaBinomialConfidenceSequence({ successes: 3, count: 2 })).toThrow(/3 successes of 2/);
  });
});

const periodsOf = (canarySum: number, canaryCount: number, baselineSum: number, baselineCount: number) => [
  { canary: { sum: canarySum, count: canaryCount }, baseline: { sum: baselineSum, count: baselineCount } },
];

describe("confidenceSequence", () => {
  it.each([
    [36, 40, 144, 160, 0, 0.053033, 0.178397, 0.161317],
    [90, 100, 360, 400, 0, 0.033541, 0.103426, 0.09417],
    [180, 200, 720, 800, 0, 0.023717, 0.071986, 0.065922],
    [475, 500, 475, 500, 0, 0.013784, 0.041837, 0.038313],
    [80, 100, 360, 400, -0.1, 0.04272, 0.13173, 0.119941],
    [160, 200, 720, 800, -0.1, 0.030208, 0.091686, 0.083962],
    [320, 400, 1440, 1600, -0.1, 0.02136, 0.065393, 0.060227],
    [450, 500, 475, 500, -0.05, 0.016583, 0.050333, 0.046093],
  ])("%d/%d against %d/%d", (canary, canaryCount, baseline, baselineCount, difference, error, two, one) => {
    const result = confidenceSequence({ periods: periodsOf(canary, canaryCount, baseline, baselineCount) });
    expect(result?.difference).toBeCloseTo(difference, 10);
    expect(result?.standardError).toBeCloseTo(error, 6);
    expect(result?.halfWidth).toBeCloseTo(two, 6);
    expect(result?.oneSidedHalfWidth).toBeCloseTo(one, 6);
    expect(result?.upperBound).toBeCloseTo(difference + one, 6);
  });

  it("gives the published interval", () => {
    const result = confidenceSequence({ periods: periodsOf(160, 200, 720, 800) });
    expect(result?.interval.lower).toBeCloseTo(-0.191686, 6);
    expect(result?.interval.upper).toBeCloseTo(-0.008314, 6);
  });

  it("is not fooled when the share and the traffic change together", () => {
    // No difference in either period; pooled over both, the canary would look 13 points worse.
    const periods = [...periodsOf(190, 200, 760, 800), ...periodsOf(350, 500, 350, 500)];
    expect(confidenceSequence({ periods })?.difference).toBeCloseTo(0, 12);
  });

  it("says nothing with few sessions or no variance", () => {
    expect(confidenceSequence({ periods: periodsOf(8, 9, 80, 90) })).toBeNull();
    expect(confidenceSequence({ periods: periodsOf(20, 20, 80, 80) })).toBeNull();
    expect(confidenceSequence({ periods: [] })).toBeNull();
    expect(() => confidenceSequence({ periods: periodsOf(21, 20, 80, 80) })).toThrow(/do not fit/);
  });
});

describe("mixtureSprt", () => {
  it("gives the published likelihood ratios", () => {
    const first = mixtureSprt({ periods: periodsOf(160, 200, 720, 800) });
    expect(first?.variance).toBeCloseTo(0.0009125, 10);
    expect(first?.likelihoodRatio).toBeCloseTo(28.638284, 6);
    expect(first?.pValue).toBeCloseTo(0.0349183, 7);
    expect(mixtureSprt({ periods: periodsOf(320, 400, 1440, 1600) })?.likelihoodRatio).toBeCloseTo(
      4159.93285,
      4,
    );
  });
});

describe("sampleRatioCheck", () => {
  it.each([
    [200, 800, -1.202925, false],
    [180, 820, -0.002936, false],
    [230, 770, 1.226078, false],
    [260, 740, 8.3307, true],
    // mpmath at 40 digits: 4.4990376560…; the published 4.499037 is cut off, not rounded.
    [2150, 7850, 4.499037656, true],
  ])("%d and %d at 20 %%", (canary, baseline, logBayesFactor, mismatch) => {
    const result = sampleRatioCheck({ periods: [{ canaryShare: 0.2, canary, baseline }], alpha: 0.05 });
    expect(result.logBayesFactor).toBeCloseTo(logBayesFactor, 6);
    expect(result.mismatch).toBe(mismatch);
  });

  it("gives the published p-values and adds periods up", () => {
    const wrong = { canaryShare: 0.2, canary: 260, baseline: 740 };
    expect(sampleRatioCheck({ periods: [wrong] }).pValue).toBeCloseTo(0.000241, 6);
    expect(
      sampleRatioCheck({ periods: [{ canaryShare: 0.2, canary: 2150, baseline: 7850 }] }).pValue,
    ).toBeCloseTo(0.01112, 5);
    const right = { canaryShare: 0.5, canary: 500, baseline: 500 };
    expect(sampleRatioCheck({ periods: [wrong, right] }).logBayesFactor).toBeCloseTo(
      sampleRatioCheck({ periods: [wrong] }).logBayesFactor +
        sampleRatioCheck({ periods: [right] }).logBayesFactor,
      10,
    );
  });
});
