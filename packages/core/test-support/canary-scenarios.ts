import { createRandom, type Random } from "../src/statistics/random.ts";
import { FastEProcess } from "../src/statistics/sequential/fast-e-process.ts";

/** One session: a scenario sets arm, outcome and share without allocating. */
interface Session {
  isCanary: boolean;
  success: boolean;
  share: number;
}

/** How the sessions of one simulated rollout come about. */
export interface Scenario {
  readonly begin?: (random: Random) => void;
  readonly next: (random: Random, index: number, session: Session) => void;
}

const ALPHA = 0.05;

/** Share of runs with an alarm, looking after every session. */
export function alarmShare(
  options: Scenario & {
    readonly seed: number;
    readonly runs: number;
    readonly sessions: number;
    readonly alarmMargin?: number;
  },
): { readonly share: number; readonly shareBy: (limit: number) => number } {
  const { seed, runs, sessions, alarmMargin = 0, begin, next } = options;
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
      if (process.evidence >= 1 / ALPHA) {
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

/** The same rates from the first session to the last. */
export function steady(share: number, baselineRate: number, canaryRate = baselineRate): Scenario {
  return {
    next(random, _index, session) {
      session.share = share;
      session.isCanary = random.uniform() < share;
      session.success = random.uniform() < (session.isCanary ? canaryRate : baselineRate);
    },
  };
}

/** Both arms drift together between .95 and .70. */
export function drifting(): Scenario {
  return {
    next(random, index, session) {
      const rate = 0.7 + 0.25 * Math.abs(((index % 1000) - 500) / 500);
      session.share = 0.2;
      session.isCanary = random.uniform() < 0.2;
      session.success = random.uniform() < rate;
    },
  };
}

/** 20 → 50 → 90 %, a thousand sessions each, while both arms get worse. */
export function staged(): Scenario {
  return {
    next(random, index, session) {
      session.share = index < 1000 ? 0.2 : index < 2000 ? 0.5 : 0.9;
      session.isCanary = random.uniform() < session.share;
      session.success = random.uniform() < 0.93 - 0.00005 * index;
    },
  };
}

/** Fifty heavy users, correlation .3 within a user: some always succeed, others 63 % of the time; .9 on average. */
export function heavyUsers(assignedPer: "session" | "user"): Scenario {
  const rates = new Float64Array(50);
  const canary = new Uint8Array(50);
  return {
    begin(random) {
      for (let user = 0; user < 50; user += 1) {
        rates[user] = random.uniform() < 0.73 ? 1 : 0.63;
        canary[user] = random.uniform() < 0.2 ? 1 : 0;
      }
    },
    next(random, _index, session) {
      const user = random.integer(50);
      session.share = 0.2;
      session.isCanary = assignedPer === "user" ? canary[user] === 1 : random.uniform() < 0.2;
      session.success = random.uniform() < (rates[user] ?? 0);
    },
  };
}

const Z_ALPHA = 1.6448536269514722;
const FEWEST_PER_ARM = 20;

/** What an ordinary z-test would do to unchanged rollouts (.90, 20 % share) when looked at after every session. */
export function zTestAlarmShare(options: {
  readonly seed: number;
  readonly runs: number;
  readonly sessions: number;
}): number {
  const random = createRandom(options.seed);
  let alarms = 0;
  for (let run = 0; run < options.runs; run += 1) {
    let canary = 0;
    let canaryGood = 0;
    let baseline = 0;
    let baselineGood = 0;
    for (let index = 0; index < options.sessions; index += 1) {
      const success = random.uniform() < 0.9 ? 1 : 0;
      if (random.uniform() < 0.2) {
        canary += 1;
        canaryGood += success;
      } else {
        baseline += 1;
        baselineGood += success;
      }
      if (canary < FEWEST_PER_ARM || baseline < FEWEST_PER_ARM) continue;
      const pooled = (canaryGood + baselineGood) / (canary + baseline);
      const error = Math.sqrt(pooled * (1 - pooled) * (1 / canary + 1 / baseline));
      if (error > 0 && (canaryGood / canary - baselineGood / baseline) / error < -Z_ALPHA) {
        alarms += 1;
        break;
      }
    }
  }
  return alarms / options.runs;
}
