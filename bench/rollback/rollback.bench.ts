import {
  type Breach,
  quantile,
  startRehearsal,
} from "../../packages/core/test-support/rollback-rehearsal.ts";
import type { BenchReport } from "../bench-report.ts";

const isQuick = process.env.BENCH_QUICK === "1";
const PROCESSES = 4;
const ROLLBACKS = isQuick ? 10 : 200;
const BREACHES = isQuick ? 2 : 10;
const GOAL_MS = 2000;

/** How long a rollback takes until it is proven, and what a fault of a canary does until then. */
export async function run(report: BenchReport): Promise<void> {
  await measureRollbacks(report);
  await measureBreaches(report);
  report.note(
    `${PROCESSES} processes answer sessions through routers without pause, on the machine that rolls back. A breach is a canary ` +
      "with 20 % of the sessions that begins to give errors; `watch()` and the routers run with their defaults, and the baseline " +
      "answers each failed session.",
  );
}

async function measureRollbacks(report: BenchReport): Promise<void> {
  const rehearsal = await startRehearsal({ processes: PROCESSES });
  const parts = {
    "table published": [] as number[],
    "all routers acknowledged": [] as number[],
    "last request on the removed version over": [] as number[],
    "test call answered": [] as number[],
  };
  const totals: number[] = [];
  let unproven = 0;
  try {
    for (let index = 0; index < ROLLBACKS; index += 1) {
      const proof = await rehearsal.rollback();
      if (!proof.complete) unproven += 1;
      parts["table published"].push(proof.tablePublishedMs);
      parts["all routers acknowledged"].push(proof.routersAcknowledgedMs ?? Number.NaN);
      parts["last request on the removed version over"].push(proof.lastRequestEndedMs ?? Number.NaN);
      parts["test call answered"].push(proof.probeAnsweredMs ?? Number.NaN);
      totals.push(proof.totalMs);
    }
  } finally {
    await rehearsal.end();
  }
  const p99 = quantile(totals, 0.99);
  report.figure({ name: "rollback, call to verified, p50", value: quantile(totals, 0.5), unit: "ms" });
  report.figure({
    name: "rollback, call to verified, p99",
    value: p99,
    unit: "ms",
    goal: `≤ ${GOAL_MS / 1000} s`,
    isReached: p99 <= GOAL_MS,
    note: `${ROLLBACKS} rollbacks, worst ${quantile(totals, 1).toFixed(0)} ms`,
  });
  for (const [name, times] of Object.entries(parts)) {
    report.figure({
      name: `of it: ${name}, p50`,
      value: quantile(times, 0.5),
      unit: "ms",
      note: `p99 ${quantile(times, 0.99).toFixed(0)} ms`,
    });
  }
  report.figure({
    name: "rollbacks that could not be proven whole",
    value: unproven,
    unit: `of ${ROLLBACKS}`,
    goal: "0",
    isReached: unproven === 0,
  });
}

async function measureBreaches(report: BenchReport): Promise<void> {
  const rehearsal = await startRehearsal({ processes: PROCESSES, flushEveryMs: 1000 });
  let breaches: readonly Breach[] = [];
  try {
    for (let index = 0; index < BREACHES; index += 1) await rehearsal.breach();
  } finally {
    breaches = await rehearsal.end();
  }
  const figure = (name: string, unit: string, values: readonly number[]) =>
    report.figure({
      name: `${name}, p50 of ${BREACHES}`,
      value: quantile(values, 0.5),
      unit,
      note: `worst ${quantile(values, 1).toFixed(0)} ${unit}`,
    });
  figure(
    "breach to last bad request",
    "ms",
    breaches.map((breach) => breach.lastBadRequestMs),
  );
  figure(
    "breach to verified rollback",
    "ms",
    breaches.map((breach) => breach.rolledBackMs),
  );
  figure(
    "bad requests per breach, all answered by the baseline",
    "requests",
    breaches.map((breach) => breach.badRequests),
  );
}
