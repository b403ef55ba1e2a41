import type { BenchReport } from "../bench-report.ts";
import { peerPackage } from "../peer-packages.ts";
import { type Measurement, measure } from "./measure.ts";

const COUNT = 10_000;
const LARGE = 100_000;
const ROUNDS = 3;
const CONCURRENCY = 64;
const MODEL_MS = 50;
const ROUNDS_OF_MODEL = 100;
const PEERS = { langsmith: "0.12.0", braintrust: "3.35.0", promptfoo: "0.123.1" } as const;
type PeerName = keyof typeof PEERS;
/** These take half a minute for 10,000 examples: one round says enough. */
const SLOW_PEERS: readonly PeerName[] = ["langsmith", "promptfoo"];

interface Contender {
  readonly name: string;
  readonly folder?: string;
  readonly rounds: number;
  readonly measured: Measurement[];
  problem: string | null;
}

/** Overhead of the evaluator per example beside its peers, in one go on one machine, each number from an own process. */
export async function run(report: BenchReport): Promise<void> {
  if (process.env.BENCH_QUICK === "1") {
    perExample(report, "on disk", COUNT, await required("modelops on disk", COUNT));
    report.skip("peers, 100,000 examples, 50 ms model", "quick run");
    return;
  }
  const [disk, memory] = [contender("modelops on disk"), contender("modelops in memory")];
  const peers = findPeers(report);
  await takeTurns([disk, memory, ...peers], COUNT);
  const [ownDisk, ownMemory] = [fastest(disk), fastest(memory)];
  if (ownDisk) perExample(report, "on disk", COUNT, ownDisk);
  if (ownMemory) perExample(report, "in memory", COUNT, ownMemory);
  comparePeers(report, peers, { disk: ownDisk, memory: ownMemory });
  await scale(report, ownDisk);
  await throughput(report);
  report.note(NOTE);
}

const NOTE = `Each figure is the fastest of ${ROUNDS} processes that took turns (${SLOW_PEERS.join(" and ")}: one process each), loading the library not counted. All answer with a target that gives the question back and one comparison of two strings, at concurrency ${CONCURRENCY}. modelops reads its examples from a source, twice: it checks and fingerprints all of them before the first call. On disk it also makes every answer durable (SQLite, fsync) so that a killed run pays for none twice; in memory it keeps nothing, as the peers do (langsmith uploadRuns: false, braintrust noSendLogs and returnResults: false, promptfoo without cache).`;

function contender(name: string, folder?: string): Contender {
  const rounds = SLOW_PEERS.includes(name as PeerName) ? 1 : ROUNDS;
  return { name, folder, rounds, measured: [], problem: null };
}

function findPeers(report: BenchReport): readonly Contender[] {
  const found: Contender[] = [];
  for (const [name, version] of Object.entries(PEERS)) {
    const { folder, reason } = peerPackage(name, version);
    if (folder === null) {
      report.skip(name, reason);
      continue;
    }
    report.version(name, version);
    found.push(contender(name, folder));
  }
  return found;
}

/** Everyone runs once before anyone runs twice, so that a busy moment of the machine hits all alike. */
async function takeTurns(contenders: readonly Contender[], count: number): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const one of contenders) {
      if (round >= one.rounds || one.problem !== null) continue;
      const measured = await measure(one.name, count, one.folder);
      if (typeof measured === "string") one.problem = measured;
      else one.measured.push(measured);
    }
  }
}

function fastest({ measured }: Contender): Measurement | null {
  return measured.toSorted((first, second) => first.milliseconds - second.milliseconds)[0] ?? null;
}

function comparePeers(
  report: BenchReport,
  peers: readonly Contender[],
  own: { readonly disk: Measurement | null; readonly memory: Measurement | null },
): void {
  let fastestPeer: { readonly name: string; readonly measured: Measurement } | null = null;
  for (const peer of peers) {
    const measured = fastest(peer);
    if (!measured) {
      report.skip(`${peer.name}, ${COUNT} examples`, peer.problem ?? "no measurement");
      continue;
    }
    report.figure({
      name: `${peer.name}, ${COUNT.toLocaleString("en-US")} examples, per example`,
      value: measured.milliseconds / COUNT,
      unit: "ms",
      note: used(measured, COUNT),
    });
    if (!fastestPeer || measured.milliseconds < fastestPeer.measured.milliseconds) {
      fastestPeer = { name: peer.name, measured };
    }
  }
  if (!fastestPeer) return;
  for (const [kind, measured] of Object.entries(own)) {
    if (!measured) continue;
    const ratio = fastestPeer.measured.milliseconds / measured.milliseconds;
    report.figure({
      name: `${fastestPeer.name}, the fastest peer, to modelops ${kind === "disk" ? "on disk" : "in memory"}`,
      value: ratio,
      unit: "×",
      goal: "≥ 5×",
      isReached: ratio >= 5,
      note: `processor time ${(fastestPeer.measured.cpuMilliseconds / measured.cpuMilliseconds).toFixed(2)}×`,
    });
  }
}

async function scale(report: BenchReport, small: Measurement | null): Promise<void> {
  const one = contender("modelops on disk");
  await takeTurns([one], LARGE);
  const large = fastest(one);
  if (!large || !small) return report.skip("100,000 examples", one.problem ?? "no measurement");
  perExample(report, "on disk", LARGE, large);
  const ratio = large.milliseconds / LARGE / (small.milliseconds / COUNT);
  report.figure({
    name: "time per example, 100,000 to 10,000 examples",
    value: ratio,
    unit: "×",
    goal: "≤ 1.2×",
    isReached: ratio <= 1.2,
  });
  const most = Math.max(...one.measured.map(({ aboveIdleMiB }) => aboveIdleMiB));
  report.figure({
    name: "peak memory above idle, 100,000 examples",
    value: most,
    unit: "MiB",
    goal: "≤ 150 MB",
    isReached: (most * 2 ** 20) / 1e6 <= 150,
    note: `the most of ${ROUNDS} processes`,
  });
}

async function throughput(report: BenchReport): Promise<void> {
  const count = CONCURRENCY * ROUNDS_OF_MODEL;
  const measured = await required("modelops with a 50 ms model", count);
  const share = (ROUNDS_OF_MODEL * MODEL_MS * 100) / measured.milliseconds;
  report.figure({
    name: `share of the ideal throughput, ${MODEL_MS} ms model, concurrency ${CONCURRENCY}, on disk`,
    value: share,
    unit: "%",
    goal: "≥ 95 %",
    isReached: share >= 95,
    note: `${count.toLocaleString("en-US")} examples in ${Math.round(measured.milliseconds)} ms, checking them included`,
  });
}

function perExample(report: BenchReport, kind: string, count: number, measured: Measurement): void {
  const value = measured.milliseconds / count;
  report.figure({
    name: `modelops ${kind}, ${count.toLocaleString("en-US")} examples, per example`,
    value,
    unit: "ms",
    goal: "≤ 0.05 ms",
    isReached: value <= 0.05,
    note: used(measured, count),
  });
}

function used({ cpuMilliseconds, aboveIdleMiB }: Measurement, count: number): string {
  const cpu = (cpuMilliseconds / count).toFixed(4);
  return `processor time ${cpu} ms, ${Math.round(aboveIdleMiB)} MiB above idle`;
}

async function required(name: string, count: number): Promise<Measurement> {
  const measured = await measure(name, count);
  if (typeof measured === "string") throw new Error(`${name}: ${measured}`);
  return measured;
}
