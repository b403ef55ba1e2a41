import { spawn } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";

/**
 * Overhead of the evaluator per example against its peers, in one go on one machine: `node bench/evaluator/run.ts`.
 * Every number is a process of its own. Peers that are not installed are named and left out: install `langsmith`,
 * `braintrust` and `promptfoo` in any folder and pass it as BENCH_PEERS.
 */
interface Measurement {
  readonly milliseconds: number;
  readonly idleMiB: number;
  readonly peakMiB: number;
}

const LIMIT_MS = 300_000;

function measure(name: string, count: number): Promise<Measurement | string> {
  const script = fileURLToPath(new URL("one-case.ts", import.meta.url));
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, name, String(count)], {
      stdio: ["ignore", "ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        PROMPTFOO_DISABLE_TELEMETRY: "1",
        PROMPTFOO_DISABLE_UPDATE: "1",
        LANGSMITH_TRACING: "false",
        LANGSMITH_API_KEY: "unused",
      },
    });
    let errors = "";
    let result = "";
    child.stdio[2]?.on("data", (chunk) => {
      errors += String(chunk);
    });
    child.stdio[3]?.on("data", (chunk) => {
      result += String(chunk);
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    child.on("close", (_code, signal) => {
      clearTimeout(timer);
      if (result) resolve(JSON.parse(result));
      else if (signal) resolve(`not finished after ${LIMIT_MS / 1000} s`);
      else
        resolve(
          /Cannot find (?:module|package)/.test(errors) ? "not installed" : `failed: ${errors.slice(-300)}`,
        );
    });
  });
}

async function best(name: string, count: number, repeats: number): Promise<Measurement | string> {
  let fastest: Measurement | string = "not run";
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const measured = await measure(name, count);
    if (typeof measured === "string") return measured;
    if (typeof fastest === "string" || measured.milliseconds < fastest.milliseconds) fastest = measured;
  }
  return fastest;
}

function line(name: string, count: number, measured: Measurement | string): string {
  if (typeof measured === "string") return `${name.padEnd(16)}${String(count).padStart(8)}  ${measured}`;
  const perExample = (measured.milliseconds / count).toFixed(4);
  const memory = (measured.peakMiB - measured.idleMiB).toFixed(0);
  return `${name.padEnd(16)}${String(count).padStart(8)}${perExample.padStart(14)} ms${memory.padStart(10)} MiB`;
}

console.log(
  `node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}; best of 3, peers best of 1`,
);
console.log(
  `${"case".padEnd(16)}${"examples".padStart(8)}${"per example".padStart(17)}${"above idle".padStart(14)}`,
);
const isQuick = process.env.BENCH_QUICK === "1";
const own = await best("modelops", 10_000, isQuick ? 1 : 3);
console.log(line("modelops", 10_000, own));
if (!isQuick) await compareWithPeers();

async function compareWithPeers(): Promise<void> {
  const large = await best("modelops", 100_000, 3);
  console.log(line("modelops", 100_000, large));
  for (const name of ["langsmith", "braintrust", "promptfoo"]) {
    const measured = await best(name, 10_000, 1);
    console.log(line(name, 10_000, measured));
    if (typeof own !== "string" && typeof measured !== "string") {
      console.log(
        `${"".padEnd(16)}modelops is ${(measured.milliseconds / own.milliseconds).toFixed(1)} times as fast`,
      );
    }
  }
  const COUNT = 5_000;
  const slow = await best("modelops-50ms", COUNT, 1);
  console.log(line("modelops-50ms", COUNT, slow));
  if (typeof slow !== "string") {
    const ideal = (Math.ceil(COUNT / 64) * 50) / slow.milliseconds;
    console.log(
      `${"".padEnd(16)}${(ideal * 100).toFixed(1)} % of the ideal throughput at concurrency 64 (a 50 ms model)`,
    );
  }
}
