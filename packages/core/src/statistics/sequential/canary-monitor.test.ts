import { describe, expect, it } from "vitest";
import type { CanaryMonitorState } from "./canary-monitor.ts";
import { CanaryMonitor } from "./canary-monitor.ts";
import type { CanaryPlan } from "./canary-plan.ts";
import { type CanaryTick, mergeCanaryTicks } from "./canary-tick.ts";

const MINUTE = 60_000;

const PLAN: CanaryPlan = {
  steps: [
    { share: 0.2, minimumSessions: 500, minimumDurationMs: 10 * MINUTE, deadlineMs: 120 * MINUTE },
    { share: 0.5, minimumSessions: 500 },
  ],
  guardrails: [
    { metric: "success", kind: "binary", direction: "higher" },
    { metric: "escalated", kind: "binary", direction: "lower", action: "hold" },
    { metric: "feedback", kind: "score", direction: "higher", action: "observe" },
  ],
  promoteWhen: "no-alarm",
};

/** 100 sessions at 20 %: success cells (canary ok, fail, baseline ok, fail). */
function tick(
  minute: number,
  cells: readonly number[],
  escalated: readonly number[] = [1, 19, 4, 76],
): CanaryTick {
  const counts = (values: readonly number[]) => ({
    canarySuccesses: values[0] ?? 0,
    canaryFailures: values[1] ?? 0,
    baselineSuccesses: values[2] ?? 0,
    baselineFailures: values[3] ?? 0,
  });
  return {
    atMs: minute * MINUTE,
    canaryShare: 0.2,
    sessions: { canary: 20, baseline: 80 },
    outcomes: { success: counts(cells), escalated: counts(escalated) },
  };
}

const GOOD = [18, 2, 72, 8];
const BAD = [12, 8, 72, 8];

describe("CanaryMonitor", () => {
  it("continues, then promotes once sessions and time are enough, and says what it would have caught", () => {
    const monitor = new CanaryMonitor({ plan: PLAN, startedAtMs: 0 });
    const verdicts = [];
    for (let index = 1; index <= 6; index += 1) verdicts.push(monitor.update(tick(2 * index, GOOD)));
    expect(verdicts.map((reading) => reading.verdict)).toEqual([
      "continue",
      "continue",
      "continue",
      "continue",
      "promote",
      "promote",
    ]);
    expect(verdicts[4]).toMatchObject({
      promotedBy: "no-alarm",
      step: { index: 0, share: 0.2, elapsedMs: 10 * MINUTE },
    });
    const drop = verdicts[4]?.smallestDropCaught?.success ?? 0;
    expect(drop).toBeGreaterThan(0.1);
    expect(drop).toBeLessThan(0.25);
    expect(verdicts[4]?.guardrails[0]?.logThreshold).toBeCloseTo(Math.log(2 / 0.05), 10);
  });

  it("rolls back on an alarm and stays there, whatever comes after", () => {
    const monitor = new CanaryMonitor({ plan: PLAN, startedAtMs: 0 });
    let reading = monitor.update(tick(1, BAD));
    for (let minute = 2; minute < 20 && reading.verdict !== "rollback"; minute += 1) {
      reading = monitor.update(tick(minute, BAD));
    }
    expect(reading).toMatchObject({ verdict: "rollback", alarmedMetric: "success", promotedBy: null });
    expect(reading.reason).toContain("success is worse on the canary");
    for (let minute = 30; minute < 40; minute += 1) reading = monitor.update(tick(minute, [20, 0, 60, 20]));
    expect(reading.verdict).toBe("rollback");
  });

  it("keeps a rollback when assignment breaks later, and a rollback by deadline when good news comes later", () => {
    const alarmed = new CanaryMonitor({ plan: PLAN, startedAtMs: 0 });
    for (let minute = 1; minute < 12; minute += 1) alarmed.update(tick(minute, BAD));
    expect(alarmed.update({ ...tick(13, BAD), sessions: { canary: 900, baseline: 100 } })).toMatchObject({
      verdict: "rollback",
      alarmedMetric: "success",
      sampleRatio: { mismatch: true },
    });
    const late = new CanaryMonitor({
      plan: { ...PLAN, promoteWhen: "non-inferior", onDeadline: "rollback" },
      startedAtMs: 0,
    });
    late.update(tick(1, GOOD));
    expect(late.reading(120 * MINUTE).verdict).toBe("rollback");
    for (let minute = 121; minute < 220; minute += 1) late.update(tick(minute, GOOD));
    expect(late.reading(220 * MINUTE).verdict).toBe("rollback");
  });

  it("turns lower-is-better round and only holds for a guardrail that says hold", () => {
    const monitor = new CanaryMonitor({ plan: PLAN, startedAtMs: 0 });
    let reading = monitor.update(tick(1, GOOD, [8, 12, 4, 76]));
    for (let minute = 2; minute < 10; minute += 1)
      reading = monitor.update(tick(minute, GOOD, [8, 12, 4, 76]));
    expect(reading).toMatchObject({ verdict: "hold", alarmedMetric: "escalated" });
  });

  describe("whose holding alarm a person has accepted", () => {
    const held = (plan: CanaryPlan = PLAN) => {
      const monitor = new CanaryMonitor({ plan, startedAtMs: 0 });
      for (let minute = 1; minute < 12; minute += 1) {
        const { outcomes, ...rest } = tick(minute, GOOD, [8, 12, 4, 76]);
        const known = Object.entries(outcomes).filter(([metric]) =>
          plan.guardrails.some((guardrail) => guardrail.metric === metric),
        );
        monitor.update({ ...rest, outcomes: Object.fromEntries(known) });
      }
      expect(monitor.reading(12 * MINUTE).verdict).toBe("hold");
      return monitor;
    };

    it("goes on without that guardrail, says so, and keeps it over a restart", () => {
      const monitor = held();
      monitor.acknowledge("escalated");
      monitor.acknowledge("escalated");
      const later = CanaryMonitor.restore(JSON.parse(JSON.stringify(monitor)) as CanaryMonitorState);
      const reading = later.update(tick(12, GOOD, [8, 12, 4, 76]));
      expect(reading).toMatchObject({
        verdict: "promote",
        promotedBy: "no-alarm",
        reason: "No alarm besides escalated, accepted by a person in 1200 sessions of this step.",
      });
      expect(reading.guardrails[1]).toMatchObject({ metric: "escalated", alarmed: true, acknowledged: true });
    });

    it("still rolls back on the others, by the evidence that they would have needed before", () => {
      const monitor = held();
      monitor.acknowledge("escalated");
      const never = held();
      const bad = [4, 16, 72, 8];
      let minute = 12;
      while (monitor.reading(minute * MINUTE).verdict !== "rollback" && minute < 60) {
        monitor.update(tick(minute, bad));
        never.update(tick(minute, bad));
        minute += 1;
      }
      expect(monitor.reading(minute * MINUTE)).toMatchObject({
        verdict: "rollback",
        alarmedMetric: "success",
      });
      expect(never.reading(minute * MINUTE).verdict).toBe("rollback");
      expect(monitor.toJSON().processes).toEqual(never.toJSON().processes);
    });

    it("claims no safety when no guardrail is left that could show it", () => {
      const [, escalated] = PLAN.guardrails;
      const monitor = held({
        ...PLAN,
        guardrails: escalated ? [escalated] : [],
        promoteWhen: "non-inferior",
      });
      monitor.acknowledge("escalated");
      expect(monitor.reading(12 * MINUTE)).toMatchObject({ verdict: "promote", promotedBy: "no-alarm" });
    });

    it("is refused for a guardrail that rolls back, and for what is none", () => {
      const monitor = held();
      for (const metric of ["success", "feedback", "other"]) {
        expect(() => monitor.acknowledge(metric)).toThrow(
          /Only an alarm that holds can be accepted: escalated/,
        );
      }
    });
  });

  it("never decides on a metric that is only observed", () => {
    const monitor = new CanaryMonitor({ plan: PLAN, startedAtMs: 0 });
    let reading = monitor.update(tick(1, GOOD));
    for (let minute = 2; minute < 20; minute += 1) {
      reading = monitor.update({
        ...tick(minute, GOOD),
        outcomes: {
          ...tick(minute, GOOD).outcomes,
          feedback: { canaryScores: [[0.1, 20]], baselineScores: [[0.9, 80]] },
        },
      });
    }
    expect(reading.guardrails[2]).toMatchObject({ metric: "feedback", alarmed: true });
    expect(reading.verdict).toBe("promote");
  });

  it("stops deciding when sessions are not divided as told", () => {
    const monitor = new CanaryMonitor({ plan: PLAN, startedAtMs: 0 });
    const reading = monitor.update({ ...tick(1, BAD), sessions: { canary: 260, baseline: 740 } });
    expect(reading).toMatchObject({ verdict: "hold", sampleRatio: { mismatch: true } });
    expect(reading.reason).toContain("not divided as the plan says");
    let later = reading;
    for (let minute = 2; minute < 60; minute += 1) later = monitor.update(tick(minute, BAD));
    expect(later.verdict).toBe("hold");
    expect(later.guardrails[0]?.observations).toBe(0);
  });

  it("tells silence from an open question, and follows the deadline policy", () => {
    const run = (onDeadline: CanaryPlan["onDeadline"], sessions: number) => {
      const monitor = new CanaryMonitor({
        plan: { ...PLAN, promoteWhen: "non-inferior", onDeadline },
        startedAtMs: 0,
      });
      for (let index = 1; index <= sessions / 100; index += 1) monitor.update(tick(index, GOOD));
      return monitor.reading(120 * MINUTE);
    };
    expect(run("hold", 0).verdict).toBe("no-traffic");
    expect(run("rollback", 0).verdict).toBe("no-traffic");
    expect(run("hold", 600).verdict).toBe("inconclusive");
    expect(run("rollback", 600).verdict).toBe("rollback");
    expect(run("promote-no-alarm", 600)).toMatchObject({ verdict: "promote", promotedBy: "no-alarm" });
    expect(run("promote-no-alarm", 100).verdict).toBe("inconclusive");
    const quiet = new CanaryMonitor({ plan: PLAN, startedAtMs: 0 });
    expect(quiet.reading(14 * MINUTE).verdict).toBe("continue");
    expect(quiet.reading(15 * MINUTE).verdict).toBe("no-traffic");
  });

  it("promotes as non-inferior only when every deciding guardrail is shown safe", () => {
    const monitor = new CanaryMonitor({
      plan: { ...PLAN, promoteWhen: "non-inferior", steps: [{ share: 0.2, minimumSessions: 100 }] },
      startedAtMs: 0,
    });
    let reading = monitor.update(tick(1, GOOD));
    for (let minute = 2; minute < 100 && reading.verdict === "continue"; minute += 1) {
      reading = monitor.update(tick(minute, GOOD));
    }
    expect(reading).toMatchObject({ verdict: "promote", promotedBy: "non-inferior" });
    expect(reading.guardrails.slice(0, 2).every((guardrail) => guardrail.nonInferior)).toBe(true);
  });

  it("keeps its evidence over steps and restarts", () => {
    const whole = new CanaryMonitor({ plan: PLAN, startedAtMs: 0 });
    let parted = new CanaryMonitor({ plan: PLAN, startedAtMs: 0 });
    for (let minute = 1; minute <= 12; minute += 1) {
      if (minute === 7)
        for (const monitor of [whole, parted]) monitor.beginStep({ index: 1, atMs: minute * MINUTE });
      const share = minute < 7 ? {} : { canaryShare: 0.5, sessions: { canary: 50, baseline: 50 } };
      whole.update({ ...tick(minute, GOOD), ...share });
      parted = CanaryMonitor.restore(JSON.parse(JSON.stringify(parted)) as CanaryMonitorState);
      parted.update({ ...tick(minute, GOOD), ...share });
    }
    expect(parted.toJSON()).toEqual(whole.toJSON());
    const reading = parted.reading(12 * MINUTE);
    expect(reading.guardrails[0]?.observations).toBe(1200);
    expect(reading.step).toMatchObject({ index: 1, sessions: { canary: 300, baseline: 300 } });
  });

  it("gives the same verdict from one process and from four", () => {
    const one = new CanaryMonitor({ plan: PLAN, startedAtMs: 0 });
    const four = new CanaryMonitor({ plan: PLAN, startedAtMs: 0 });
    for (let minute = 1; minute <= 6; minute += 1) {
      const part = tick(minute, GOOD);
      const merged = mergeCanaryTicks([part, part, part, part]);
      expect(merged.sessions).toEqual({ canary: 80, baseline: 320 });
      one.update({
        ...tick(minute, [72, 8, 288, 32], [4, 76, 16, 304]),
        sessions: { canary: 80, baseline: 320 },
      });
      four.update(mergeCanaryTicks([mergeCanaryTicks([part, part]), mergeCanaryTicks([part, part])]));
    }
    expect(four.toJSON()).toEqual(one.toJSON());
  });

  it("merges scores by value and refuses ticks of different shares or kinds", () => {
    const scores = (list: [number, number][]): CanaryTick => ({
      atMs: 1,
      canaryShare: 0.2,
      sessions: { canary: 1, baseline: 1 },
      outcomes: { feedback: { canaryScores: list, baselineScores: [] } },
    });
    expect(
      mergeCanaryTicks([
        scores([[0.5, 1]]),
        scores([
          [0.25, 2],
          [0.5, 3],
        ]),
      ]).outcomes.feedback,
    ).toEqual({
      canaryScores: [
        [0.25, 2],
        [0.5, 4],
      ],
      baselineScores: [],
    });
    expect(() => mergeCanaryTicks([tick(1, GOOD), { ...tick(1, GOOD), canaryShare: 0.5 }])).toThrow(
      /share 0.2/,
    );
    expect(() => mergeCanaryTicks([])).toThrow(/no tick/);
    const counted = {
      ...tick(1, GOOD),
      outcomes: { feedback: tick(1, GOOD).outcomes.success ?? { canaryScores: [], baselineScores: [] } },
    };
    expect(() => mergeCanaryTicks([counted, scores([[1, 1]])])).toThrow(/counted in one tick/);
  });

  it("leaves its state alone when a tick is refused", () => {
    const monitor = new CanaryMonitor({ plan: PLAN, startedAtMs: 0 });
    monitor.update(tick(1, GOOD));
    const before = monitor.toJSON();
    const wrong = tick(2, GOOD);
    expect(() =>
      monitor.update({
        ...wrong,
        outcomes: { ...wrong.outcomes, typo: { canaryScores: [], baselineScores: [] } },
      }),
    ).toThrow(/typo/);
    expect(() => monitor.update(tick(2, [-1, 0, 0, 0]))).toThrow(/-1/);
    expect(() =>
      monitor.update({
        ...wrong,
        outcomes: {
          ...wrong.outcomes,
          feedback: wrong.outcomes.success ?? { canaryScores: [], baselineScores: [] },
        },
      }),
    ).toThrow(/is score/);
    expect(() => monitor.update({ ...wrong, atMs: Number.NaN })).toThrow(/atMs/);
    expect(monitor.toJSON()).toEqual(before);
    expect(() => CanaryMonitor.restore({} as CanaryMonitorState)).toThrow(/damaged/);
    expect(() => monitor.beginStep({ index: 2, atMs: 0 })).toThrow(/2 steps/);
  });

  it.each([
    ["no steps", { steps: [] }],
    [
      "a falling share",
      {
        steps: [
          { share: 0.5, minimumSessions: 1 },
          { share: 0.2, minimumSessions: 1 },
        ],
      },
    ],
    [
      "only observers",
      { guardrails: [{ metric: "a", kind: "binary", direction: "higher", action: "observe" }] },
    ],
    ["a metric twice", { guardrails: [PLAN.guardrails[0], PLAN.guardrails[0]] }],
    ["a typo", { minSessions: 5 }],
    ["alpha of 0", { alpha: 0 }],
    ["no direction", { guardrails: [{ metric: "a", kind: "binary" }] }],
  ] as const)("refuses a plan with %s", (_, change) => {
    expect(
      () => new CanaryMonitor({ plan: { ...PLAN, ...change } as unknown as CanaryPlan, startedAtMs: 0 }),
    ).toThrow(/Fix:/);
  });
});
