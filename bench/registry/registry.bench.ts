import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sqliteStore } from "@modelops/core";
import type { BenchReport } from "../bench-report.ts";
import { benchUv } from "../bench-uv.ts";
import { jsonPeer } from "./json-peer.ts";
import { inProcess, type Times, timeEach } from "./measure.ts";
import { benchRegistry, registerAndPoint, TRAINING_CONFIG } from "./own-pairs.ts";

const MLFLOW = "mlflow==3.17.2";
const PAIRS_A_TURN = 40;
const TURNS = 6;
const MLFLOW_WARM_UP = 200;
const MLFLOW_PAIRS = 1000;
const PEER_VERSIONS = 1000;
const isQuick = process.env.BENCH_QUICK === "1";
const LARGE = isQuick ? 2_000 : 100_000;
const COMMITS = isQuick ? 200 : 2_000;
const GROWTH_COMMITS = isQuick ? 200 : 3_000;
const PROCESSES = 4;
const CHANGES_EACH = isQuick ? 25 : 250;
const many = (count: number) => count.toLocaleString("en-US");

interface Sized {
  readonly commit: Times;
  readonly change: Times;
  readonly list: Times;
  readonly verifyMs: number;
  readonly auditRows: number;
  /** Resident size of the process after the commits. */
  readonly memoryMiB: number;
}

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Times of the registry, and how often it commits compared with a JSON file and with MLflow. */
export async function run(report: BenchReport): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "modelops-bench-"));
  const measureFilled = async (versions: number) => {
    const path = join(folder, `${versions}.db`);
    await inProcess(process.execPath, [file("one-size.ts"), path, String(versions), "0"]);
    return () =>
      inProcess<Sized>(process.execPath, [file("one-size.ts"), path, String(versions), String(COMMITS)]);
  };
  const measures = {
    small: await measureFilled(100),
    middle: await measureFilled(PEER_VERSIONS),
    large: await measureFilled(LARGE),
  };
  const small = await measures.small();
  const medium = await measures.middle();
  const large = await measures.large();
  const growth = await growthOf(folder);
  rmSync(folder, { recursive: true });

  for (const [versions, result] of [
    ["100", small],
    ["1,000", medium],
    [many(LARGE), large],
  ] as const) {
    const { p50, p99 } = result.commit;
    report.figure({
      name: `commit with ${versions} versions, p50`,
      value: p50,
      unit: "ms",
      goal: "≤ 1 ms",
      isReached: p50 <= 1,
    });
    report.figure({
      name: `commit with ${versions} versions, p99`,
      value: p99,
      unit: "ms",
      goal: "≤ 50 ms",
      isReached: p99 <= 50,
    });
    report.figure({
      name: `addVersion with ${versions} versions, p50`,
      value: result.change.p50,
      unit: "ms",
    });
  }
  report.figure({
    name: `commit p50, ${many(LARGE)} to 100 versions`,
    value: growth,
    unit: "×",
    goal: "≤ 1.5×",
    isReached: growth <= 1.5,
  });
  report.figure({
    name: `memory of a process after ${many(COMMITS)} commits to 100 versions`,
    value: small.memoryMiB,
    unit: "MiB",
  });
  report.figure({
    name: `the same to ${many(LARGE)} versions`,
    value: large.memoryMiB,
    unit: "MiB",
  });
  report.figure({
    name: `list 50 of ${many(LARGE)}, p50`,
    value: large.list.p50,
    unit: "ms",
    goal: "≤ 2 ms",
    isReached: large.list.p50 <= 2,
  });
  report.figure({
    name: `verify ${large.auditRows.toLocaleString("en-US")} audit rows`,
    value: large.verifyMs,
    unit: "ms",
    goal: "≤ 2,000 ms",
    isReached: large.verifyMs <= 2000,
  });
  await manyProcesses(report);
  await peers(report);
  report.note(
    "A commit holds a version, a pointer move, an audit row and an event, with fsync. `register + point` is addVersion " +
      "and setCurrent (two durable commits, the second with the audit checkpoint); for MLflow create_model_version and " +
      "set_registered_model_alias; for the JSON file two read-change-write rounds with a backup each, without fsync. MLflow's " +
      "rate falls as its versions grow, so each side is measured at about a thousand.",
  );
}

/** Both sizes take turns, so that a busy moment of the machine hits both. */
async function growthOf(folder: string): Promise<number> {
  const stores = ["100.db", `${LARGE}.db`].map((name) => sqliteStore({ path: join(folder, name) }));
  const times = stores.map((): number[] => []);
  const at = new Date(0).toISOString();
  for (let index = 0; index < GROWTH_COMMITS; index += 1) {
    for (const [place, store] of stores.entries()) {
      const version = `v2.${index}.0`;
      const order = `${at}/${String(index).padStart(12, "0")}`;
      const value = { version, text: "x".repeat(600) };
      const before = performance.now();
      await store.commit({
        agent: "bench",
        expectedRev: null,
        at,
        puts: [
          { collection: "versions", key: version, order, terms: ["status:not_deployed"], value },
          { collection: "pointer-moves", key: order, order, value: { version } },
        ],
        audit: [{ action: "version.add", actor: { type: "service", id: "bench" }, subject: version }],
      });
      times[place]?.push(performance.now() - before);
    }
  }
  for (const store of stores) await store.close();
  const [small = Number.NaN, large = Number.NaN] = times.map(
    (list) => list.sort((a, b) => a - b)[list.length >> 1],
  );
  return large / small;
}

async function manyProcesses(report: BenchReport): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "modelops-bench-"));
  const path = join(folder, "modelops.db");
  const startedAt = performance.now();
  const names = await Promise.all(
    Array.from({ length: PROCESSES }, (_, index) =>
      inProcess<string[]>(process.execPath, [file("adder.ts"), path, String(CHANGES_EACH), `p${index}`]),
    ),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const acknowledged = names.flat();
  const store = sqliteStore({ path });
  const { records } = await store.list({ collection: "versions", agent: "feature_dev", limit: 10_000 });
  await store.close();
  rmSync(folder, { recursive: true });
  const isGapFree = records.every((_, index) => acknowledged.includes(`v1.${index}.0`));
  const total = PROCESSES * CHANGES_EACH;
  const isReached = records.length === total && new Set(acknowledged).size === total && isGapFree;
  report.figure({
    name: `${PROCESSES} processes × ${CHANGES_EACH} changes of one agent: stored`,
    value: records.length,
    unit: `of ${acknowledged.length} acknowledged`,
    goal: "all, once, no gap",
    isReached,
    note: `${seconds.toFixed(1)} s with the start of the processes`,
  });
}

/** Own and peer take turns, so that a busy moment of the machine hits both; the middle rate of the turns counts. */
async function peers(report: BenchReport): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "modelops-bench-"));
  const store = sqliteStore({ path: join(folder, "modelops.db") });
  const registry = benchRegistry(store);
  for (let index = 0; index < PEER_VERSIONS; index += 1) {
    await registry.addVersion({
      agent: "feature_dev",
      modelId: "org/model",
      trainingConfig: TRAINING_CONFIG,
    });
  }
  const peer = filledJsonPeer(join(folder, "registry.json"));
  const own: number[] = [];
  const json: number[] = [];
  const ownTurn = async () => rate(await timeEach(PAIRS_A_TURN, () => registerAndPoint(registry)));
  for (let turn = 0; turn < TURNS; turn += 1) {
    own.push(await ownTurn());
    const times = await timeEach(PAIRS_A_TURN, async (index) => {
      peer.add("feature_dev", `v1.${turn}.${index}`, {});
      peer.setCurrent("feature_dev", `v1.${turn}.${index}`);
    });
    json.push(rate(times));
  }
  await store.close();
  rmSync(folder, { recursive: true });

  const ours = middle(own);
  const theirs = middle(json);
  report.figure({ name: "register + point, this registry at 1,000 versions", value: ours, unit: "per s" });
  const note = "not durable: no fsync";
  report.figure({
    name: "register + point, one JSON file at 1,000 versions",
    value: theirs,
    unit: "per s",
    note,
  });
  const toJson = ours / theirs;
  report.figure({
    name: "this registry to the JSON file",
    value: toJson,
    unit: "×",
    goal: "≥ 5×",
    isReached: toJson >= 5,
  });
  await besideMlflow(report);
}

/** Each warm and in a process of its own; ours before and after, and the slower of the two counts. */
async function besideMlflow(report: BenchReport): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "modelops-bench-"));
  const ownRate = async (name: string) => {
    const path = join(folder, name);
    const counts = [PEER_VERSIONS, MLFLOW_WARM_UP, MLFLOW_PAIRS].map(String);
    const call = [file("own-pairs-process.ts"), path, ...counts];
    return (await inProcess<{ readonly pairsPerSecond: number }>(process.execPath, call)).pairsPerSecond;
  };
  const before = isQuick ? 0 : await ownRate("before.db");
  const mlflow = await mlflowRate(report);
  if (mlflow === null) return;
  const ours = Math.min(before, await ownRate("after.db"));
  rmSync(folder, { recursive: true });
  report.figure({ name: "register + point in a process of its own", value: ours, unit: "per s" });
  report.figure({ name: "the same, MLflow on SQLite", value: mlflow, unit: "per s" });
  report.figure({
    name: "this registry to MLflow",
    value: ours / mlflow,
    unit: "×",
    goal: "≥ 10×",
    isReached: ours / mlflow >= 10,
    note: `${MLFLOW_PAIRS} pairs after ${MLFLOW_WARM_UP} to warm up, each side; ours on top of 1,000 versions`,
  });
}

function filledJsonPeer(path: string): ReturnType<typeof jsonPeer> {
  const config = { base_model: "org/base", training_method: "sft", training_dataset: "file:train.jsonl" };
  const history = Array.from({ length: PEER_VERSIONS }, (_, index) => ({
    version: `v0.${index}.0`,
    model_id: "org/model",
    training_config: config,
    trained_at: new Date(0).toISOString(),
    deployment_status: "not_deployed",
    deployed_at: null,
  }));
  const agents = { feature_dev: { agent_name: "feature_dev", current: null, canary: null, history } };
  writeFileSync(path, JSON.stringify({ created_at: "", updated_at: "", version: "1.0.0", agents }, null, 2));
  return jsonPeer(path);
}

async function mlflowRate(report: BenchReport): Promise<number | null> {
  if (isQuick) {
    report.skip("this registry to MLflow", "left out of the quick run");
    return null;
  }
  const script = file("mlflow_peer.py");
  try {
    const [command = "uv", ...rest] = await benchUv();
    const call = [
      ...rest,
      "run",
      "--quiet",
      "--no-project",
      "--with",
      MLFLOW,
      "python",
      script,
      String(MLFLOW_WARM_UP),
      String(MLFLOW_PAIRS),
    ];
    const peer = await inProcess<{ readonly version: string; readonly pairsPerSecond: number }>(
      command,
      call,
    );
    report.version("MLflow", peer.version);
    return peer.pairsPerSecond;
  } catch (error) {
    report.skip("this registry to MLflow", `it did not run here: ${(error as Error).message.slice(0, 200)}`);
    return null;
  }
}

function rate(times: Times): number {
  return (PAIRS_A_TURN / times.totalMs) * 1000;
}

function middle(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? Number.NaN;
}
