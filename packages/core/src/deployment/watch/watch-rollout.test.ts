import { readFile, rm } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  echoModel,
  type TestHost,
  type TestTarget,
  testHost,
  testTarget,
} from "../../../test-support/deployment-host.ts";
import type { RegistryStore } from "../../contract/registry-store.ts";
import type { RolloutPlan } from "../../model/rollout-plan.ts";
import { parseRoutingTable } from "../../model/routing-table.ts";
import { memoryStore } from "../../registry/memory-store.ts";
import { Registry } from "../../registry/registry.ts";
import { createRouter, type Router } from "../../rollout/router.ts";
import { createRandom } from "../../statistics/random.ts";
import { type Clock, systemClock } from "../../time/clock.ts";
import { Deployer } from "../deployer.ts";

const AGENT = "feature_dev";
const hello = { messages: [] };
const LADDER: RolloutPlan = {
  steps: [{ sharePct: 20, minimumSessions: 200 }, { sharePct: 50, minimumSessions: 200 }, { sharePct: 100 }],
};

let store: RegistryStore;
let host: TestHost;
let target: TestTarget;
let deployer: Deployer;
let stepped: string[];
/** Moves `clock` ahead without waiting. */
let aheadMs = 0;
const clock: Clock = {
  now: () => Date.now() + aheadMs,
  sleep: (ms, options) => systemClock.sleep(ms, options),
};
const routers: Router[] = [];
const stops: AbortController[] = [];

const readOnly = (inner: RegistryStore): RegistryStore =>
  new Proxy(inner, {
    get(from, name) {
      if (name === "commit") return () => Promise.reject(new Error("the disk is full"));
      const value: unknown = Reflect.get(from, name);
      return typeof value === "function" ? value.bind(from) : value;
    },
  });

const makeDeployer = (through: RegistryStore = store) => {
  const runtime = { ...host.runtime, store: through };
  const made = new Deployer(runtime, {
    registry: new Registry(runtime, { registryJson: false }),
    targets: [target],
    routingFile: host.routingFile,
    verification: { limitMs: 2000, pollEveryMs: 5 },
  });
  made.onAny((event) => void (event.type.startsWith("rollout.") && stepped.push(event.type)));
  return made;
};

const start = async (rollout: RolloutPlan) => {
  await deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
  await deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout, approve: () => true });
  stepped.length = 0;
};

const openRouter = () => {
  const router = createRouter({ file: host.routingFile, store, clock, flushEveryMs: 5, pollEveryMs: 20 });
  routers.push(router);
  return router;
};

/** Sessions with the given chance of success per version, through two routers, until told to stop. */
const traffic = (
  chance: Readonly<Record<string, number>>,
  latencyMs: Readonly<Record<string, number>> = {},
) => {
  const both = [openRouter(), openRouter()];
  const random = createRandom(20261123);
  const stop = new AbortController();
  stops.push(stop);
  let session = 0;
  const run = async () => {
    while (!stop.signal.aborted) {
      for (let batch = 0; batch < 40; batch += 1) {
        const router = both[session % 2] as Router;
        session += 1;
        const decision = router.route(AGENT, `session-${session}`);
        const ok = random.uniform() < (chance[decision.version] ?? 1);
        router.record(decision, { ok, callFailed: false, latencyMs: latencyMs[decision.version] ?? 100 });
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  void run();
  return stop;
};

const eventually = async (check: () => boolean | Promise<boolean>) => {
  const deadline = Date.now() + 15_000;
  while (!(await check())) {
    if (Date.now() > deadline) {
      const { rollout } = await deployer.status({ agent: AGENT });
      throw new Error(
        `it did not happen within 15 s: ${rollout?.state} at step ${rollout?.stepIndex}, ${rollout?.reason}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};
const rolloutState = async () => (await deployer.status({ agent: AGENT })).rollout?.state;

beforeEach(async () => {
  aheadMs = 0;
  stepped = [];
  store = memoryStore();
  // The same assignment in every run: by chance one in twenty of these rollouts may be taken back.
  let ids = 0;
  host = await testHost(store, clock, () => {
    ids += 1;
    return `id-${ids}`;
  });
  target = testTarget();
  const registry = new Registry(host.runtime, { registryJson: false });
  for (const version of ["v1.0.0", "v1.1.0"]) {
    await registry.addVersion({
      agent: AGENT,
      version,
      modelId: `org/${version}`,
      trainingConfig: { baseModel: "b", trainingMethod: "sft", trainingDataset: "d" },
      evalScores: { accuracy: 1 },
    });
  }
  deployer = makeDeployer();
});
afterEach(async () => {
  for (const stop of stops.splice(0)) stop.abort();
  await Promise.all(routers.splice(0).map((router) => router.close()));
  await rm(host.folder, { recursive: true, force: true });
});

describe("a watched rollout", () => {
  it("climbs to 100 % step by step when the canary is as good, whoever of two watchers acts", async () => {
    await start(LADDER);
    traffic({ "v1.0.0": 0.9, "v1.1.0": 0.9 });
    const other = makeDeployer();
    const results = await Promise.all([
      deployer.watch({ agent: AGENT, everyMs: 10 }),
      other.watch({ agent: AGENT, everyMs: 10 }),
    ]);
    for (const result of results) expect(result).toMatchObject({ state: "promoted", version: "v1.1.0" });
    expect(stepped).toEqual(["rollout.stepped", "rollout.promoted"]);
    const { rollout, baseline } = await deployer.status({ agent: AGENT });
    expect(baseline?.version).toBe("v1.1.0");
    expect(["no-alarm", "non-inferior"]).toContain(rollout?.promotedBy);
  });

  it("is taken back on alarm, with a proof, when the canary is worse", async () => {
    await start({ ...LADDER, steps: [{ sharePct: 20, minimumSessions: 1_000_000 }, { sharePct: 100 }] });
    traffic({ "v1.0.0": 0.95, "v1.1.0": 0.5 });
    const result = await deployer.watch({ agent: AGENT, everyMs: 10 });
    expect(result).toMatchObject({ state: "rolled-back", version: "v1.1.0" });
    expect(result.reason).toContain("success");
    expect(stepped).toEqual(["rollout.rolled-back", "rollout.rollback-verified"]);
    expect((await deployer.status({ agent: AGENT })).canary).toBeNull();
  });

  it("waits for a person where the plan says so, and goes on after the approval", async () => {
    await start({
      steps: [
        { sharePct: 20, minimumSessions: 50 },
        { sharePct: 50, minimumSessions: 50, needsApproval: true },
        { sharePct: 100 },
      ],
    });
    traffic({});
    const watching = deployer.watch({ agent: AGENT, everyMs: 10 });
    await eventually(async () => (await rolloutState()) === "awaiting-approval");
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await deployer.status({ agent: AGENT })).sharePct).toBe(20);
    await deployer.promote({ agent: AGENT, approvedBy: "ada" });
    expect((await watching).state).toBe("promoted");
  });

  it("never climbs past a person's hold, and goes on when it is resumed", async () => {
    await start(LADDER);
    await deployer.hold({ agent: AGENT, reason: "release freeze" });
    traffic({});
    const watching = deployer.watch({ agent: AGENT, everyMs: 10 });
    await eventually(async () => (await deployer.status({ agent: AGENT })).outcomes.baseline.ok > 500);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await deployer.status({ agent: AGENT })).toMatchObject({
      sharePct: 20,
      rollout: { state: "held" },
    });
    await deployer.resume({ agent: AGENT });
    expect((await watching).state).toBe("promoted");
  });

  describe("that an alarm holds", () => {
    const chance = { "v1.0.0": 0.9, "v1.1.0": 0.9 };
    const slow = async () => {
      await start({
        ...LADDER,
        guardrails: [
          { metric: "success", direction: "higher" },
          { metric: "latencyMs", direction: "lower", cap: 1000, action: "hold" },
        ],
        // Enough for an alarm to come first.
        steps: [
          { sharePct: 20, minimumSessions: 3000 },
          { sharePct: 50, minimumSessions: 3000 },
          { sharePct: 100 },
        ],
      });
      traffic(chance, { "v1.1.0": 900 });
      const watching = deployer.watch({ agent: AGENT, everyMs: 10 });
      await eventually(async () => (await rolloutState()) === "held");
      return { watching };
    };
    const rollout = async () => (await deployer.status({ agent: AGENT })).rollout;

    it("goes on when a person resumes it, who has then accepted that alarm: written down with what it said", async () => {
      const { watching } = await slow();
      expect(await rollout()).toMatchObject({ heldBy: ["latencyMs"], acknowledged: [] });
      await deployer.resume({ agent: AGENT, reason: "slower, but worth it" });
      expect((await watching).state).toBe("promoted");
      expect(stepped.filter((type) => type === "rollout.held")).toHaveLength(1);
      expect(await rollout()).toMatchObject({ heldBy: [], acknowledged: ["latencyMs"] });
      const rows = await store.auditRows({ since: 0, limit: 1000 });
      expect(rows.find(({ action }) => action === "rollout.resumed")).toMatchObject({
        reason: "slower, but worth it",
        evidence: { acceptedAlarms: "latencyMs", alarm: expect.stringContaining("latencyMs is worse") },
      });
    });

    it("is taken back after that all the same when another guardrail gives alarm", async () => {
      chance["v1.1.0"] = 0.9;
      const { watching } = await slow();
      chance["v1.1.0"] = 0.4;
      await deployer.resume({ agent: AGENT, reason: "slower, but worth it" });
      const result = await watching;
      expect(result).toMatchObject({ state: "rolled-back" });
      expect(result.reason).toContain("success");
    });
  });

  it("does not climb past a hold that comes while it decides", async () => {
    await start(LADDER);
    traffic({});
    let held: Promise<void> | null = null;
    const controller = new AbortController();
    const watching = deployer.watch({
      agent: AGENT,
      everyMs: 5,
      signal: controller.signal,
      onReading({ verdict }) {
        if (verdict === "promote") held ??= deployer.hold({ agent: AGENT, reason: "a person was faster" });
      },
    });
    await eventually(() => held !== null);
    await held;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await deployer.status({ agent: AGENT })).toMatchObject({
      sharePct: 20,
      rollout: { state: "held", reason: "a person was faster" },
    });
    controller.abort();
    await watching.catch(() => {});
  });

  it("continues in another process without counting a session twice", async () => {
    await start({ ...LADDER, steps: [{ sharePct: 20, minimumSessions: 1_000_000 }, { sharePct: 100 }] });
    const stop = traffic({});
    const seen: number[] = [];
    for (const round of [1, 2, 3]) {
      const controller = new AbortController();
      const watcher = makeDeployer().watch({
        agent: AGENT,
        everyMs: 5,
        signal: controller.signal,
        onReading: ({ step }) => void seen.push(step.sessions.canary + step.sessions.baseline),
      });
      await eventually(() => (seen.at(-1) ?? 0) > round * 200);
      if (round === 3) stop.abort();
      controller.abort();
      await watcher.catch(() => {});
    }
    await Promise.all(routers.map((router) => router.flush()));
    const { outcomes } = await deployer.status({ agent: AGENT });
    const total = outcomes.baseline.ok + outcomes.canary.ok;
    let last = 0;
    const controller = new AbortController();
    const watcher = makeDeployer().watch({
      agent: AGENT,
      everyMs: 5,
      signal: controller.signal,
      onReading: ({ step }) => {
        last = step.sessions.canary + step.sessions.baseline;
      },
    });
    await eventually(() => last === total);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(last).toBe(total);
    controller.abort();
    await watcher.catch(() => {});
  });

  it("catches up after downtime one step at a time, each with its own time, and stops for an approval", async () => {
    const hour = 3_600_000;
    await start({
      steps: [
        { sharePct: 20, minimumSessions: 100, minimumDurationMs: hour },
        { sharePct: 50, minimumSessions: 100, minimumDurationMs: hour },
        { sharePct: 100, needsApproval: true },
      ],
      deadlineMs: 2 * hour,
    });
    const outcomes = async () => (await deployer.status({ agent: AGENT })).outcomes.baseline.ok;
    traffic({});
    await eventually(async () => (await outcomes()) > 500);
    aheadMs += 30 * 24 * hour;
    const watching = makeDeployer().watch({ agent: AGENT, everyMs: 5 });
    await eventually(async () => (await deployer.status({ agent: AGENT })).rollout?.stepIndex === 1);
    const seen = await outcomes();
    await eventually(async () => (await outcomes()) > seen + 500);
    expect(await deployer.status({ agent: AGENT })).toMatchObject({
      sharePct: 50,
      rollout: { state: "running", stepIndex: 1 },
    });
    aheadMs += 30 * 24 * hour;
    await eventually(async () => (await rolloutState()) === "awaiting-approval");
    expect((await deployer.status({ agent: AGENT })).sharePct).toBe(50);
    await deployer.promote({ agent: AGENT, approvedBy: "ada" });
    expect((await watching).state).toBe("promoted");
    expect(stepped.filter((type) => type !== "rollout.held")).toEqual([
      "rollout.stepped",
      "rollout.promoted",
    ]);
  });

  it("gives a step its time once more when a person resumes it after its deadline", async () => {
    const hour = 3_600_000;
    await start({
      ...LADDER,
      steps: [{ sharePct: 20, minimumSessions: 1_000_000 }, { sharePct: 100 }],
      deadlineMs: hour,
    });
    traffic({});
    const controller = new AbortController();
    let looks = 0;
    const watching = deployer.watch({
      agent: AGENT,
      everyMs: 5,
      signal: controller.signal,
      onReading: () => {
        looks += 1;
      },
    });
    await eventually(async () => (await deployer.status({ agent: AGENT })).outcomes.baseline.ok > 100);
    aheadMs += hour;
    await eventually(async () => (await rolloutState()) === "inconclusive");
    await deployer.resume({ agent: AGENT });
    const before = looks;
    await eventually(() => looks > before + 5);
    expect(await rolloutState()).toBe("running");
    aheadMs += hour;
    await eventually(async () => (await rolloutState()) === "inconclusive");
    controller.abort();
    await watching.catch(() => {});
  });

  it("rolls back on alarm even when its evidence cannot be written", async () => {
    await start({ ...LADDER, steps: [{ sharePct: 20, minimumSessions: 1_000_000 }, { sharePct: 100 }] });
    const stop = traffic({ "v1.0.0": 0.95, "v1.1.0": 0.3 });
    await eventually(async () => (await deployer.status({ agent: AGENT })).outcomes.canary.failed > 60);
    stop.abort();
    await Promise.all(routers.map((router) => router.flush()));
    const full = makeDeployer(readOnly(store));
    expect(
      await full.watch({ agent: AGENT, everyMs: 5, signal: AbortSignal.timeout(300) }).catch(() => null),
    ).toBe(null);
    expect(parseRoutingTable(await readFile(host.routingFile, "utf8")).agents[AGENT]?.arms).toMatchObject([
      { version: "v1.0.0", share: 100 },
    ]);
  });

  it("says that there is no traffic, once, and neither climbs nor falls", async () => {
    await start(LADDER);
    const controller = new AbortController();
    const watcher = deployer.watch({ agent: AGENT, everyMs: 5, signal: controller.signal });
    aheadMs = 3_600_000;
    await eventually(() => stepped.includes("rollout.no-traffic"));
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(stepped).toEqual(["rollout.no-traffic"]);
    expect(await deployer.status({ agent: AGENT })).toMatchObject({
      sharePct: 20,
      rollout: { state: "running" },
    });
    controller.abort();
    await expect(watcher).rejects.toThrow();
  });

  it("is taken back without waiting for statistics when a breaker opens twice", async () => {
    await start({ ...LADDER, steps: [{ sharePct: 50, minimumSessions: 1_000_000 }, { sharePct: 100 }] });
    const router = createRouter({
      file: host.routingFile,
      store,
      clock,
      flushEveryMs: 5,
      circuitBreaker: { openMs: 10, consecutiveFailures: 3 },
    });
    routers.push(router);
    const chat = router.wrap({
      agent: AGENT,
      models: ({ version }) => echoModel(version, new Set(["v1.1.0"])),
    });
    const watching = deployer.watch({ agent: AGENT, everyMs: 10 });
    let ended = false;
    void watching.finally(() => {
      ended = true;
    });
    for (let session = 0; !ended; session += 1) {
      expect((await chat.generate(hello, { sessionKey: `s${session}` })).text).toBe("v1.0.0");
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const result = await watching;
    expect(result.state).toBe("rolled-back");
    expect(result.reason).toMatch(/circuit breaker|success/);
  });

  it("refuses options it cannot use", async () => {
    for (const wrong of [{ everyMs: 0 }, { evryMs: 5 }, { outcomes: { source: {}, metrics: [] } }]) {
      await expect(deployer.watch({ agent: AGENT, ...wrong } as never)).rejects.toMatchObject({
        code: "input/watch-options",
      });
    }
  });

  it("ends at once when there is nothing to watch", async () => {
    expect((await deployer.watch({ agent: AGENT })).state).toBe("none");
  });
});
