import { describe, expect, it } from "vitest";
import {
  alarmShare,
  drifting,
  heavyUsers,
  staged,
  steady,
  zTestAlarmShare,
} from "../../../test-support/canary-scenarios.ts";

const RUNS = 10_000;
const SESSIONS = 3000;
const full = { runs: RUNS, sessions: SESSIONS };

describe(`false alarms of an unchanged canary, ${RUNS} runs of ${SESSIONS} sessions, looking after each`, () => {
  it("steady traffic: at most 5 %", () => {
    expect(alarmShare({ seed: 20261123, ...full, ...steady(0.2, 0.9) }).share).toBeLessThanOrEqual(0.05);
  });

  it("success rate drifting between .95 and .70: at most 5 %", () => {
    expect(alarmShare({ seed: 2, ...full, ...drifting() }).share).toBeLessThanOrEqual(0.05);
  });

  it("stages 20 → 50 → 90 % with drift: at most 5 %", () => {
    expect(alarmShare({ seed: 3, ...full, ...staged() }).share).toBeLessThanOrEqual(0.05);
  });

  it("heavy users divided per session: at most 5 %", () => {
    expect(alarmShare({ seed: 4, ...full, ...heavyUsers("session") }).share).toBeLessThanOrEqual(0.05);
  });

  it("a canary exactly at the margin of 2 points: at most 5 %", () => {
    const options = { seed: 5, runs: 4000, sessions: SESSIONS, alarmMargin: 0.02 };
    expect(alarmShare({ ...options, ...steady(0.2, 0.9, 0.88) }).share).toBeLessThanOrEqual(0.05);
  });

  it("control: the same heavy users divided per user raise more than 15 %", () => {
    const options = { seed: 6, runs: 2000, sessions: SESSIONS };
    expect(alarmShare({ ...options, ...heavyUsers("user") }).share).toBeGreaterThan(0.15);
  });

  it("control: a z-test looked at after every session raises more than 15 %", () => {
    expect(zTestAlarmShare({ seed: 7, runs: 2000, sessions: SESSIONS })).toBeGreaterThan(0.15);
  });
});

describe("power", () => {
  it("catches a drop of 10 points at .90 and 20 % share: ≥ 80 % in 1,000 sessions, ≥ 95 % in 1,600", () => {
    const { shareBy } = alarmShare({ seed: 8, runs: RUNS, sessions: 1600, ...steady(0.2, 0.9, 0.8) });
    expect(shareBy(1000)).toBeGreaterThanOrEqual(0.8);
    expect(shareBy(1600)).toBeGreaterThanOrEqual(0.95);
  });

  it("needs about the published median of sessions for other drops", () => {
    const medianOf = (baselineRate: number, canaryRate: number, share: number): number => {
      const { shareBy } = alarmShare({
        seed: 9,
        runs: 1000,
        sessions: 4000,
        ...steady(share, baselineRate, canaryRate),
      });
      let limit = 0;
      while (limit < 4000 && shareBy(limit) < 0.5) limit += 1;
      return limit;
    };
    const near = (actual: number, published: number): void => {
      expect(Math.abs(actual - published) / published).toBeLessThan(0.1);
    };
    near(medianOf(0.9, 0.8, 0.2), 527);
    near(medianOf(0.95, 0.85, 0.2), 357);
    near(medianOf(0.98, 0.93, 0.2), 626);
    near(medianOf(0.9, 0.7, 0.2), 174);
    near(medianOf(0.9, 0.8, 0.5), 387);
  });
});
