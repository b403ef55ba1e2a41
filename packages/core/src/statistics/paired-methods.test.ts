import { describe, expect, it } from "vitest";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { clusterStandardError } from "./cluster-standard-error.ts";
import { comparePaired } from "./compare-paired.ts";
import { compositeScores } from "./composite-scores.ts";
import { examplesNeeded } from "./examples-needed.ts";
import { holm } from "./holm.ts";
import { mcnemar } from "./mcnemar.ts";
import { metricGain } from "./metric-gain.ts";
import { minimumDetectableEffect } from "./minimum-detectable-effect.ts";
import { ratioOfMeans } from "./ratio-of-means.ts";
import { signFlipTest } from "./sign-flip-test.ts";
import { wilcoxon } from "./wilcoxon.ts";

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return ModelOpsError.isInstance(error) ? error.code : String(error);
  }
  return "no error";
}

describe("ratioOfMeans", () => {
  it("says that Fieller has no bounded interval when the baseline is close to 0", () => {
    const result = ratioOfMeans({ candidate: [0, 1, 0, 1, 0, 0], baseline: [0, 0, 0, 1, 0, 0] });
    expect(result.fieller).toEqual({ bounded: false, reason: expect.stringContaining("too close to 0") });
    expect(result.deltaReliable).toBe(false);
  });

  it("refuses a baseline that is zero or negative", () => {
    expect(codeOf(() => ratioOfMeans({ candidate: [1, 2], baseline: [0, 0] }))).toBe(
      "statistics/baseline-not-positive",
    );
    expect(codeOf(() => ratioOfMeans({ candidate: [1, 2], baseline: [-1, -2] }))).toBe(
      "statistics/baseline-not-positive",
    );
  });
});

describe("metricGain and composites at the edges", () => {
  it("does not let one small metric turn a loss into a win", () => {
    const baseline = [0.8, 0.7, 0.02, 0.9, 0.8];
    const candidate = [0.76, 0.665, 0.06, 0.855, 0.76];
    const weights = [0.3, 0.25, 0.2, 0.15, 0.1];
    const metrics = weights.map((weight, index) => ({ name: `m${index}`, weight }));
    const row = (values: number[]) => Object.fromEntries(values.map((value, index) => [`m${index}`, value]));
    const meanOf = (values: number[]): number =>
      compositeScores({ metrics, examples: [row(values)] }).mean ?? 0;
    expect(meanOf(baseline)).toBeCloseTo(0.634, 10);
    expect(meanOf(candidate)).toBeCloseTo(0.6105, 10);
    expect(meanOf(candidate) / meanOf(baseline) - 1).toBeCloseTo(-0.0370662, 7);
    const sumOfRatios = weights.reduce(
      (sum, weight, index) => sum + weight * ((candidate[index] ?? 0) / (baseline[index] ?? 1) - 1),
      0,
    );
    expect(sumOfRatios).toBeCloseTo(0.36, 10);
  });

  it("gives points instead of percent for a baseline of 0", () => {
    expect(metricGain({ baseline: 0, candidate: 0.1, direction: "higher", kind: "score" })).toEqual({
      gain: 0.1,
      relativeUndefined: true,
      unit: "points",
    });
    expect(metricGain({ baseline: 0, candidate: 0.02, direction: "lower", kind: "raw" }).gain).toBeNull();
  });

  it("orients latency and keeps the boundary of 20 % exact", () => {
    const latency = (candidate: number) =>
      metricGain({ baseline: 1000, candidate, direction: "lower", kind: "raw" }).gain ?? Number.NaN;
    expect(latency(1250)).toBeCloseTo(-0.25, 12);
    expect(latency(1200)).toBeCloseTo(-0.2, 12);
  });

  it("handles a negative baseline", () => {
    expect(
      metricGain({ baseline: -0.2, candidate: -0.1, direction: "higher", kind: "score" }).gain,
    ).toBeCloseTo(0.5, 12);
  });

  it("counts missing metrics and never takes them for 0", () => {
    const result = compositeScores({
      metrics: [
        { name: "a", weight: 1 },
        { name: "b", weight: 0 },
      ],
      examples: [{ a: 0.8 }, { a: null, b: 1 }, { a: 0.6, b: 1 }],
    });
    expect(result.scores).toEqual([0.8, null, 0.6]);
    expect(result.mean).toBeCloseTo(0.7, 12);
    expect(result.missingByMetric).toEqual({ a: 1, b: 1 });
    expect(result.missingShare).toBeCloseTo(1 / 3, 12);
  });

  it("turns a lower-is-better score round", () => {
    const metrics = [{ name: "error_rate", weight: 1, direction: "lower" as const }];
    expect(compositeScores({ metrics, examples: [{ error_rate: 0.1 }] }).mean).toBeCloseTo(0.9, 12);
  });

  it("refuses weights that do not add up, twice the same name, and scores outside [0, 1]", () => {
    const examples = [{ a: 0.5 }];
    expect(codeOf(() => compositeScores({ metrics: [{ name: "a", weight: 0.9 }], examples }))).toBe(
      "statistics/weights-invalid",
    );
    const twice = [
      { name: "a", weight: 0.5 },
      { name: "a", weight: 0.5 },
    ];
    expect(codeOf(() => compositeScores({ metrics: twice, examples }))).toBe("statistics/weights-invalid");
    const one = [{ name: "a", weight: 1 }];
    expect(codeOf(() => compositeScores({ metrics: one, examples: [{ a: 1.2 }] }))).toBe(
      "statistics/score-out-of-range",
    );
    expect(codeOf(() => compositeScores({ metrics: one, examples: [{ a: Number.NaN }] }))).toBe(
      "statistics/not-finite",
    );
    expect(codeOf(() => compositeScores({ metrics: one, examples: [] }))).toBe("statistics/empty-input");
    expect(compositeScores({ metrics: [{ name: "toString", weight: 1 }], examples: [{}] }).scores).toEqual([
      null,
    ]);
  });
});

describe("tests of difference", () => {
  it("enumerates signs exactly as a brute force does", () => {
    const differences = [0.3, -0.1, 0.2, 0.2, 0.05, -0.25, 0.4];
    const observed = differences.reduce((sum, value) => sum + value, 0);
    let twoSided = 0;
    let better = 0;
    for (let pattern = 0; pattern < 128; pattern += 1) {
      const sum = differences.reduce(
        (total, value, bit) => total + (pattern & (1 << bit) ? value : -value),
        0,
      );
      if (Math.abs(sum) >= Math.abs(observed) - 1e-12) twoSided += 1;
      if (sum >= observed - 1e-12) better += 1;
    }
    const result = signFlipTest({ differences });
    expect(result.pValue).toBe(twoSided / 128);
    expect(result.pValueBetter).toBe(better / 128);
  });

  it("draws signs with a seed above 20 units, and agrees with the t test", () => {
    const differences = Array.from({ length: 40 }, (_, index) => Math.sin(index * 1.7) + 0.25);
    const result = signFlipTest({ differences, draws: 20_000, seed: 3 });
    expect(result.method).toBe("random");
    expect(result.pValue).toBe(signFlipTest({ differences, draws: 20_000, seed: 3 }).pValue);
    const t = comparePaired({ candidate: differences, baseline: differences.map(() => 0) });
    expect(Math.abs(result.pValue - (t.pValue ?? 1))).toBeLessThan(0.02);
  });

  it("has nothing to say about no difference", () => {
    expect(signFlipTest({ differences: [0, 0, 0] })).toMatchObject({
      pValue: 1,
      pValueBetter: 1,
      pValueWorse: 1,
    });
    expect(wilcoxon({ differences: [0, 0] })).toMatchObject({ count: 0, pValue: 1 });
    expect(mcnemar({ onlyBaseline: 0, onlyCandidate: 0 })).toMatchObject({ pValue: 1, midPValue: 1 });
    expect(comparePaired({ candidate: [0.5, 0.5], baseline: [0.4, 0.4] })).toMatchObject({
      t: null,
      pValue: null,
    });
  });

  it("knows that fewer than 6 discordant pairs prove nothing", () => {
    expect(mcnemar({ onlyBaseline: 0, onlyCandidate: 5 })).toMatchObject({
      pValue: 0.0625,
      canReachSignificance: false,
    });
    expect(mcnemar({ onlyBaseline: 0, onlyCandidate: 6 })).toMatchObject({
      pValue: 0.03125,
      canReachSignificance: true,
    });
  });

  it("gives the exact Wilcoxon p of a textbook case", () => {
    // Five positive differences of five: 2·1/32.
    expect(wilcoxon({ differences: [1, 2, 3, 4, 5] })).toMatchObject({ statistic: 0, exactPValue: 0.0625 });
  });

  it("corrects by Holm as in the definition, monotone and capped", () => {
    const result = holm({ pValues: [0.01, 0.04, 0.03, 0.005] });
    expect(result.adjusted.map((value) => Number(value.toFixed(6)))).toEqual([0.03, 0.06, 0.06, 0.02]);
    expect(result.rejected).toEqual([true, false, false, true]);
    expect(holm({ pValues: [0.6, 0.9] }).adjusted).toEqual([1, 1]);
  });
});

describe("planning", () => {
  it.each([
    [0.15, 41],
    [0.1, 91],
    [0.05, 363],
    [0.03, 1009],
    [0.02, 2269],
  ])("reaches a detectable effect of %d with %d examples", (effect, count) => {
    const standardDeviation = 0.34;
    expect(minimumDetectableEffect({ standardDeviation, count })).toBeLessThanOrEqual(effect);
    expect(minimumDetectableEffect({ standardDeviation, count: count - 1 })).toBeGreaterThan(effect);
  });

  it("says that more examples do not help when the estimate is under the threshold", () => {
    expect(
      examplesNeeded({ gain: 0.1, threshold: 0.15, relativeStandardDeviation: 0.3, count: 20 }),
    ).toBeNull();
  });
});

describe("bad input is named", () => {
  it.each([
    ["empty", () => comparePaired({ candidate: [], baseline: [] }), "statistics/empty-input"],
    ["NaN", () => comparePaired({ candidate: [1, Number.NaN], baseline: [1, 2] }), "statistics/not-finite"],
    [
      "lengths",
      () => comparePaired({ candidate: [1, 2, 3], baseline: [1, 2] }),
      "statistics/length-mismatch",
    ],
    ["one pair", () => comparePaired({ candidate: [1], baseline: [1] }), "statistics/too-few-values"],
    ["alpha", () => holm({ pValues: [0.1], alpha: 0 }), "statistics/out-of-range"],
    ["p-value", () => holm({ pValues: [1.1] }), "statistics/p-value-out-of-range"],
    ["no p-values", () => holm({ pValues: [] }), "statistics/empty-input"],
    ["count", () => mcnemar({ onlyBaseline: -1, onlyCandidate: 2 }), "statistics/not-a-count"],
    [
      "one cluster",
      () => clusterStandardError({ values: [1, 2], clusterIds: ["a", "a"] }),
      "statistics/too-few-clusters",
    ],
    [
      "spread",
      () => minimumDetectableEffect({ standardDeviation: -1, count: 5 }),
      "statistics/negative-spread",
    ],
    [
      "infinite difference",
      () => signFlipTest({ differences: [Number.POSITIVE_INFINITY] }),
      "statistics/not-finite",
    ],
  ])("%s", (_, action, code) => {
    expect(codeOf(action)).toBe(code);
  });
});
