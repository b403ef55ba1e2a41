import { spawn, spawnSync } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BenchReport } from "../bench-report.ts";
import { benchUv } from "../bench-uv.ts";

const isQuick = process.env.BENCH_QUICK === "1";
const ROWS = isQuick ? 20_000 : 1_000_000;
const TURNS = isQuick ? 1 : 3;
const SEED = 42;
const PEER = "datasets==5.2.0";
const WORDS =
  "please order parcel where return refund invoice change address cancel subscription today tomorrow shipment broken missing blue red large small shirt mug lamp table with without again never always".split(
    " ",
  );

interface Measurement {
  readonly milliseconds: number;
  readonly cpuMilliseconds: number;
  readonly peakBytes: number;
  readonly rows: number;
  readonly version: string;
}

/**
 * Check, and check with export, of a million rows (about 330 MB of JSON Lines): each in a process of its own that loads the
 * library as it is published, in turns with the same work by Python `datasets`. Loading of the libraries is not counted.
 */
export async function run(report: BenchReport): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "modelops-bench-"));
  try {
    const path = join(folder, "rows.jsonl");
    await writeRows(path);
    const megabytes = (await stat(path)).size / 1e6;
    const own = ownCase(buildLibrary(), path, join(folder, "out.jsonl"));
    const peer = await peerCase(report, path, folder);
    const times: Record<string, Measurement[]> = { check: [], export: [], peer: [] };
    for (let turn = 0; turn < TURNS; turn += 1) {
      times.check?.push(await own("check"));
      times.export?.push(await own("export"));
      if (peer) times.peer?.push(await peer(turn));
    }
    const check = best(times.check ?? []);
    const exported = best(times.export ?? []);
    for (const [name, found] of [
      ["check of 1,000,000 rows", check],
      ["check and export of 1,000,000 rows", exported],
    ] as const) {
      const rate = (megabytes * 1000) / found.cpuMilliseconds;
      report.figure({
        name: isQuick ? name.replace("1,000,000", "20,000") : name,
        value: rate,
        unit: "MB per second of one core",
        ...(!isQuick && { goal: "≥ 60 MB/s", isReached: rate >= 60 }),
        note: `${megabytes.toFixed(0)} MB; ${((megabytes * 1000) / found.milliseconds).toFixed(1)} MB/s by the clock`,
      });
    }
    const peak = Math.max(
      ...[...(times.check ?? []), ...(times.export ?? [])].map(({ peakBytes }) => peakBytes),
    );
    report.figure({
      name: "largest memory of these processes",
      value: peak / 1e6,
      unit: "MB",
      ...(!isQuick && { goal: "≤ 200 MB", isReached: peak <= 200e6 }),
    });
    const [first] = times.peer ?? [];
    if (!first) return;
    const other = best(times.peer ?? []);
    report.version("Python datasets", first.version);
    report.figure({
      name: "check and export to Python datasets (load, map, to_json), by the clock",
      value: other.milliseconds / exported.milliseconds,
      unit: "× as fast",
      goal: "ahead",
      isReached: exported.milliseconds < other.milliseconds,
      note: `${(exported.milliseconds / 1000).toFixed(1)} s to ${(other.milliseconds / 1000).toFixed(1)} s; CPU ${(exported.cpuMilliseconds / 1000).toFixed(1)} s to ${(other.cpuMilliseconds / 1000).toFixed(1)} s`,
    });
    report.figure({
      name: "memory of Python datasets",
      value: Math.max(...(times.peer ?? []).map(({ peakBytes }) => peakBytes)) / 1e6,
      unit: "MB",
      note: "it does not look for faults, repeats, secrets or lengths",
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeRows(path: string): Promise<void> {
  const file = createWriteStream(path);
  let state = SEED;
  const word = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return WORDS[state % WORDS.length];
  };
  for (let row = 0; row < ROWS; row += 1) {
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

/** What users load: the source would have to be stripped of its types at every start. */
function buildLibrary(): string {
  const core = fileURLToPath(new URL("../../packages/core/", import.meta.url));
  const tsup = fileURLToPath(new URL("../../node_modules/tsup/dist/cli-default.js", import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [tsup, "--silent"], { cwd: core, encoding: "utf8" });
  if (status !== 0) throw new Error(`The library could not be built: ${stderr}`);
  return new URL("../../packages/core/dist/index.js", import.meta.url).href;
}

function ownCase(library: string, path: string, output: string): (what: string) => Promise<Measurement> {
  const script = fileURLToPath(new URL("one-case.mjs", import.meta.url));
  return (what) => measure(process.execPath, ["--no-warnings", script, what, library, path, output], 3);
}

async function peerCase(
  report: BenchReport,
  path: string,
  folder: string,
): Promise<((turn: number) => Promise<Measurement>) | null> {
  const name = "Python datasets";
  if (isQuick) {
    report.skip(name, "left out of the quick run");
    return null;
  }
  try {
    const [command = "uv", ...rest] = await benchUv();
    const start = [...rest, "run", "--quiet", "--no-project", "--with", PEER, "python"];
    // Fetched and loaded once before anything is measured.
    const probe = spawnSync(command, [...start, "-c", "import datasets"], { encoding: "utf8" });
    if (probe.status !== 0) throw new Error(probe.stderr.trim().split("\n").at(-1));
    const script = fileURLToPath(new URL("peer.py", import.meta.url));
    return (turn) =>
      measure(
        command,
        [...start, script, path, join(folder, "peer.jsonl"), join(folder, `cache-${turn}`)],
        1,
      );
  } catch (error) {
    report.skip(name, `it did not run here: ${(error as Error).message.slice(0, 200)}`);
    return null;
  }
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
      if (code === 0) resolve(JSON.parse(text) as Measurement);
      else reject(new Error(`${command} ended with ${code}`));
    });
  });
}

/** The turn that was disturbed least. */
function best(measurements: readonly Measurement[]): Measurement {
  const [first] = measurements.toSorted((one, other) => one.cpuMilliseconds - other.cpuMilliseconds);
  if (!first) throw new Error("nothing was measured");
  return first;
}
