import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ChatModel, Router } from "@modelops/core";
import { createRouter } from "@modelops/core";
import { routingText } from "./table.ts";

/**
 * What a decision and a wrapped call cost, against peers, in one go on one machine: `node bench/router/run.ts`.
 * Peers that are not installed are named and left out: install `@growthbook/growthbook` and `@portkey-ai/gateway` in any
 * folder and pass it as BENCH_PEERS.
 */
const KEYS = Array.from(
  { length: 4096 },
  (_, index) => `session-${index}-${(index * 2654435761) % 1_000_000}`,
);
const ROUNDS = 5;

const peerRequire = () => {
  const folder = process.env.BENCH_PEERS;
  return createRequire(folder ? join(folder, "package.json") : import.meta.url);
};

/** Best of five rounds, nanoseconds per call. */
function throughput(call: (key: string) => unknown, count: number): number {
  let best = Number.POSITIVE_INFINITY;
  let kept: unknown;
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = process.hrtime.bigint();
    for (let index = 0; index < count; index += 1) kept = call(KEYS[index & 4095] as string);
    best = Math.min(best, Number(process.hrtime.bigint() - startedAt) / count);
  }
  if (kept === null) throw new Error("a decision is never null");
  return best;
}

/** Percentiles over single calls, in microseconds. The clock itself costs about 0.05 µs of each. */
async function percentiles(
  call: (key: string) => unknown,
  count: number,
): Promise<{ p50: number; p99: number }> {
  const times = new Float64Array(count);
  for (let index = 0; index < count; index += 1) {
    const key = KEYS[index & 4095] as string;
    const startedAt = process.hrtime.bigint();
    await call(key);
    times[index] = Number(process.hrtime.bigint() - startedAt) / 1000;
  }
  times.sort();
  return { p50: times[Math.floor(count * 0.5)] ?? 0, p99: times[Math.floor(count * 0.99)] ?? 0 };
}

function syncPercentiles(call: (key: string) => unknown, count: number): { p50: number; p99: number } {
  const times = new Float64Array(count);
  for (let index = 0; index < count; index += 1) {
    const key = KEYS[index & 4095] as string;
    const startedAt = process.hrtime.bigint();
    call(key);
    times[index] = Number(process.hrtime.bigint() - startedAt) / 1000;
  }
  times.sort();
  return { p50: times[Math.floor(count * 0.5)] ?? 0, p99: times[Math.floor(count * 0.99)] ?? 0 };
}

const show = (name: string, text: string) => console.log(`${name.padEnd(34)}${text}`);
const micro = (value: number) => `${value.toFixed(2)} µs`;

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

async function growthbookDecision(): Promise<((key: string) => unknown) | null> {
  type GrowthBookModule = {
    GrowthBook: new (
      options: object,
    ) => {
      setAttributes(attributes: object): unknown;
      run(experiment: object): { value: unknown };
    };
  };
  let entry: string;
  try {
    entry = peerRequire().resolve("@growthbook/growthbook");
  } catch {
    return null;
  }
  const { GrowthBook } = (await import(pathToFileURL(entry).href)) as GrowthBookModule;
  const growthbook = new GrowthBook({ attributes: { id: "" } });
  const experiment = { key: "rollout", hashVersion: 2, variations: ["v1", "v2"], weights: [0.8, 0.2] };
  return (key) => {
    growthbook.setAttributes({ id: key });
    return growthbook.run(experiment).value;
  };
}

/** An OpenAI-compatible server that answers at once. */
async function startBackend(): Promise<{ readonly url: string; close(): void }> {
  const body = JSON.stringify({
    id: "1",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "ok" } }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  });
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      response
        .writeHead(200, { "content-type": "application/json", "content-length": body.length })
        .end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/v1`, close: () => server.closeAllConnections() };
}

function gatewayScript(): string | null {
  for (const base of peerRequire().resolve.paths("@portkey-ai/gateway") ?? []) {
    const script = join(base, "@portkey-ai/gateway/build/start-server.js");
    if (existsSync(script)) return script;
  }
  return null;
}

async function startGateway(script: string): Promise<{ readonly url: string; readonly child: ChildProcess }> {
  const port = 18_787;
  const child = spawn(process.execPath, [script, `--port=${port}`, "--headless"], {
    cwd: dirname(script),
    stdio: "ignore",
    env: { ...process.env, PORT: String(port) },
  });
  const url = `http://127.0.0.1:${port}`;
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (
      await fetch(url).then(
        () => true,
        () => false,
      )
    )
      return { url: `${url}/v1`, child };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill();
  throw new Error("the gateway did not start");
}

async function post(url: string, headers: Record<string, string>): Promise<void> {
  const response = await fetch(`${url}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "hello" }] }),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  await response.text();
}

async function measureDecisions(router: Router): Promise<void> {
  const route = (key: string) => router.route("feature_dev", key);
  throughput(route, 200_000);
  const own = throughput(route, 1_000_000);
  const ownTimes = syncPercentiles(route, 300_000);
  show(
    "route()",
    `${own.toFixed(0)} ns, ${(1e9 / own / 1e6).toFixed(2)} M/s, p50 ${micro(ownTimes.p50)}, p99 ${micro(ownTimes.p99)}`,
  );
  const growthbook = await growthbookDecision();
  if (!growthbook) {
    show("GrowthBook SDK", "not installed");
    return;
  }
  throughput(growthbook, 50_000);
  const peer = throughput(growthbook, 200_000);
  const peerTimes = syncPercentiles(growthbook, 100_000);
  show(
    "GrowthBook SDK run()",
    `${peer.toFixed(0)} ns, ${(1e9 / peer / 1e6).toFixed(2)} M/s, p50 ${micro(peerTimes.p50)}, p99 ${micro(peerTimes.p99)}`,
  );
  show("", `route() is ${(peer / own).toFixed(1)} times as fast`);
}

async function measureCalls(router: Router): Promise<void> {
  const chat = router.wrap({ agent: "feature_dev", models: () => instant });
  const request = { messages: [{ role: "user" as const, content: "hello" }] };
  const bare = async () => instant.generate(request);
  let session = 0;
  const wrapped = async () => {
    session += 1;
    return chat.generate(request, { sessionKey: `s${session}` });
  };
  await percentiles(bare, 20_000);
  await percentiles(wrapped, 20_000);
  const bareTimes = await percentiles(bare, 50_000);
  const wrappedTimes = await percentiles(wrapped, 50_000);
  const added = wrappedTimes.p50 - bareTimes.p50;
  show("wrap() adds to a call", `p50 ${micro(added)}, p99 ${micro(wrappedTimes.p99 - bareTimes.p99)}`);

  const backend = await startBackend();
  const script = gatewayScript();
  if (!script) {
    show("Portkey gateway", "not installed");
    backend.close();
    return;
  }
  const gateway = await startGateway(script);
  const config = {
    strategy: { mode: "loadbalance" },
    targets: [0.8, 0.2].map((weight) => ({
      provider: "openai",
      api_key: "unused",
      custom_host: backend.url,
      weight,
    })),
  };
  try {
    const headers = { "x-portkey-config": JSON.stringify(config) };
    const direct = () => post(backend.url, {});
    const through = () => post(gateway.url, headers);
    await percentiles(direct, 200);
    await percentiles(through, 200);
    const directTimes = await percentiles(direct, 1000);
    const gatewayTimes = await percentiles(through, 1000);
    const gatewayAdds = gatewayTimes.p50 - directTimes.p50;
    show(
      "Portkey gateway adds to a call",
      `p50 ${micro(gatewayAdds)}, p99 ${micro(gatewayTimes.p99 - directTimes.p99)}`,
    );
    show("", `wrap() adds ${(gatewayAdds / added).toFixed(0)} times less`);
  } finally {
    gateway.child.kill();
    backend.close();
  }
}

/** From the end of the atomic write to the new table deciding, as a polling reader sees it. */
async function measureReload(router: Router, write: (generation: number) => void): Promise<void> {
  const times: number[] = [];
  for (let generation = 2; generation < 42; generation += 1) {
    write(generation);
    const startedAt = performance.now();
    while (router.status().generation !== generation) await new Promise((resolve) => setTimeout(resolve, 1));
    times.push(performance.now() - startedAt);
  }
  times.sort((left, right) => left - right);
  const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(1);
  show("new table in force", `p50 ${at(0.5)} ms, worst ${at(0.999)} ms of ${times.length}`);
}

const folder = await mkdtemp(join(tmpdir(), "modelops-bench-"));
const file = join(folder, "routing.json");
writeFileSync(file, routingText(1));
console.log(`node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}`);
const router = createRouter({ file });
try {
  await measureDecisions(router);
  await measureCalls(router);
  await measureReload(router, (generation) => writeFileSync(file, routingText(generation)));
} finally {
  await router.close();
  await rm(folder, { recursive: true, force: true });
}
process.exit(0);
