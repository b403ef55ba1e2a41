import { describe, expect, it } from "vitest";
import { createRandom, type Random } from "../../statistics/random.ts";
import type { BinaryOutcomes, CanaryTick } from "../../statistics/sequential/canary-tick.ts";
import { createEProcess } from "../../statistics/sequential/e-process.ts";
import { divideTick } from "./divide-tick.ts";

const total = (ticks: readonly CanaryTick[]) => {
  const sum = { canarySuccesses: 0, canaryFailures: 0, baselineSuccesses: 0, baselineFailures: 0 };
  for (const { outcomes } of ticks) {
    const given = outcomes.success as BinaryOutcomes;
    for (const name of Object.keys(sum) as (keyof BinaryOutcomes)[]) sum[name] += given[name];
  }
  return sum;
};

/** One look after a long time: everything since the start in a single tick. */
const piledUp = (
  random: Random,
  rates: { readonly canary: number; readonly baseline: number },
): CanaryTick => {
  const success = { canarySuccesses: 0, canaryFailures: 0, baselineSuccesses: 0, baselineFailures: 0 };
  for (let session = 0; session < 600; session += 1) {
    const arm = random.uniform() < 0.2 ? "canary" : "baseline";
    success[`${arm}${random.uniform() < rates[arm] ? "Successes" : "Failures"}`] += 1;
  }
  const canary = success.canarySuccesses + success.canaryFailures;
  return { atMs: 0, canaryShare: 0.2, sessions: { canary, baseline: 600 - canary }, outcomes: { success } };
};

/** Share of rollouts that raise an alarm at the first look. */
const alarmShare = (
  rates: { readonly canary: number; readonly baseline: number },
  ticksOf: (tick: CanaryTick, run: number) => readonly CanaryTick[],
) => {
  const random = createRandom(20261123);
  let alarms = 0;
  for (let run = 0; run < 1000; run += 1) {
    const process = createEProcess({ kind: "binary", alpha: 0.05 });
    for (const { canaryShare, outcomes } of ticksOf(piledUp(random, rates), run)) {
      process.update({ canaryShare, ...(outcomes.success as BinaryOutcomes) });
    }
    if (process.reading().alarmed) alarms += 1;
  }
  return alarms / 1000;
};
const divided = (tick: CanaryTick, run: number) => divideTick(tick, `rollout-${run}`);

describe("divideTick", () => {
  const tick = piledUp(createRandom(1), { canary: 0.8, baseline: 0.9 });
  const score = {
    canaryScores: [[0.5, 40] as const],
    baselineScores: [[0.5, 30] as const, [1, 50] as const],
  };

  it("loses and adds nothing, and gives the same parts for the same seed", () => {
    const parts = divideTick({ ...tick, outcomes: { ...tick.outcomes, score } }, "seed");
    expect(parts).toHaveLength(30);
    expect(total(parts)).toEqual(tick.outcomes.success);
    const canary = parts.reduce((sum, part) => sum + part.sessions.canary, 0);
    expect(canary).toBe(tick.sessions.canary);
    const scored = parts.flatMap(({ outcomes }) => (outcomes.score as typeof score).baselineScores);
    expect(scored.filter(([value]) => value === 1).reduce((sum, [, count]) => sum + count, 0)).toBe(50);
    expect(divideTick({ ...tick, outcomes: { ...tick.outcomes, score } }, "seed")).toEqual(parts);
  });

  it("leaves a small tick as it is", () => {
    const small = { ...tick, sessions: { canary: 4, baseline: 16 }, outcomes: {} };
    expect(divideTick(small, "seed")).toEqual([small]);
  });

  it("keeps the promise about false alarms", () => {
    for (const rate of [0.2, 0.5, 0.9, 1]) {
      expect(alarmShare({ canary: rate, baseline: rate }, divided)).toBeLessThanOrEqual(0.05);
    }
  });

  it("sees a drop that a single look at everything would miss", () => {
    const rates = { canary: 0.4, baseline: 0.5 };
    const whole = alarmShare(rates, (tick) => [tick]);
    expect(alarmShare(rates, divided)).toBeGreaterThan(1.5 * whole);
  });
});
