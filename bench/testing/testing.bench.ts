import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { BenchReport } from "../bench-report.ts";
import { inProcess } from "../registry/measure.ts";
import { CONNECTIONS, completions, IN_FLIGHT } from "./completions.ts";

const isQuick = process.env.BENCH_QUICK === "1";
const PROCESSES = isQuick ? 1 : 5;
const STARTS = isQuick ? 5 : 20;

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** How quickly twins start, how many answers the Models twin gives, what they leave in memory, and what the import pulls in. */
export async function run(report: BenchReport): Promise<void> {
  await starts(report);
  await rehearsals(report);
  for (const mode of ["logged", "unlogged"] as const) await completions(report, mode);
  importsOf(report);
  report.note(
    `Chat completions: the twin in one process, ${CONNECTIONS} keep-alive connections with ${IN_FLIGHT} requests in flight ` +
      "from another, each a request of its own over loopback, nothing pipelined. `logged` is what every test gets: request log, " +
      "secrets guard, faults; `unlogged` is `isLogged: false`.",
  );
}

async function starts(report: BenchReport): Promise<void> {
  const first: number[] = [];
  const later: number[] = [];
  for (let index = 0; index < PROCESSES; index += 1) {
    const [cold = Number.NaN, ...warm] = await inProcess<number[]>(process.execPath, [
      file("start-times.ts"),
      String(STARTS),
    ]);
    first.push(cold);
    later.push(...warm);
  }
  const figure = (name: string, valueMs: number) =>
    report.figure({ name, value: valueMs, unit: "ms", goal: "≤ 150 ms", isReached: valueMs <= 150 });
  figure(`start of all twins, first in a process, worst of ${PROCESSES}`, Math.max(...first));
  figure(`start of all twins, later, worst of ${later.length}`, Math.max(...later));
}

async function rehearsals(report: BenchReport): Promise<void> {
  const rounds = await inProcess<readonly { readonly realMs: number; readonly virtualHours: number }[]>(
    process.execPath,
    [file("rehearsal.ts"), String(isQuick ? 2 : 6)],
  );
  const warm = rounds.slice(1).map(({ realMs }) => realMs);
  const middleMs = warm.sort((left, right) => left - right)[warm.length >> 1] ?? Number.NaN;
  report.figure({
    name: `a job and its endpoint, ${rounds[0]?.virtualHours.toFixed(1)} hours on the virtual clock, twins included`,
    value: middleMs,
    unit: "ms",
    goal: "< 1,000 ms",
    isReached: middleMs < 1000,
    note: `the first in a process ${rounds[0]?.realMs.toFixed(0)} ms`,
  });
}

function importsOf(report: BenchReport): void {
  const noteImports = fileURLToPath(
    new URL("../../packages/testing/test-support/note-imports.ts", import.meta.url),
  );
  const { stderr, status } = spawnSync(
    process.execPath,
    ["--import", noteImports, "--input-type=module", "-e", 'await import("@modelops/testing");'],
    { encoding: "utf8", cwd: file(".") },
  );
  if (status !== 0) throw new Error(stderr);
  const imported = stderr.split("\n").filter((line) => line.startsWith("imported "));
  const runners = imported.filter((line) => /vitest|node:test|[/@]jest|mocha|ava\/|node-tap/.test(line));
  report.figure({
    name: "test runners that importing @modelops/testing pulls in",
    value: runners.length,
    unit: `of ${new Set(imported).size} modules`,
    goal: "none",
    isReached: runners.length === 0 && imported.length > 50,
  });
}
