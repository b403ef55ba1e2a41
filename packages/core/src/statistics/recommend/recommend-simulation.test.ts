import { describe, expect, it } from "vitest";
import { normalQuantile } from "../distributions/normal.ts";
import { createRandom, type Random } from "../random.ts";
import { ratioOfMeans } from "../ratio-of-means.ts";
import { type CompositeGain, compositeGain } from "./composite-gain.ts";
import { decide, type RecommendationOutcome } from "./decide.ts";
import { recommend } from "./recommend.ts";
import { compileRecommendOptions, type RecommendationPolicy } from "./recommend-options.ts";

/**
 * Synthetic composites: 30 % a pass/fail metric (rate .70), 70 % a continuous one, paired by shared difficulty; sd of
 * the difference .193, correlation about .5, baseline mean .645. A gain of R multiplies both parts by 1 + R.
 */
function drawPairs(random: Random, count: number, gain: number): { candidate: number[]; baseline: number[] } {
  const baselineCut = normalQuantile(0.7);
  const candidateCut = normalQuantile(0.7 * (1 + gain));
  const shared = Math.sqrt(0.7);
  const own = Math.sqrt(0.3);
  const half = Math.sqrt(0.5);
  const centre = (0.645 - 0.21) / 0.7;
  const cut = (value: number): number => Math.min(1.1, Math.max(0, value));
  const candidate: number[] = [];
  const baseline: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const difficulty = shared * random.normal();
    const length = half * random.normal();
    const passes = (limit: number): number => (difficulty + own * random.normal() < limit ? 0.3 : 0);
    const continuous = (mean: number): number => 0.7 * cut(mean + 0.19 * (length + half * random.normal()));
    baseline.push(passes(baselineCut) + continuous(centre));
    candidate.push(passes(candidateCut) + continuous(centre * (1 + gain)));
  }
  return { candidate, baseline };
}

const POLICIES = ["point", "strict", "hybrid"] as const;

const compiledFor = (policy: RecommendationPolicy) =>
  compileRecommendOptions({
    candidate: [{ q: 1 }],
    baseline: null,
    metrics: [{ name: "q", kind: "score", direction: "higher", weight: 1 }],
    policy,
  });
const COMPILED = {
  point: compiledFor("point"),
  strict: compiledFor("strict"),
  hybrid: compiledFor("hybrid"),
};

function outcomeOf(gain: CompositeGain, policy: RecommendationPolicy, pairs: number): RecommendationOutcome {
  const quality = { mean: 0.7, lower: 0.65, spread: 0.2 };
  return decide({ compiled: COMPILED[policy], gain, metrics: [], quality, lowQuality: null, pairs })
    .recommendation;
}

interface Rates {
  readonly reject: number;
  readonly canary: number;
  readonly deploy: number;
}

/**
 * Decides with the delta bounds only: 10,000 bootstraps per cell would take minutes. Under 200 pairs `recommend` takes the
 * lower of the BCa and the delta bound, so its rates of wrong claims are at most these.
 */
function simulate(
  count: number,
  gain: number,
  runs: number,
  seed: number,
): Record<RecommendationPolicy, Rates> {
  const random = createRandom(seed);
  const counts = POLICIES.map((policy) => ({ policy, reject: 0, canary: 0, deploy: 0 }));
  for (let run = 0; run < runs; run += 1) {
    const ratio = ratioOfMeans({ ...drawPairs(random, count, gain), confidence: 0.9 });
    const delta: CompositeGain = {
      gain: ratio.gain,
      unit: "percent",
      decision: ratio.interval,
      method: "delta",
      delta: ratio.interval,
      bca: null,
      fieller: null,
      spread: ratio.relativeStandardDeviation,
    };
    for (const row of counts) {
      const outcome = outcomeOf(delta, row.policy, count);
      if (outcome === "reject") row.reject += 1;
      if (outcome === "deploy" || outcome === "deploy_canary") row.canary += 1;
      if (outcome === "deploy") row.deploy += 1;
    }
  }
  const rates = counts.map((row) => [
    row.policy,
    {
      reject: (100 * row.reject) / runs,
      canary: (100 * row.canary) / runs,
      deploy: (100 * row.deploy) / runs,
    },
  ]);
  return Object.fromEntries(rates) as Record<RecommendationPolicy, Rates>;
}

const RUNS = 10_000;

describe(`decisions in ${RUNS} simulated comparisons (delta bounds)`, () => {
  it.each([20, 50, 100, 200])(
    "no-change pairs, n = %d: at most 5 in 100 wrong canaries under hybrid",
    (count) => {
      const rates = simulate(count, 0, RUNS, 20261123 + count);
      expect(rates.hybrid.canary).toBeLessThanOrEqual(5);
      expect(rates.strict.canary).toBeLessThanOrEqual(5);
      expect(rates.hybrid.deploy).toBeLessThanOrEqual(0.1);
      // Control: the thresholds alone are wrong far more often, so this harness can see a violation.
      if (count <= 50) expect(rates.point.canary).toBeGreaterThan(10);
      if (count <= 50) expect(rates.point.reject).toBeGreaterThan(10);
    },
  );

  it.each([20, 50, 100, 200])("n = %d, a true gain of 0.15: at most 5 in 100 wrong deploys", (count) => {
    const rates = simulate(count, 0.15, RUNS, 77 + count);
    expect(rates.hybrid.deploy).toBeLessThanOrEqual(5);
    expect(rates.point.deploy).toBeGreaterThan(40);
  });

  it.each([
    [20, 0, [21.6, 23.8, 2.2], [0.5, 0], [4, 0]],
    [20, 0.15, [0.1, 93.1, 49], [35.5, 2.4], [68.4, 2.4]],
    [50, 0, [11.1, 12.5, 0.1], [0.2, 0], [4.5, 0]],
    [50, 0.1, [0, 87.9, 13.1], [27.8, 0.2], [75.3, 0.2]],
    [50, 0.2, [0, 100, 85.6], [96.5, 23.3], [99.9, 23.3]],
    [100, 0.15, [0, 100, 48], [94.8, 3.9], [100, 3.9]],
    [100, 0.25, [0, 100, 99.9], [100, 90.8], [100, 90.8]],
    [200, 0.1, [0, 99.1, 1.3], [73.8, 0], [99.1, 0]],
    [200, 0.2, [0, 100, 98.4], [100, 67.6], [100, 67.6]],
    [500, 0.2, [0, 100, 100], [100, 95.6], [100, 95.6]],
  ] as const)(
    "n = %d, true gain %d: power within 2 points of the published table",
    (count, gain, point, strict, hybrid) => {
      const rates = simulate(count, gain, count > 200 ? 2000 : RUNS, 4242);
      const near = (actual: number, expected: number): void => {
        expect(Math.abs(actual - expected)).toBeLessThanOrEqual(2);
      };
      near(rates.point.reject, point[0]);
      near(rates.point.canary, point[1]);
      near(rates.point.deploy, point[2]);
      near(rates.strict.canary, strict[0]);
      near(rates.strict.deploy, strict[1]);
      near(rates.hybrid.canary, hybrid[0]);
      near(rates.hybrid.deploy, hybrid[1]);
    },
  );
});

describe("decisions with the bootstrap (2,000 comparisons, 1,000 resamples)", () => {
  it("keeps wrong canaries at n = 20 under 5 %, which the BCa bound alone does not", () => {
    const random = createRandom(11);
    let decided = 0;
    let bootstrapAlone = 0;
    for (let run = 0; run < 2000; run += 1) {
      const gain = compositeGain({
        ...drawPairs(random, 20, 0),
        clusterIds: undefined,
        alpha: 0.05,
        resamples: 1000,
        seed: run,
      });
      if (outcomeOf(gain, "hybrid", 20) === "deploy_canary") decided += 1;
      if (gain.bca !== null && outcomeOf({ ...gain, decision: gain.bca }, "hybrid", 20) === "deploy_canary") {
        bootstrapAlone += 1;
      }
    }
    expect(decided / 2000).toBeLessThanOrEqual(0.05);
    expect(bootstrapAlone / 2000).toBeGreaterThan(0.055);
  });
});

describe("the bootstrap costs hardly any power (1,000 comparisons, 1,000 resamples)", () => {
  it.each([
    [20, 0.15],
    [50, 0.1],
  ])("n = %d, true gain %d: within 1 point of what the delta bounds alone reach", (count, gain) => {
    const random = createRandom(5);
    let decided = 0;
    let deltaAlone = 0;
    for (let run = 0; run < 1000; run += 1) {
      const result = compositeGain({
        ...drawPairs(random, count, gain),
        clusterIds: undefined,
        alpha: 0.05,
        resamples: 1000,
        seed: run,
      });
      const claims = (one: CompositeGain) => outcomeOf(one, "hybrid", count).startsWith("deploy");
      if (claims(result)) decided += 1;
      if (claims({ ...result, decision: result.delta })) deltaAlone += 1;
    }
    expect(decided).toBeLessThanOrEqual(deltaAlone);
    expect((deltaAlone - decided) / 1000).toBeLessThanOrEqual(0.01);
  });
});

describe("guardrails in 2,000 simulated comparisons without any change", () => {
  it("rejects for a degraded metric in at most 5 %, where the estimate alone would in over 20 %", () => {
    const random = createRandom(31);
    const metrics = [
      { name: "quality", kind: "score", direction: "higher", weight: 1, guardrail: false },
      ...["pass_a", "pass_b", "pass_c"].map(
        (name) => ({ name, kind: "score", direction: "higher" }) as const,
      ),
      ...["latency_ms", "cost_usd"].map((name) => ({ name, kind: "raw", direction: "lower" }) as const),
    ] as const;
    const draw = (difficulty: number): Record<string, number> => {
      const noisy = (): number => Math.SQRT1_2 * (difficulty + random.normal());
      const bit = (): number => (noisy() < 0.6 ? 1 : 0);
      const long = (): number => Math.exp(0.6 * noisy());
      return {
        quality: 0.8,
        pass_a: bit(),
        pass_b: bit(),
        pass_c: bit(),
        latency_ms: 900 * long(),
        cost_usd: long(),
      };
    };
    let rejected = 0;
    let pointDegraded = 0;
    for (let run = 0; run < 2000; run += 1) {
      const difficulties = Array.from({ length: 20 }, () => random.normal());
      const result = recommend({
        metrics,
        candidate: difficulties.map(draw),
        baseline: difficulties.map(draw),
        resamples: 1000,
      });
      if (result.metrics.some((metric) => metric.degraded && metric.guardrail)) pointDegraded += 1;
      if (result.recommendation === "reject") rejected += 1;
    }
    expect(pointDegraded / 2000).toBeGreaterThan(0.2);
    expect(rejected / 2000).toBeLessThanOrEqual(0.05);
  });
});
