import { spawn } from "node:child_process";

/** Sorted times with the quantiles that are reported. */
export interface Times {
  readonly p50: number;
  readonly p99: number;
  readonly totalMs: number;
}

/** Milliseconds of each call, one after the other. */
export async function timeEach(count: number, call: (index: number) => Promise<unknown>): Promise<Times> {
  const times: number[] = [];
  const startedAt = performance.now();
  for (let index = 0; index < count; index += 1) {
    const before = performance.now();
    await call(index);
    times.push(performance.now() - before);
  }
  const totalMs = performance.now() - startedAt;
  times.sort((left, right) => left - right);
  const at = (share: number) =>
    times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), totalMs };
}

/** Runs a file as a process of its own and gives its last line as JSON. */
export function inProcess<Result>(command: string, commandArguments: readonly string[]): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, commandArguments, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    child.stdout.on("data", (chunk) => {
      output += String(chunk);
    });
    child.stderr.on("data", (chunk) => {
      errors += String(chunk);
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(output.trim().split("\n").at(-1) ?? "") as Result);
      else reject(new Error(errors.split("\n").find((line) => /error/i.test(line)) ?? `ended with ${code}`));
    });
  });
}
