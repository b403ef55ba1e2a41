import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What one process measured about one evaluation. */
export interface Measurement {
  readonly milliseconds: number;
  /** Of all threads. */
  readonly cpuMilliseconds: number;
  /** Greatest resident memory of the process above what it had before the evaluation. */
  readonly aboveIdleMiB: number;
}

const LIMIT_MS = 300_000;

/** Runs a case of `one-case.ts` in a process of its own. A text says why there is no measurement. */
export function measure(name: string, count: number, peerFolder?: string): Promise<Measurement | string> {
  const script = fileURLToPath(new URL("one-case.ts", import.meta.url));
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, name, String(count)], {
      stdio: ["ignore", "ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        BENCH_PEER: peerFolder ?? "",
        PROMPTFOO_DISABLE_TELEMETRY: "1",
        PROMPTFOO_DISABLE_UPDATE: "1",
        LANGSMITH_TRACING: "false",
        LANGSMITH_API_KEY: "unused",
      },
    });
    let errors = "";
    let result = "";
    child.stdio[2]?.on("data", (chunk) => {
      // Some peers write a line per example.
      errors = (errors + String(chunk)).slice(-2000);
    });
    child.stdio[3]?.on("data", (chunk) => {
      result += String(chunk);
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    child.on("close", (_code, signal) => {
      clearTimeout(timer);
      if (result) resolve(JSON.parse(result) as Measurement);
      else if (signal) resolve(`not finished after ${LIMIT_MS / 1000} s`);
      else resolve(`failed: ${errors.slice(-300)}`);
    });
  });
}
