import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createModelOps, hfJobs, type TrainingJob } from "@modelops/core";
import type { BenchReport } from "../bench-report.ts";
import { cutLog } from "./cut-log.ts";

const isQuick = process.env.BENCH_QUICK === "1";
const LATENCY_EVENTS = isQuick ? 40 : 400;
const LATENCY_EVERY_MS = 50;
const LINES_PER_SECOND = 10_000;
const SECONDS = isQuick ? 2 : 10;
const BURST_MS = 50;
const CUTS = 50;

/** From the log of a job on the Jobs twin to `for await`: how late, how many, and whether each once. */
export async function run(report: BenchReport): Promise<void> {
  report.note(
    "The Hub twin runs in a process of its own; jobs are followed through `hfJobs()` over a loopback socket. Latency: from the time that a line is printed with to its event in `job.events()`, while the trainer also follows the job and stores its events in SQLite.",
  );
  await latency(report);
  await throughput(report);
  const cut = await cutLog(CUTS);
  report.figure({
    name: `a log cut ${CUTS} times: lines delivered once`,
    value: cut.once,
    unit: `of ${cut.lines}`,
    goal: "all, none twice",
    isReached: cut.once === cut.lines && cut.twice === 0 && cut.cuts === CUTS,
    note: `${cut.cuts} connections cut, ${cut.twice} lines twice`,
  });
}

async function latency(report: BenchReport): Promise<void> {
  await withJob(["steps", LATENCY_EVENTS, LATENCY_EVERY_MS, 1], async (job) => {
    const lateMs: number[] = [];
    for await (const event of job.events()) {
      if (event.type !== "training.progress") continue;
      const sentMs = event.data.metrics.sent_ms;
      if (sentMs !== undefined) lateMs.push(Date.now() - sentMs);
    }
    lateMs.sort((one, other) => one - other);
    const at = (share: number) => lateMs[Math.floor(share * (lateMs.length - 1))] ?? Number.NaN;
    report.figure({ name: "event latency, p50", value: at(0.5), unit: "ms" });
    report.figure({
      name: "event latency, p99",
      value: at(0.99),
      unit: "ms",
      goal: "≤ 100 ms",
      isReached: lateMs.length === LATENCY_EVENTS && at(0.99) <= 100,
      note: `${lateMs.length} of ${LATENCY_EVENTS} events, one per ${LATENCY_EVERY_MS} ms; longest ${at(1)} ms`,
    });
  });
}

async function throughput(report: BenchReport): Promise<void> {
  const count = LINES_PER_SECOND * SECONDS;
  const perBurst = (LINES_PER_SECOND * BURST_MS) / 1000;
  await withJob(["lines", count, BURST_MS, perBurst], async (job) => {
    let [next, wrong] = [1, 0];
    let firstMs: number | null = null;
    let lastMs = 0;
    const cpu = process.cpuUsage();
    for await (const { body } of job.log()) {
      if (body.kind !== "output") continue;
      firstMs ??= performance.now();
      lastMs = performance.now();
      if (body.line !== `line ${next}`) wrong += 1;
      next += 1;
    }
    const usage = process.cpuUsage(cpu);
    const seconds = (lastMs - (firstMs ?? 0)) / 1000;
    const received = next - 1;
    // The first burst came at once: the time is that of the others.
    const perSecond = (received - perBurst) / seconds;
    report.figure({
      name: "log lines delivered",
      value: received,
      unit: `of ${count}`,
      goal: "all, in order",
      isReached: received === count && wrong === 0,
      note: `${wrong} out of place`,
    });
    report.figure({
      name: "log lines per second",
      value: perSecond,
      unit: "per s",
      goal: "10,000 per s (98 % of it)",
      // The job itself prints no faster; what counts is that nothing piles up.
      isReached: perSecond >= 0.98 * LINES_PER_SECOND,
      note: `the job prints ${LINES_PER_SECOND} a second; two followers took ${((usage.user + usage.system) / 1e6 / seconds).toFixed(2)} cores`,
    });
  });
}

async function withJob(
  args: readonly (string | number)[],
  follow: (job: TrainingJob) => Promise<void>,
): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "modelops-bench-trainer-"));
  const hub = spawn(
    process.execPath,
    [
      "--disable-warning=ExperimentalWarning",
      fileURLToPath(new URL("hub-process.ts", import.meta.url)),
      ...args.map(String),
    ],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  try {
    const lines = createInterface({ input: hub.stdout })[Symbol.asyncIterator]();
    const { url, token } = JSON.parse((await lines.next()).value ?? "") as { url: string; token: string };
    const backend = hfJobs({ namespace: "alice", hubUrl: url, token });
    await using ops = createModelOps({ home, backend, hub: { hubUrl: url, token } });
    const job = await ops.trainer.train({
      agent: "bench",
      baseModel: "acme/tiny-500m",
      dataset: Array.from({ length: 12 }, (_, index) => ({ prompt: `say ${index}`, completion: `${index}` })),
      hardware: "cpu-basic",
    });
    await follow(job);
    // The job pushes no model: its failure is none of this bench.
    await job.result().catch(() => {});
  } finally {
    hub.stdin.end();
    await rm(home, { recursive: true, force: true });
  }
}
