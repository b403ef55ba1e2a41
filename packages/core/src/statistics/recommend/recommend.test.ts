import { describe, expect, it } from "vitest";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { ExampleScores } from "../composite-scores.ts";
import { recommend } from "./recommend.ts";
import type { RecommendationMetric, RecommendOptions } from "./recommend-options.ts";
import { describeMoreExamples } from "./sentence.ts";

const QUALITY: readonly RecommendationMetric[] = [
  { name: "quality", kind: "score", direction: "higher", weight: 1 },
];

function column(name: string, values: readonly (number | null)[]): ExampleScores[] {
  return values.map((value) => ({ [name]: value }));
}

/** Arms whose gain is exactly `gain` on every example, so that every bound equals the estimate. */
function exactGain(gain: number, count = 200): Pick<RecommendOptions, "candidate" | "baseline" | "metrics"> {
  return {
    candidate: column("quality", Array(count).fill(0.6 * (1 + gain))),
    baseline: column("quality", Array(count).fill(0.6)),
    metrics: QUALITY,
  };
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return ModelOpsError.isInstance(error) ? error.code : String(error);
  }
  return "no error";
}

describe("counts in sentences", () => {
  const run = (count: number, minimumPairs = 10) =>
    recommend({ ...exactGain(0.2, count), thresholds: { minimumPairs } });

  it.each([
    [1, 10, "1 complete example; at least 10 are needed. Nothing can be recommended from 1 example."],
    [2, 10, "2 complete examples; at least 10 are needed. Nothing can be recommended from 2 examples."],
  ])("%d of %d", (count, minimumPairs, text) => {
    expect(run(count, minimumPairs).sentence).toContain(text);
  });

  it("one more", () => {
    expect(describeMoreExamples({ fiftyPercentChance: 1, eightyPercentChance: 3 })).toBe(
      "about 1 more example gives an even chance to settle it, 3 an 80 % chance",
    );
  });
});

describe("boundaries are part of the contract", () => {
  it.each([
    [0.16, "deploy"],
    [0.15, "deploy_canary"],
    [0.05, "deploy_canary"],
    [0.0499, "needs_review"],
    [0, "needs_review"],
    [-0.05, "needs_review"],
    [-0.0501, "reject"],
  ] as const)("a gain of exactly %d is %s under every policy", (gain, expected) => {
    for (const policy of ["hybrid", "strict", "point"] as const) {
      expect(recommend({ ...exactGain(gain), policy }).recommendation).toBe(expected);
    }
  });

  it("takes exactly 20 % worse as not degraded, and a little more as degraded", () => {
    const metrics: RecommendationMetric[] = [
      { name: "quality", kind: "score", direction: "higher", weight: 1 },
      { name: "latency_ms", kind: "raw", direction: "lower" },
    ];
    const run = (latency: number) =>
      recommend({
        metrics,
        candidate: Array.from({ length: 30 }, () => ({ quality: 0.8, latency_ms: latency })),
        baseline: Array.from({ length: 30 }, () => ({ quality: 0.7, latency_ms: 1000 })),
      });
    expect(run(1200).metrics[1]).toMatchObject({ degraded: false, shownSafe: false });
    expect(run(1200).recommendation).toBe("deploy_canary");
    expect(run(1201).recommendation).toBe("reject");
    expect(run(1201).sentence).toContain("latency_ms");
  });

  it("rejects a mean quality below 0.5 whatever the gain, and not at 0.5", () => {
    const run = (candidate: number) =>
      recommend({
        metrics: QUALITY,
        candidate: column("quality", Array(200).fill(candidate)),
        baseline: column("quality", Array(200).fill(0.3)),
      });
    expect(run(0.499).recommendation).toBe("reject");
    expect(run(0.499).reasons[0]).toContain("below the minimum of 0.5");
    expect(run(0.5).recommendation).toBe("deploy");
  });

  it("allows exactly 5 % missing and refuses more", () => {
    const run = (missing: number) =>
      recommend({
        metrics: QUALITY,
        candidate: column("quality", [...Array(missing).fill(null), ...Array(100 - missing).fill(0.7)]),
        baseline: column("quality", Array(100).fill(0.6)),
      });
    expect(run(5).recommendation).toBe("deploy");
    expect(run(5).coverage).toMatchObject({ examples: 100, pairs: 95 });
    expect(run(5).candidateScore).toBeCloseTo(0.7, 12);
    const refused = run(6);
    expect(refused.recommendation).toBe("insufficient_data");
    expect(refused).toMatchObject({ gain: null, moreExamples: null });
    expect(refused.reasons[0]).toContain("6.0 %");
    expect(refused.coverage.missingByMetric).toEqual({ quality: { candidate: 6, baseline: 0 } });
  });

  it("asks for at least 5 pairs", () => {
    expect(recommend(exactGain(0.2, 4)).recommendation).toBe("insufficient_data");
    expect(recommend(exactGain(0.2, 5)).recommendation).toBe("deploy");
  });
});

describe("what is not known is said", () => {
  it("states no gain without a baseline", () => {
    const result = recommend({
      metrics: QUALITY,
      candidate: column("quality", Array(40).fill(0.8)),
      baseline: null,
    });
    expect(result).toMatchObject({ recommendation: "needs_review", gain: null, baselineScore: null });
    expect(result.sentence).toContain("no baseline");
    expect(result.sentence).toContain("40 examples");
    expect(result.metrics[0]).toMatchObject({ candidateMean: expect.closeTo(0.8, 12), gain: null });
  });

  it("gives points and at most a canary when the baseline is close to 0", () => {
    const result = recommend({
      metrics: QUALITY,
      candidate: column("quality", Array(200).fill(0.6)),
      baseline: column("quality", Array(200).fill(0.04)),
    });
    expect(result.recommendation).toBe("deploy_canary");
    expect(result.gain).toMatchObject({ unit: "points" });
    expect(result.sentence).toContain("56.0 points");
    expect(result.moreExamples).toBeNull();
  });

  it("rejects an unconfirmed loss with the number of examples that would confirm it", () => {
    const wobble = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 0.25 : -0.25));
    const result = recommend({
      metrics: QUALITY,
      candidate: column(
        "quality",
        wobble.map((value) => 0.65 + value),
      ),
      baseline: column(
        "quality",
        wobble.map((value) => 0.7 - value),
      ),
    });
    expect(result).toMatchObject({ recommendation: "reject", confirmed: false });
    expect(result.moreExamples?.fiftyPercentChance).toBeGreaterThan(100);
    expect(recommend(exactGain(-0.1))).toMatchObject({
      recommendation: "reject",
      confirmed: true,
      moreExamples: null,
    });
  });

  it("asks for review when a metric looks degraded without evidence", () => {
    const metrics: RecommendationMetric[] = [
      { name: "quality", kind: "score", direction: "higher", weight: 1 },
      { name: "tool_calls", kind: "score", direction: "higher" },
    ];
    const result = recommend({
      metrics,
      candidate: Array.from({ length: 20 }, (_, index) => ({ quality: 0.8, tool_calls: index < 7 ? 1 : 0 })),
      baseline: Array.from({ length: 20 }, (_, index) => ({ quality: 0.7, tool_calls: index > 9 ? 1 : 0 })),
    });
    expect(result.metrics[1]).toMatchObject({ degraded: true, confirmedDegraded: false });
    expect(result.recommendation).toBe("needs_review");
    expect(result.sentence).toContain("tool_calls");
    expect(result.moreExamples?.eightyPercentChance).toBeGreaterThan(20);
  });

  it("refuses when a raw guardrail is missing too often, by name", () => {
    const result = recommend({
      metrics: [...QUALITY, { name: "cost_usd", kind: "raw", direction: "lower" }],
      candidate: Array.from({ length: 50 }, (_, index) => ({
        quality: 0.8,
        cost_usd: index < 5 ? null : 0.01,
      })),
      baseline: Array.from({ length: 50 }, () => ({ quality: 0.7, cost_usd: 0.01 })),
    });
    expect(result.recommendation).toBe("insufficient_data");
    expect(result.reasons[0]).toContain("cost_usd");
  });

  it("caps at a canary when a free baseline makes a cost gain undefined", () => {
    const result = recommend({
      metrics: [...QUALITY, { name: "cost_usd", kind: "raw", direction: "lower" }],
      candidate: Array.from({ length: 200 }, () => ({ quality: 0.8, cost_usd: 0.01 })),
      baseline: Array.from({ length: 200 }, () => ({ quality: 0.6, cost_usd: 0 })),
    });
    expect(result.metrics[1]).toMatchObject({ gain: null, relativeUndefined: true });
    expect(result.recommendation).toBe("deploy_canary");
  });

  it("widens the interval when examples share documents", () => {
    const noise = Array.from({ length: 200 }, (_, index) => 0.1 * Math.sin(Math.floor(index / 10) * 1.3));
    const arms = {
      metrics: QUALITY,
      candidate: column(
        "quality",
        noise.map((value) => 0.75 + value),
      ),
      baseline: column("quality", Array(200).fill(0.65)),
    };
    const alone = recommend(arms);
    const shared = recommend({ ...arms, clusterIds: noise.map((_, index) => Math.floor(index / 10)) });
    expect(shared.gain?.decision.lower ?? 1).toBeLessThan((alone.gain?.decision.lower ?? 0) - 0.01);
  });

  it("is the same for the same seed", () => {
    const arms = {
      metrics: QUALITY,
      candidate: column(
        "quality",
        Array.from({ length: 40 }, (_, index) => 0.7 + 0.2 * Math.sin(index)),
      ),
      baseline: column(
        "quality",
        Array.from({ length: 40 }, (_, index) => 0.6 + 0.2 * Math.cos(index)),
      ),
    };
    expect(recommend({ ...arms, seed: 5 })).toEqual(recommend({ ...arms, seed: 5 }));
  });
});

describe("options are checked", () => {
  const arms = exactGain(0.1);
  it.each([
    ["empty", { ...arms, candidate: [] }, "statistics/empty-input"],
    ["lengths", { ...arms, candidate: arms.candidate.slice(1) }, "statistics/length-mismatch"],
    [
      "NaN score",
      { ...arms, candidate: column("quality", Array(200).fill(Number.NaN)) },
      "statistics/not-finite",
    ],
    [
      "score of 7",
      { ...arms, candidate: column("quality", Array(200).fill(7)) },
      "statistics/score-out-of-range",
    ],
    [
      "weights",
      { ...arms, metrics: [{ name: "quality", kind: "score", direction: "higher", weight: 0.9 }] },
      "statistics/weights-invalid",
    ],
    ["a typo", { ...arms, polcy: "strict" }, "statistics/unknown-option"],
    ["policy", { ...arms, policy: "lenient" }, "statistics/unknown-choice"],
    ["alpha", { ...arms, alpha: 0 }, "statistics/out-of-range"],
    ["a threshold typo", { ...arms, thresholds: { deploy: 0.2 } }, "statistics/unknown-option"],
    ["threshold order", { ...arms, thresholds: { canaryFrom: 0.2 } }, "statistics/thresholds-invalid"],
    ["threshold NaN", { ...arms, thresholds: { deployAbove: Number.NaN } }, "statistics/thresholds-invalid"],
    ["percent for share", { ...arms, thresholds: { degradedBelow: -20 } }, "statistics/thresholds-invalid"],
  ] as const)("%s", (_, options, code) => {
    expect(codeOf(() => recommend(options as unknown as RecommendOptions))).toBe(code);
  });

  it("follows thresholds that are changed", () => {
    expect(recommend({ ...exactGain(0.1), thresholds: { deployAbove: 0.08 } }).recommendation).toBe("deploy");
  });
});
