import { describe, expect, it } from "vitest";
import { bcaBootstrap, bcaBootstrapRatio } from "./bca-bootstrap.ts";
import { clusterStandardError } from "./cluster-standard-error.ts";
import { comparePaired } from "./compare-paired.ts";
import { compositeScores, DEFAULT_METRIC_WEIGHTS } from "./composite-scores.ts";
import { examplesNeeded } from "./examples-needed.ts";
import { mcnemar } from "./mcnemar.ts";
import { minimumDetectableEffect } from "./minimum-detectable-effect.ts";
import { ratioOfMeans } from "./ratio-of-means.ts";
import { recommend } from "./recommend/recommend.ts";
import { signFlipTest } from "./sign-flip-test.ts";
import { wilcoxon } from "./wilcoxon.ts";

/** Twenty examples on both arms; every expected figure was computed elsewhere (numpy, scipy, statsmodels). */
const BASELINE = {
  accuracy: "1 0 1 1 0 1 0 1 1 0 1 0 1 1 1 0 1 0 1 1",
  workflow_completeness: ".80 .50 .90 .70 .40 .85 .60 .75 .95 .30 .80 .55 .90 .65 .70 .45 .85 .50 .75 .90",
  token_efficiency: ".50 .45 .60 .55 .40 .50 .35 .60 .65 .30 .50 .45 .55 .50 .60 .40 .55 .45 .50 .60",
  latency_threshold: "1 1 0 1 1 0 1 1 0 1 1 1 0 1 1 1 1 0 1 1",
  mcp_integration_quality: ".9 .8 .9 .7 .6 .9 .7 .8 .9 .5 .8 .7 .9 .8 .8 .6 .9 .7 .8 .9",
};
const CANDIDATE = {
  accuracy: "1 1 1 1 0 1 1 1 0 1 1 0 1 1 1 1 1 1 1 1",
  workflow_completeness: ".85 .70 .90 .80 .40 .90 .75 .80 .80 .60 .85 .50 .95 .75 .80 .70 .90 .65 .80 .95",
  token_efficiency: ".65 .50 .70 .60 .55 .60 .50 .70 .60 .45 .65 .50 .60 .65 .70 .55 .60 .60 .55 .70",
  latency_threshold: "1 1 1 1 1 0 1 1 1 1 1 0 1 1 1 1 1 1 1 1",
  mcp_integration_quality: ".9 .9 .9 .8 .6 .9 .8 .8 .8 .7 .9 .7 .9 .8 .9 .8 .9 .8 .8 .9",
};

function rowsOf(columns: Record<string, string>): Record<string, number>[] {
  const rows: Record<string, number>[] = Array.from({ length: 20 }, () => ({}));
  for (const [name, text] of Object.entries(columns)) {
    text.split(" ").forEach((value, index) => {
      Object.assign(rows[index] ?? {}, { [name]: Number(value) });
    });
  }
  return rows;
}

const baselineRows = rowsOf(BASELINE);
const candidateRows = rowsOf(CANDIDATE);
const compositesOf = (rows: Record<string, number>[]): number[] =>
  compositeScores({ metrics: DEFAULT_METRIC_WEIGHTS, examples: rows }).scores.filter(
    (score) => score !== null,
  );
const baseline = compositesOf(baselineRows);
const candidate = compositesOf(candidateRows);
const differences = candidate.map((value, index) => value - (baseline[index] ?? 0));

describe("worked example of 20 pairs", () => {
  it("gives the published paired differences", () => {
    const expected =
      ".0425 .37 .17 .045 .03 .0325 .3775 .0325 -.2075 .425 .0525 -.1525 .1725 .055 .055 .4125 .0225 .5275 .0225 .0325";
    expected.split(" ").forEach((value, index) => {
      expect(differences[index]).toBeCloseTo(Number(value), 12);
    });
  });

  it("compares pairs by t", () => {
    const result = comparePaired({ candidate, baseline });
    expect(result.baselineMean).toBeCloseTo(0.658, 10);
    expect(result.candidateMean).toBeCloseTo(0.783875, 10);
    expect(result.difference).toBeCloseTo(0.125875, 10);
    expect(result.standardDeviation).toBeCloseTo(0.1965814, 7);
    expect(result.standardError).toBeCloseTo(0.04395694, 8);
    expect(result.unpairedStandardError).toBeCloseTo(0.05977289, 8);
    expect(result.correlation).toBeCloseTo(0.4696581, 7);
    expect(result.t).toBeCloseTo(2.8635976, 7);
    expect(result.pValue).toBeCloseTo(0.00994184, 8);
    expect(result.interval.lower).toBeCloseTo(0.03387206, 8);
    expect(result.interval.upper).toBeCloseTo(0.21787794, 8);
  });

  it("gives the gain with delta and Fieller intervals", () => {
    const result = ratioOfMeans({ candidate, baseline });
    expect(result.gain).toBeCloseTo(0.1912993921, 10);
    expect(result.standardError).toBeCloseTo(0.0763586444, 10);
    expect(result.interval.lower).toBeCloseTo(0.0314789, 7);
    expect(result.interval.upper).toBeCloseTo(0.3511199, 7);
    expect(result.lowerBound).toBeCloseTo(0.0592652, 7);
    expect(result.upperBound).toBeCloseTo(0.3233336, 7);
    expect(result.deltaReliable).toBe(true);
    expect(result.fieller).toMatchObject({ bounded: true });
    expect(result.fieller.bounded && result.fieller.lower).toBeCloseTo(0.046837, 7);
    expect(result.fieller.bounded && result.fieller.upper).toBeCloseTo(0.372064, 7);
    const ninety = ratioOfMeans({ candidate, baseline, confidence: 0.9 }).fieller;
    expect(ninety.bounded && ninety.lower).toBeCloseTo(0.070002, 7);
    expect(ninety.bounded && ninety.upper).toBeCloseTo(0.3371987, 7);
  });

  it("counts all 2²⁰ sign patterns", () => {
    const result = signFlipTest({ differences });
    expect(result).toMatchObject({ method: "exact", patterns: 2 ** 20, units: 20 });
    expect(result.pValue * 2 ** 20).toBe(10050);
    expect(result.pValueBetter * 2 ** 20).toBe(5025);
  });

  it("gives McNemar, mid-p and Wilcoxon", () => {
    expect(mcnemar({ onlyBaseline: 1, onlyCandidate: 5 })).toMatchObject({
      pValue: 0.21875,
      midPValue: 0.125,
    });
    const ranks = wilcoxon({ differences });
    expect(ranks.statistic).toBe(27);
    expect(ranks.pValue).toBeCloseTo(0.00357435, 8);
  });

  it("gives cluster errors and recommends the larger", () => {
    const clusterIds = differences.map((_, index) => Math.floor(index / 4));
    const result = clusterStandardError({ values: differences, clusterIds });
    expect(result.cr0).toBeCloseTo(0.023038419, 9);
    expect(result.cr1).toBeCloseTo(0.025757735, 9);
    expect(result.recommended).toBeCloseTo(0.04395694, 8);
    expect(result.advice).toMatch(/Only 5 clusters/);
    expect(ratioOfMeans({ candidate, baseline, clusterIds }).degreesOfFreedom).toBe(4);
    expect(signFlipTest({ differences, clusterIds })).toMatchObject({ units: 5, pValue: 2 / 32 });
  });

  it("gives BCa intervals within bootstrap error", () => {
    const points = bcaBootstrap({ values: differences, resamples: 200_000, seed: 20261123 });
    const ratio = bcaBootstrapRatio({ candidate, baseline, resamples: 200_000, seed: 20261123 });
    const near = (actual: number, expected: number): void =>
      expect(Math.abs(actual - expected)).toBeLessThanOrEqual(0.004);
    near(points.interval.lower, 0.04925);
    near(points.interval.upper, 0.21775);
    near(points.lowerBound, 0.060875);
    near(points.upperBound, 0.202375);
    near(ratio.interval.lower, 0.07215);
    near(ratio.interval.upper, 0.38034);
    near(ratio.lowerBound, 0.08864);
    near(ratio.upperBound, 0.34437);
    const ninety = bcaBootstrapRatio({
      candidate,
      baseline,
      resamples: 200_000,
      confidence: 0.9,
    }).percentileInterval;
    near(ninety.lower, 0.08115);
    near(ninety.upper, 0.33027);
  });

  it("plans the number of examples and the smallest effect", () => {
    const { gain, relativeStandardDeviation, count } = ratioOfMeans({ candidate, baseline });
    const needed = examplesNeeded({ gain, threshold: 0.15, relativeStandardDeviation, count });
    expect(needed?.total).toEqual({ fiftyPercentChance: 185, eightyPercentChance: 423 });
    expect(needed?.more).toEqual({ fiftyPercentChance: 165, eightyPercentChance: 403 });
    const { standardDeviation } = comparePaired({ candidate, baseline });
    expect(minimumDetectableEffect({ standardDeviation, count })).toBeCloseTo(0.123149, 6);
    expect(minimumDetectableEffect({ standardDeviation: relativeStandardDeviation, count })).toBeCloseTo(
      0.213925,
      6,
    );
  });

  it.each([
    ["point", "deploy"],
    ["strict", "deploy_canary"],
    ["hybrid", "deploy_canary"],
  ] as const)("is recommended by policy %s as %s", (policy, expected) => {
    expect(recommend({ candidate: candidateRows, baseline: baselineRows, policy }).recommendation).toBe(
      expected,
    );
  });

  it("carries the figures, the examples still needed and the per-metric table", () => {
    const result = recommend({ candidate: candidateRows, baseline: baselineRows });
    expect(result.sentence).toContain("a gain of 19.1 % (90 % interval 5.9 % to");
    expect(result.sentence).toContain("20 examples");
    expect(result.moreExamples).toEqual({ fiftyPercentChance: 165, eightyPercentChance: 403 });
    expect(result.gain?.decision.lower).toBeCloseTo(0.0592652, 7);
    expect(result.gain?.method).toBe("bca and delta");
    const expected: Record<string, [number, number]> = {
      accuracy: [0.307692, -0.074561],
      workflow_completeness: [0.112319, 0.047508],
      token_efficiency: [0.195, 0.143306],
      latency_threshold: [0.2, -0.089702],
      mcp_integration_quality: [0.057692, 0.017569],
    };
    for (const metric of result.metrics) {
      expect(metric.gain).toBeCloseTo(expected[metric.name]?.[0] ?? Number.NaN, 6);
      expect(metric.lowerBound).toBeCloseTo(expected[metric.name]?.[1] ?? Number.NaN, 6);
      expect(metric).toMatchObject({ degraded: false, shownSafe: true });
    }
  });
});
