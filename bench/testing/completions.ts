import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Pool } from "undici";
import type { BenchReport } from "../bench-report.ts";

const isQuick = process.env.BENCH_QUICK === "1";
const WARM_UP = isQuick ? 500 : 10_000;
const REQUESTS = isQuick ? 1000 : 50_000;
export const CONNECTIONS = 16;
export const IN_FLIGHT = 64;

/** What the process of the twin says about itself. */
interface Usage {
  readonly heapMiB: number;
  readonly residentMiB: number;
  readonly cpuMs: number;
  readonly requests: number;
}

/** Answers per second of a Models twin in a process of its own, and what they leave in its memory. */
export async function completions(report: BenchReport, mode: "logged" | "unlogged"): Promise<void> {
  const flags = ["--expose-gc", "--disable-warning=ExperimentalWarning"];
  const server = spawn(
    process.execPath,
    [...flags, fileURLToPath(new URL("models-server.ts", import.meta.url)), mode],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  const next = async <Value>() => JSON.parse((await lines.next()).value ?? "") as Value;
  const usage = () => {
    server.stdin.write("usage\n");
    return next<Usage>();
  };
  const { baseUrl } = await next<{ readonly baseUrl: string }>();
  const { origin, pathname } = new URL(baseUrl);
  const pool = new Pool(origin, { connections: CONNECTIONS });
  const ask = async (question: number) => {
    const { statusCode, body } = await pool.request({
      path: `${pathname}/chat/completions`,
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer sk-bench-0123456789" },
      body: JSON.stringify({ model: "m", messages: [{ role: "user", content: `Question ${question}` }] }),
    });
    const text = await body.text();
    if (statusCode !== 200 || !text.includes(`Question ${question} `))
      throw new Error(`${statusCode}: ${text}`);
  };
  try {
    await inParallel(WARM_UP, ask);
    const before = await usage();
    const startedAt = performance.now();
    await inParallel(REQUESTS, ask);
    const seconds = (performance.now() - startedAt) / 1000;
    const after = await usage();
    const answered = after.requests - before.requests;
    if (answered !== REQUESTS) throw new Error(`${answered} of ${REQUESTS} requests arrived`);
    const perSecond = REQUESTS / seconds;
    report.figure({
      name: `chat completions through the Models twin, ${mode}`,
      value: perSecond,
      unit: "per s",
      goal: "≥ 3,000 per s",
      isReached: perSecond >= 3000,
      note: `${(((after.cpuMs - before.cpuMs) * 1000) / REQUESTS).toFixed(0)} µs of processor time each`,
    });
    report.figure({
      name: `memory that ${REQUESTS.toLocaleString("en-US")} more requests leave, ${mode}`,
      value: after.heapMiB - before.heapMiB,
      unit: "MiB",
      note: `process: ${after.residentMiB.toFixed(0)} MiB`,
    });
  } finally {
    await pool.close();
    server.stdin.end();
  }
}

async function inParallel(count: number, ask: (index: number) => Promise<void>): Promise<void> {
  let asked = 0;
  const asker = async () => {
    while (asked < count) await ask(asked++);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, asker));
}
