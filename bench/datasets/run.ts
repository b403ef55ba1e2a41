import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Check and export of a million rows (about 300 MB of JSON Lines), each in a process of its own, and the same work with
 * Python `datasets`: `node bench/datasets/run.ts [rows]`. The peer runs when BENCH_PYTHON names an interpreter that has
 * the package; without it the line is left out and said so.
 */
interface Measurement {
  readonly milliseconds: number;
  readonly cpuMilliseconds: number;
  readonly peakMiB: number;
  readonly rows: number;
}

const WORDS =
  "please order parcel where return refund invoice change address cancel subscription today tomorrow shipment broken missing blue red large small shirt mug lamp table with without again never always".split(
    " ",
  );
const SEED = 42;

async function writeRows(path: string, rows: number): Promise<void> {
  const file = createWriteStream(path);
  let state = SEED;
  const word = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return WORDS[state % WORDS.length];
  };
  for (let row = 0; row < rows; row += 1) {
    const prompt = `${row}: ${Array.from({ length: 30 }, word).join(" ")}`;
    const completion = JSON.stringify({ answer: Array.from({ length: 8 }, word).join(" ") });
    const isBuffered = file.write(`${JSON.stringify({ prompt, completion, source: "generated" })}\n`);
    if (!isBuffered) await new Promise<void>((resolve) => file.once("drain", () => resolve()));
  }
  await new Promise<void>((resolve, reject) => {
    file.once("error", reject);
    file.end(() => resolve());
  });
}

function measure(command: string, args: readonly string[], descriptor: number): Promise<Measurement> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit", "pipe"] });
    let text = "";
    child.stdio[descriptor]?.on("data", (chunk) => {
      text += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(text));
      else reject(new Error(`${command} ended with ${code}`));
    });
  });
}

const rows = Number(process.argv[2] ?? (process.env.BENCH_QUICK === "1" ? 20_000 : 1_000_000));
const folder = await mkdtemp(join(tmpdir(), "modelops-bench-"));
try {
  const path = join(folder, "rows.jsonl");
  await writeRows(path, rows);
  const megabytes = (await stat(path)).size / 1e6;
  console.log(
    `${rows} rows, ${megabytes.toFixed(0)} MB, seed ${SEED}; ${cpus().length} × ${cpus()[0]?.model}; node ${process.version}`,
  );
  const line = (name: string, { milliseconds, cpuMilliseconds, peakMiB }: Measurement) =>
    console.log(
      `${name.padEnd(34)} ${(milliseconds / 1000).toFixed(2)} s, ${((megabytes * 1000) / milliseconds).toFixed(1)} MB/s; CPU ${(cpuMilliseconds / 1000).toFixed(2)} s, ${((megabytes * 1000) / cpuMilliseconds).toFixed(1)} MB/s; peak ${peakMiB.toFixed(0)} MiB`,
    );
  const script = fileURLToPath(new URL("one-case.ts", import.meta.url));
  for (const what of ["check", "export"]) {
    line(
      `@modelops/core ${what}`,
      await measure(process.execPath, ["--no-warnings", script, what, path, join(folder, "out.jsonl")], 3),
    );
  }
  const python = process.env.BENCH_PYTHON;
  const peer = fileURLToPath(new URL("peer.py", import.meta.url));
  if (python)
    line(
      "Python datasets load, filter, map",
      await measure(python, [peer, path, join(folder, "peer.jsonl"), join(folder, "cache")], 1),
    );
  else console.log("Python datasets: left out, set BENCH_PYTHON to an interpreter that has it");
} finally {
  await rm(folder, { recursive: true, force: true });
}
