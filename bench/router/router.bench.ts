import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChatModel, Router } from "@modelops/core";
import { createRouter } from "@modelops/core";
import { writeFileAtomically } from "../../packages/core/src/files/atomic-write.ts";
import { underReaders } from "../../packages/core/test-support/torn-readers.ts";
import type { BenchReport } from "../bench-report.ts";
import { peerPackage } from "../peer-packages.ts";
import { growthbookDecision } from "./growthbook-peer.ts";
import { postChat, startBackend, startGateway } from "./portkey-peer.ts";
import { measureSplit } from "./split.ts";
import { routingText } from "./table.ts";
import { nanosecondsPerCall, timesInTurn, timesOfCalls } from "./timing.ts";

const GROWTHBOOK = "1.8.0";
const PORTKEY = "1.15.2";
const isQuick = process.env.BENCH_QUICK === "1";
const DECISIONS = isQuick ? 200_000 : 1_000_000;
const CALLS = isQuick ? 10_000 : 50_000;
const HTTP_CALLS = isQuick ? 200 : 1_000;
const RELOADS = isQuick ? 10 : 40;
const REMOUNTS = isQuick ? 1 : 5;
const REWRITES = isQuick ? 150 : 1_000;
const AGENT = "feature_dev";

/** What a decision, a wrapped call and a new table cost, against the tools people would use instead. */
export async function run(report: BenchReport): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "modelops-bench-"));
  const file = join(folder, "config", "routing.json");
  mkdirSync(join(folder, "config"));
  writeFileSync(file, routingText(1));
  const router = createRouter({ file });
  try {
    await measureDecisions(report, router);
    await measureCalls(report, router);
    measureSplit(report);
    await measureReload(report, router, folder);
    await measureTearing(report, join(folder, "torn.json"));
  } finally {
    await router.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureDecisions(report: BenchReport, router: Router): Promise<void> {
  const route = (key: string) => router.route(AGENT, key);
  nanosecondsPerCall(route, DECISIONS / 5);
  const own = nanosecondsPerCall(route, DECISIONS);
  const { p50, p99 } = timesOfCalls(route, DECISIONS / 4);
  const perSecond = 1e9 / own;
  report.figure({ name: "route(), p50", value: p50, unit: "µs", goal: "≤ 0.5 µs", isReached: p50 <= 0.5 });
  report.figure({ name: "route(), p99", value: p99, unit: "µs", goal: "≤ 5 µs", isReached: p99 <= 5 });
  report.figure({
    name: "route(), one thread",
    value: perSecond,
    unit: "per s",
    goal: "≥ 1,000,000 per s",
    isReached: perSecond >= 1e6,
  });
  const { folder, reason } = peerPackage("@growthbook/growthbook", GROWTHBOOK);
  if (folder === null) {
    report.skip("route() to GrowthBook", reason);
    return;
  }
  report.version("GrowthBook SDK", GROWTHBOOK);
  const growthbook = await growthbookDecision(folder);
  nanosecondsPerCall(growthbook, DECISIONS / 20);
  const theirs = nanosecondsPerCall(growthbook, DECISIONS / 5);
  const times = theirs / Math.min(own, nanosecondsPerCall(route, DECISIONS));
  report.figure({ name: "GrowthBook SDK run(), one thread", value: 1e9 / theirs, unit: "per s" });
  report.figure({
    name: "route() to GrowthBook",
    value: times,
    unit: "× as fast",
    goal: "≥ 5 ×",
    isReached: times >= 5,
  });
}

const answer: Awaited<ReturnType<ChatModel["generate"]>> = {
  text: "ok",
  toolCalls: [],
  usage: { inputTokens: 1, outputTokens: 1 },
  costUsd: 0,
  latencyMs: 0,
  finishReason: "stop",
  requestId: null,
  attempts: 1,
};
const instant: ChatModel = { contract: "chat-model/v1", id: "instant", generate: async () => answer };

async function measureCalls(report: BenchReport, router: Router): Promise<void> {
  const chat = router.wrap({ agent: AGENT, models: () => instant });
  const request = { messages: [{ role: "user" as const, content: "hello" }] };
  let session = 0;
  const ways = {
    bare: () => instant.generate(request),
    wrapped: () => {
      session += 1;
      return chat.generate(request, { sessionKey: `s${session}` });
    },
  };
  await timesInTurn(ways, CALLS / 2);
  const { bare, wrapped } = await timesInTurn(ways, CALLS);
  const added = wrapped.p50 - bare.p50;
  report.figure({
    name: "wrap() adds to a call, p50",
    value: added,
    unit: "µs",
    goal: "≤ 20 µs",
    isReached: added <= 20,
    note: `p99 ${(wrapped.p99 - bare.p99).toFixed(1)} µs`,
  });
  await compareWithGateway(report, added);
}

async function compareWithGateway(report: BenchReport, ownMicroseconds: number): Promise<void> {
  const name = "the gateway adds, to what wrap() adds";
  const { folder, reason } = peerPackage("@portkey-ai/gateway", PORTKEY);
  if (folder === null) {
    report.skip(name, reason);
    return;
  }
  const backend = await startBackend();
  const gateway = await startGateway(folder, backend).catch((error: Error) => error);
  if (gateway instanceof Error) {
    backend.close();
    report.skip(name, gateway.message);
    return;
  }
  report.version("Portkey gateway", PORTKEY);
  try {
    const ways = { direct: () => postChat(backend.url), through: gateway.call };
    await timesInTurn(ways, HTTP_CALLS / 5);
    const { direct, through } = await timesInTurn(ways, HTTP_CALLS);
    const adds = through.p50 - direct.p50;
    report.figure({ name: "Portkey gateway adds to a call, p50", value: adds, unit: "µs" });
    report.figure({
      name,
      value: adds / ownMicroseconds,
      unit: "×",
      goal: "≥ 20 ×",
      isReached: adds >= 20 * ownMicroseconds,
    });
  } finally {
    await gateway.close();
    backend.close();
  }
}

/** From the end of the write to the new table deciding. */
async function measureReload(report: BenchReport, router: Router, folder: string): Promise<void> {
  const current = join(folder, "config");
  let generation = 1;
  const visible = async () => {
    const startedAt = performance.now();
    while (router.status().generation !== generation) await new Promise((resolve) => setTimeout(resolve, 1));
    return (performance.now() - startedAt) / 1000;
  };
  const watched: number[] = [];
  for (let round = 0; round < RELOADS; round += 1) {
    generation += 1;
    writeFileSync(join(current, "routing.json"), routingText(generation));
    watched.push(await visible());
  }
  const polled: number[] = [];
  for (let round = 0; round < REMOUNTS; round += 1) {
    generation += 1;
    const next = join(folder, "next");
    mkdirSync(next);
    writeFileSync(join(next, "routing.json"), routingText(generation));
    // Another folder in the place of the watched one, as a remount does it: no event tells of it.
    renameSync(current, join(folder, `gone-${round}`));
    renameSync(next, current);
    polled.push(await visible());
  }
  for (const [how, times, limit] of [
    ["folder watch", watched, 1],
    ["polling alone", polled, 5],
  ] as const) {
    const worst = Math.max(...times);
    report.figure({
      name: `new table in force by ${how}, worst of ${times.length}`,
      value: worst * 1000,
      unit: "ms",
      goal: `≤ ${limit} s`,
      isReached: worst <= limit,
    });
  }
}

async function measureTearing(report: BenchReport, file: string): Promise<void> {
  await writeFileAtomically(file, routingText(1));
  const { reads, torn } = await underReaders(file, async () => {
    for (let generation = 2; generation < REWRITES + 2; generation += 1) {
      await writeFileAtomically(file, routingText(generation));
    }
  });
  report.figure({
    name: `torn tables in ${reads.toLocaleString("en-US")} reads of four readers`,
    value: torn,
    unit: "torn",
    goal: "0",
    isReached: torn === 0,
    note: `${REWRITES.toLocaleString("en-US")} rewrites`,
  });
}
