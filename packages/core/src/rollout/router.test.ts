import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ChatModel, ChatResult } from "../contract/chat-model.ts";
import { writeFileAtomically } from "../files/atomic-write.ts";
import { ROUTERS_AGENT, routerCountersSchema, routerHeartbeatSchema } from "../model/router-records.ts";
import { type AgentRouting, buildRoutingTable, formatRoutingTable } from "../model/routing-table.ts";
import { memoryStore } from "../registry/memory-store.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import { createRouter, type Router, type RouterOptions } from "./router.ts";

const arm = (name: "baseline" | "canary", version: string, share: number) => ({
  name,
  version,
  modelId: `org/${version}`,
  targetId: "local",
  deploymentId: `d-${version}`,
  configValue: `org/${version}`,
  baseUrl: null,
  share,
});

const routing = (generation: number, sharePct: number, rolloutId = "rollout-42"): AgentRouting => ({
  generation,
  fence: 1,
  rolloutId,
  caps: { latencyMs: 1000, costUsd: null },
  arms: [arm("baseline", "v1", 100 - sharePct), arm("canary", "v2", sharePct)],
});

const answer = (text: string): ChatResult => ({
  text,
  toolCalls: [],
  usage: { inputTokens: 1, outputTokens: 1 },
  costUsd: 0,
  latencyMs: 1,
  finishReason: "stop",
  requestId: null,
  attempts: 1,
});

const model = (id: string, generate: ChatModel["generate"]): ChatModel => ({
  contract: "chat-model/v1",
  id,
  generate,
});

const hello = { messages: [{ role: "user" as const, content: "hello" }] };
let folder: string;
let file: string;
const routers: Router[] = [];
const open = (options: Partial<RouterOptions> = {}) => {
  const router = createRouter({ file, ...options });
  routers.push(router);
  return router;
};
const publish = (agents: Record<string, AgentRouting>) =>
  writeFileAtomically(file, formatRoutingTable(buildRoutingTable(agents)));
const eventually = async (check: () => boolean | Promise<boolean>) => {
  const deadline = Date.now() + 10_000;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error("it did not happen within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-router-"));
  file = join(folder, "routing.json");
});
afterEach(async () => {
  await Promise.all(routers.splice(0).map((router) => router.close()));
  await rm(folder, { recursive: true, force: true });
});

describe("route", () => {
  it("assigns by the reference hash of rollout id and key", async () => {
    await publish({ feature_dev: routing(1, 20) });
    const router = open();
    // Oracles: buckets 3910 and 2015 of "rollout-42:user-1" and "rollout-42:user-2".
    expect(router.route("feature_dev", "user-1")).toMatchObject({
      bucket: 3910,
      arm: "baseline",
      version: "v1",
    });
    expect(router.route("feature_dev", "user-2").bucket).toBe(2015);
    expect(router.route("feature-dev", "user-1").tags).toEqual([
      "agent:feature_dev",
      "arm:baseline",
      "model_version:v1",
      "rollout:rollout-42",
      "canary_share:20",
    ]);
  });

  it("gives each arm its share of 100,000 keys and lets no key leave while the share rises", async () => {
    const armsAt = async (generation: number, share: number) => {
      await publish({ feature_dev: routing(generation, share) });
      const router = createRouter({ file });
      const canary = new Set<number>();
      for (let user = 0; user < 100_000; user += 1) {
        if (router.route("feature_dev", `user-${user}`).arm === "canary") canary.add(user);
      }
      await router.close();
      return canary;
    };
    const at20 = await armsAt(1, 20);
    const at50 = await armsAt(2, 50);
    expect(at20.size).toBe(20_054);
    expect(at50.size).toBe(50_196);
    expect([...at20].filter((user) => !at50.has(user))).toEqual([]);
  });

  it("names the agents it has when asked for another, and refuses an empty session", async () => {
    await publish({ feature_dev: routing(1, 20) });
    const router = open();
    expect(() => router.route("cicd", "s")).toThrowError(/rollout|It has feature_dev/);
    expect(() => router.route("feature_dev", "")).toThrowError(/session key/);
    expect(() => router.route("feature_dev", undefined as unknown as string)).toThrowError(/session key/);
  });
});

describe("following the table", () => {
  it("takes a new table by itself and keeps the last good one through damage and old generations", async () => {
    await publish({ feature_dev: routing(1, 0) });
    const router = open({ pollEveryMs: 20 });
    expect(router.status().generation).toBe(1);
    await publish({ feature_dev: routing(2, 100) });
    await eventually(() => router.status().generation === 2);
    for (const damage of ["", "{", JSON.stringify({ v: 1 }), "null"]) {
      await writeFile(file, damage);
      await eventually(() => router.status().tableError !== null);
      expect(router.route("feature_dev", "s").generation).toBe(2);
    }
    await publish({ feature_dev: routing(1, 0) });
    await eventually(() => router.status().tableError?.includes("generation 1") ?? false);
    expect(router.route("feature_dev", "s").arm).toBe("canary");
    await publish({ feature_dev: routing(3, 0) });
    await eventually(() => router.status().tableError === null);
    expect(router.route("feature_dev", "s")).toMatchObject({ arm: "baseline", generation: 3 });
  });

  it("starts before the first deployment and picks the table up when it appears", async () => {
    const router = open({ file: join(folder, "later", "routing.json"), pollEveryMs: 20 });
    file = join(folder, "later", "routing.json");
    expect(() => router.route("feature_dev", "s")).toThrowError(/Nothing was deployed yet/);
    await publish({ feature_dev: routing(1, 20) });
    await eventually(() => router.status().generation === 1);
  });

  it("polls where no event tells of a change, as after a remount of the folder", async () => {
    const mounted = join(folder, "mounted");
    const next = join(folder, "next");
    file = join(mounted, "routing.json");
    await mkdir(mounted);
    await publish({ feature_dev: routing(1, 20) });
    const router = open({ pollEveryMs: 20 });
    await mkdir(next);
    await rename(mounted, join(folder, "gone"));
    await writeFile(join(next, "routing.json"), formatRoutingTable(buildRoutingTable({ a: routing(2, 50) })));
    await rename(next, mounted);
    await eventually(() => router.status().generation === 2);
  });

  it("acknowledges each generation to the store, and goes on when the store is down", async () => {
    const store = memoryStore();
    const errors: unknown[] = [];
    await publish({ feature_dev: routing(1, 100) });
    const router = open({ store, routerId: "r1", flushEveryMs: 20, onError: (error) => errors.push(error) });
    const heartbeat = async () => {
      const record = await store.get("router-acknowledgements", ROUTERS_AGENT, "r1");
      return record ? routerHeartbeatSchema.parse(record.value) : null;
    };
    await eventually(async () => (await heartbeat())?.generation === 1);
    await publish({ feature_dev: routing(2, 50) });
    await eventually(async () => (await heartbeat())?.generation === 2);
    const commit = store.commit;
    store.commit = () => Promise.reject(new Error("disk full"));
    router.record(router.route("feature_dev", "a"), { ok: true });
    await router.flush();
    expect(errors.length).toBeGreaterThan(0);
    expect(router.route("feature_dev", "b").generation).toBe(2);
    store.commit = commit;
    await router.flush();
    const { records } = await store.list({
      collection: "rollouts",
      terms: ["rollout:rollout-42"],
      limit: 10,
    });
    expect(records).toHaveLength(1);
    await router.close();
    expect((await heartbeat())?.closed).toBe(true);
  });
});

describe("record", () => {
  it("counts a decision once, however often it is recorded", async () => {
    await publish({ feature_dev: routing(1, 20) });
    const store = memoryStore();
    const router = open({ store, flushEveryMs: 60_000 });
    const decision = router.route("feature_dev", "user-1");
    router.record(decision, { ok: true });
    router.record(decision, { ok: false });
    await router.flush();
    const { records } = await store.list({ collection: "rollouts", agent: ROUTERS_AGENT, limit: 10 });
    const [counters] = records.map(({ value }) => routerCountersSchema.parse(value));
    expect([counters?.baseline.ok, counters?.baseline.failed]).toEqual([1, 0]);
  });

  it("tags what the breaker decided as not left to chance, and asks a clock of any kind", async () => {
    class Stopped implements Clock {
      readonly #nowMs = 1_000;
      now() {
        return this.#nowMs;
      }
      sleep = systemClock.sleep;
    }
    await publish({ feature_dev: routing(1, 50) });
    const router = open({ clock: new Stopped(), circuitBreaker: { consecutiveFailures: 1 } });
    for (let user = 0; user < 20; user += 1) {
      router.record(router.route("feature_dev", `user-${user}`), { ok: false });
    }
    const decision = router.route("feature_dev", "user-21");
    expect(decision).toMatchObject({ arm: "baseline", randomized: false });
    expect(decision.tags).toContain("randomized:false");
  });

  it("sums outcomes per arm and generation, with scores bounded by the caps", async () => {
    const store = memoryStore();
    await publish({ feature_dev: routing(1, 100) });
    const router = open({ store, routerId: "r1", flushEveryMs: 60_000 });
    router.record(router.route("feature_dev", "a"), { ok: true, latencyMs: 250, score: 0.5 });
    router.record(router.route("feature_dev", "b"), { ok: false, latencyMs: 5000, fallback: true });
    router.record(router.route("feature_dev", "c"), { ok: true, costUsd: null, score: Number.NaN });
    await router.flush();
    const { records } = await store.list({
      collection: "rollouts",
      terms: ["rollout:rollout-42"],
      limit: 10,
    });
    const counters = routerCountersSchema.parse(records[0]?.value);
    expect(counters).toMatchObject({ sharePct: 100, agentGeneration: 1, notRandomized: 0 });
    expect(counters.canary).toMatchObject({
      ok: 2,
      failed: 1,
      fallbacks: 1,
      latencyMs: { n: 2, rawSum: 5250, hundredths: { 75: 1, 0: 1 } },
      costUsd: { n: 0 },
      score: { n: 1, hundredths: { 50: 1 } },
    });
  });
});

describe("wrap", () => {
  it("answers from the assigned version and says which", async () => {
    await publish({ feature_dev: routing(1, 100) });
    const router = open();
    const chat = router.wrap({
      agent: "feature-dev",
      models: { v1: model("one", async () => answer("old")), v2: model("two", async () => answer("new")) },
    });
    const result = await chat.generate(hello, { sessionKey: "s" });
    expect(result).toMatchObject({ text: "new", servedBy: "canary", fallbackReason: null });
    expect(result.decision).toMatchObject({ version: "v2", sessionKey: "s" });
  });

  it("falls back to the baseline once, counts the failure for the canary, and opens the breaker", async () => {
    const store = memoryStore();
    await publish({ feature_dev: routing(1, 100) });
    const router = open({ store, routerId: "r1", flushEveryMs: 60_000 });
    let canaryCalls = 0;
    const chat = router.wrap({
      agent: "feature_dev",
      models: {
        v1: model("one", async () => answer("old")),
        v2: model("two", async () => {
          canaryCalls += 1;
          throw new Error("boom");
        }),
      },
    });
    for (let session = 0; session < 8; session += 1) {
      const result = await chat.generate(hello, { sessionKey: `s${session}` });
      expect(result.text).toBe("old");
      expect(result.servedBy).toBe("baseline");
    }
    expect(canaryCalls).toBe(5);
    await router.flush();
    const { records } = await store.list({
      collection: "rollouts",
      terms: ["rollout:rollout-42"],
      limit: 10,
    });
    expect(records[0]?.value).toMatchObject({ canary: { ok: 0, failed: 5, fallbacks: 5 }, notRandomized: 3 });
    const heartbeat = await store.get("router-acknowledgements", ROUTERS_AGENT, "r1");
    expect(routerHeartbeatSchema.parse(heartbeat?.value).breakerOpenings.feature_dev).toHaveLength(1);
  });

  it("counts a session once, however many calls it makes", async () => {
    const store = memoryStore();
    await publish({ feature_dev: routing(1, 0) });
    const router = open({ store, routerId: "r1", flushEveryMs: 60_000 });
    const chat = router.wrap({ agent: "feature_dev", models: () => model("one", async () => answer("x")) });
    for (let call = 0; call < 5; call += 1) await chat.generate(hello, { sessionKey: "one session" });
    await router.flush();
    const { records } = await store.list({
      collection: "rollouts",
      terms: ["rollout:rollout-42"],
      limit: 10,
    });
    expect(records[0]?.value).toMatchObject({ baseline: { ok: 1, failed: 0 } });
  });

  it("lets an error of the baseline surface and does not repeat it", async () => {
    await publish({ feature_dev: routing(1, 0) });
    const router = open();
    let calls = 0;
    const chat = router.wrap({
      agent: "feature_dev",
      models: () =>
        model("one", async () => {
          calls += 1;
          throw new Error("down");
        }),
    });
    await expect(chat.generate(hello)).rejects.toThrow("down");
    expect(calls).toBe(1);
  });

  it("asks the canary in the shadow, capped, without touching reply or statistics", async () => {
    const store = memoryStore();
    await publish({ feature_dev: routing(1, 0) });
    const router = open({ store, flushEveryMs: 60_000 });
    const seen: (string | null)[] = [];
    let running = 0;
    let most = 0;
    const chat = router.wrap({
      agent: "feature_dev",
      models: {
        v1: model("one", async () => answer("old")),
        v2: model("two", async () => {
          running += 1;
          most = Math.max(most, running);
          await new Promise((resolve) => setTimeout(resolve, 20));
          running -= 1;
          if (seen.length === 1) throw new Error("boom");
          return answer("new");
        }),
      },
      shadow: {
        share: 1,
        maxConcurrent: 2,
        maxPerMinute: 5,
        onResult({ shadow, served, error }) {
          expect(served.text).toBe("old");
          seen.push(shadow?.text ?? String(error));
          throw new Error("a fault in the observer");
        },
      },
    });
    for (let session = 0; session < 30; session += 1) {
      expect((await chat.generate(hello, { sessionKey: `s${session}` })).text).toBe("old");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await eventually(() => seen.length === 5);
    expect(most).toBe(2);
    expect(seen.filter((text) => text === "new").length).toBeGreaterThan(0);
    await router.flush();
    const { records } = await store.list({ collection: "rollouts", limit: 10 });
    expect(records[0]?.value).toMatchObject({ baseline: { ok: 30 }, canary: { ok: 0, failed: 0 } });
    expect(() =>
      router.wrap({ agent: "feature_dev", models: {}, shadow: { share: 2, onResult() {} } }),
    ).toThrow(/share/);
  });

  it("counts nothing when the caller gives up", async () => {
    const store = memoryStore();
    await publish({ feature_dev: routing(1, 100) });
    const router = open({ store, flushEveryMs: 60_000 });
    const controller = new AbortController();
    const chat = router.wrap({
      agent: "feature_dev",
      models: () =>
        model("slow", async () => {
          controller.abort(new Error("user left"));
          throw new Error("aborted");
        }),
    });
    await expect(chat.generate(hello, { signal: controller.signal })).rejects.toThrow("aborted");
    await router.flush();
    expect((await store.list({ collection: "rollouts", limit: 10 })).records).toEqual([]);
  });
});
