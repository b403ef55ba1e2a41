import { describe, expect, it } from "vitest";
import { createRandom, type Random } from "../random.ts";
import { FastEProcess } from "./fast-e-process.ts";

const RUNS = 10_000;
const SESSIONS = 3000;

/** One session: sets arm, outcome and share without allocating. */
interface Session {
  isCanary: boolean;
  success: boolean;
  share: number;
}

/** Share of runs with an alarm within `sessions`, looking after every session. */
function alarmShare(options: {
  readonly seed: number;
  readonly runs?: number;
  readonly sessions?: number;
  readonly alarmMargin?: number;
  readonly begin?: (random: Random) => void;
  readonly next: (random: Random, index: number, session: Session) => void;
}): { readonly share: number; readonly shareBy: (limit: number) => number } {
  const { seed, runs = RUNS, sessions = SESSIONS, alarmMargin = 0, begin, next } = options;
  const random = createRandom(seed);
  const process = new FastEProcess({
    kind: "binary",
    alarmMargin,
    nonInferiorityMargin: 0.05,
    withNonInferiority: false,
  });
  const session: Session = { isCanary: false, success: false, share: 0.2 };
  const alarms: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    process.reset();
    begin?.(random);
    for (let index = 0; index < sessions; index += 1) {
      next(random, index, session);
      process.observe(session.isCanary, session.success ? 1 : 0, session.share);
      if (process.evidence >= 20) {
        alarms.push(index + 1);
        break;
      }
    }
  }
  return {
    share: alarms.length / runs,
    shareBy: (limit) => alarms.filter((at) => at <= limit).length / runs,
  };
}

const simple =
  (share: number, baselineRate: number, canaryRate = baselineRate) =>
  (random: Random, _index: number, session: Session): void => {
    session.share = share;
    session.isCanary = random.uniform() < share;
    session.success = random.uniform() < (session.isCanary ? canaryRate : baselineRate);
  };

/** Fifty heavy users, correlation .3 within a user: some always succeed, others 63 % of the time; .9 on average. */
function heavyUsers(isSticky: boolean) {
  const rates = new Float64Array(50);
  const canary = new Uint8Array(50);
  return {
    begin(random: Random): void {
      for (let user = 0; user < 50; user += 1) {
        rates[user] = random.uniform() < 0.73 ? 1 : 0.63;
        canary[user] = random.uniform() < 0.2 ? 1 : 0;
      }
    },
    next(random: Random, _index: number, session: Session): void {
      const user = random.integer(50);
      session.share = 0.2;
      session.isCanary = isSticky ? canary[user] === 1 : random.uniform() < 0.2;
      session.success = random.uniform() < (rates[user] ?? 0);
    },
  };
}

describe(`false alarms of an unchanged canary, ${RUNS} runs of ${SESSIONS} sessions, looking after each`, () => {
  it("steady traffic: at most 5 %", () => {
    expect(alarmShare({ seed: 20261123, next: simple(0.2, 0.9) }).share).toBeLessThanOrEqual(0.05);
  });

  it("simulates 10,000 × 3,000 sessions at a pace of 3 seconds (best of eight twentieths)", () => {
    const process = new FastEProcess({
      kind: "binary",
      alarmMargin: 0,
      nonInferiorityMargin: 0.05,
      withNonInferiority: false,
    });
    const random = createRandom(10);
    let fastestMs = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 8; round += 1) {
      const started = performance.now();
      for (let run = 0; run < RUNS / 20; run += 1) {
        process.reset();
        for (let index = 0; index < SESSIONS && process.evidence < 20; index += 1) {
          process.observe(random.uniform() < 0.2, random.uniform() < 0.9 ? 1 : 0, 0.2);
        }
      }
      fastestMs = Math.min(fastestMs, performance.now() - started);
    }
    expect(fastestMs).toBeLessThanOrEqual(3000 / 20);
  });

  it("success rate drifting between .95 and .70: at most 5 %", () => {
    const { share } = alarmShare({
      seed: 2,
      next(random, index, session) {
        const rate = 0.7 + 0.25 * Math.abs(((index % 1000) - 500) / 500);
        session.share = 0.2;
        session.isCanary = random.uniform() < 0.2;
        session.success = random.uniform() < rate;
      },
    });
    expect(share).toBeLessThanOrEqual(0.05);
  });

  it("stages 20 → 50 → 90 % with drift: at most 5 %", () => {
    const { share } = alarmShare({
      seed: 3,
      next(random, index, session) {
        session.share = index < 1000 ? 0.2 : index < 2000 ? 0.5 : 0.9;
        session.isCanary = random.uniform() < session.share;
        session.success = random.uniform() < 0.93 - 0.00005 * index;
      },
    });
    expect(share).toBeLessThanOrEqual(0.05);
  });

  it("heavy users divided per session: at most 5 %", () => {
    expect(alarmShare({ seed: 4, ...heavyUsers(false) }).share).toBeLessThanOrEqual(0.05);
  });

  it("a canary exactly at the margin of 2 points: at most 5 %", () => {
    const { share } = alarmShare({ seed: 5, runs: 4000, alarmMargin: 0.02, next: simple(0.2, 0.9, 0.88) });
    expect(share).toBeLessThanOrEqual(0.05);
  });

  it("control: the same heavy users divided per user raise more than 15 %", () => {
    expect(alarmShare({ seed: 6, runs: 2000, ...heavyUsers(true) }).share).toBeGreaterThan(0.15);
  });

  it("control: a z-test looked at after every session raises more than 15 %", () => {
    const random = createRandom(7);
    let alarms = 0;
    for (let run = 0; run < 2000; run += 1) {
      let canary = 0;
      let canaryGood = 0;
      let baseline = 0;
      let baselineGood = 0;
      for (let index = 0; index < SESSIONS; index += 1) {
        const success = random.uniform() < 0.9 ? 1 : 0;
        if (random.uniform() < 0.2) {
          canary += 1;
          canaryGood += success;
        } else {
          baseline += 1;
          baselineGood += success;
        }
        if (canary < 20 || baseline < 20) continue;
        const pooled = (canaryGood + baselineGood) / (canary + baseline);
        const error = Math.sqrt(pooled * (1 - pooled) * (1 / canary + 1 / baseline));
        if (error > 0 && (canaryGood / canary - baselineGood / baseline) / error < -1.6448536269514722) {
          alarms += 1;
          break;
        }
      }
    }
    expect(alarms / 2000).toBeGreaterThan(0.15);
  });
});

describe("power", () => {
  it("catches a drop of 10 points at .90 and 20 % share: ≥ 80 % in 1,000 sessions, ≥ 95 % in 1,600", () => {
    const { shareBy } = alarmShare({ seed: 8, sessions: 1600, next: simple(0.2, 0.9, 0.8) });
    expect(shareBy(1000)).toBeGreaterThanOrEqual(0.8);
    expect(shareBy(1600)).toBeGreaterThanOrEqual(0.95);
  });

  it("needs about the published median of sessions for other drops", () => {
    const medianOf = (baselineRate: number, canaryRate: number, share: number): number => {
      const { shareBy } = alarmShare({
        seed: 9,
        runs: 1000,
        sessions: 4000,
        next: simple(share, baselineRate, canaryRate),
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
