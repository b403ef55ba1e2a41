import {
  alarmShare,
  drifting,
  heavyUsers,
  type Scenario,
  staged,
  steady,
  zTestAlarmShare,
} from "../../packages/core/test-support/canary-scenarios.ts";
import type { BenchReport } from "../bench-report.ts";

const isQuick = process.env.BENCH_QUICK === "1";
const RUNS = isQuick ? 1_000 : 10_000;
const CONTROL_RUNS = isQuick ? 500 : 2_000;
const SESSIONS = 3_000;
const FULL_SIZE = 10_000 * SESSIONS;
const GOAL_SECONDS = 3;

const percent = (share: number) => 100 * share;

/** How often the monitor errs, how soon it sees a drop, and how long simulating that takes. */
export async function run(report: BenchReport): Promise<void> {
  falseRollbacks(report);
  controls(report);
  power(report);
  pace(report);
  report.note(
    `${RUNS.toLocaleString("en-US")} simulated rollouts of ${SESSIONS.toLocaleString("en-US")} sessions at α = 5 %, looking ` +
      "after every session. The controls show that the same simulation sees a method that errs.",
  );
}

function falseRollbacks(report: BenchReport): void {
  const unchanged: readonly (readonly [string, Scenario])[] = [
    ["steady .90, 20 % share", steady(0.2, 0.9)],
    ["drifting .95 ↔ .70", drifting()],
    ["staged 20 → 50 → 90 %", staged()],
    ["50 heavy users, divided per session", heavyUsers("session")],
  ];
  for (const [index, [name, scenario]] of unchanged.entries()) {
    const { share } = alarmShare({ seed: index + 1, runs: RUNS, sessions: SESSIONS, ...scenario });
    report.figure({
      name: `false rollbacks, ${name}`,
      value: percent(share),
      unit: "%",
      goal: "≤ 5 %",
      isReached: share <= 0.05,
    });
  }
}

function controls(report: BenchReport): void {
  const options = { seed: 6, runs: CONTROL_RUNS, sessions: SESSIONS };
  const naive: readonly (readonly [string, number])[] = [
    ["z-test looked at after every session", zTestAlarmShare(options)],
    ["50 heavy users, divided per user", alarmShare({ ...options, ...heavyUsers("user") }).share],
  ];
  for (const [name, share] of naive) {
    report.figure({
      name: `control: false rollbacks, ${name}`,
      value: percent(share),
      unit: "%",
      goal: "> 15 %",
      isReached: share > 0.15,
    });
  }
}

function power(report: BenchReport): void {
  const { shareBy } = alarmShare({ seed: 8, runs: RUNS, sessions: 1600, ...steady(0.2, 0.9, 0.8) });
  for (const [limit, goal] of [
    [1000, 0.8],
    [1600, 0.95],
  ] as const) {
    report.figure({
      name: `.90 → .80 at 20 % share, caught within ${limit.toLocaleString("en-US")} sessions`,
      value: percent(shareBy(limit)),
      unit: "%",
      goal: `≥ ${percent(goal)} %`,
      isReached: shareBy(limit) >= goal,
    });
  }
}

/** An unchanged canary: nearly every rollout is simulated to its last session. */
function pace(report: BenchReport): void {
  const scale = FULL_SIZE / (RUNS * SESSIONS);
  const [startedAt, processorBefore] = [performance.now(), process.cpuUsage()];
  alarmShare({ seed: 10, runs: RUNS, sessions: SESSIONS, ...steady(0.2, 0.9) });
  const seconds = ((performance.now() - startedAt) / 1000) * scale;
  const { user, system } = process.cpuUsage(processorBefore);
  const processorSeconds = ((user + system) / 1e6) * scale;
  report.figure({
    name: "10,000 × 3,000 sessions simulated",
    value: seconds,
    unit: "s",
    goal: `≤ ${GOAL_SECONDS} s`,
    isReached: seconds <= GOAL_SECONDS,
    note: `${processorSeconds.toFixed(2)} s of processor time${isQuick ? `, from ${RUNS.toLocaleString("en-US")} rollouts` : ""}`,
  });
}
