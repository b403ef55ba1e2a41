import { readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  echoModel,
  type TestHost,
  type TestTarget,
  testHost,
  testTarget,
} from "../../../test-support/deployment-host.ts";
import type { RegistryStore } from "../../contract/registry-store.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import { TEMPORARY_SUFFIX } from "../../files/temporary-files.ts";
import { parseRoutingTable } from "../../model/routing-table.ts";
import { memoryStore } from "../../registry/memory-store.ts";
import { Registry } from "../../registry/registry.ts";
import { createRouter, type Router } from "../../rollout/router.ts";
import { type Clock, systemClock } from "../../time/clock.ts";
import { Deployer } from "../deployer.ts";
import type { DeployerOptions } from "../deployer-options.ts";

const AGENT = "feature_dev";
const HOUR_MS = 3_600_000;
const hello = { messages: [{ role: "user" as const, content: "hello" }] };

let store: RegistryStore;
let host: TestHost;
let target: TestTarget;
let nowMs: number;
let deployer: Deployer;
const routers: Router[] = [];

const clock: Clock = { now: () => nowMs, sleep: systemClock.sleep };
const open = (options: Partial<DeployerOptions> = {}) =>
  new Deployer(host.runtime, {
    registry: new Registry(host.runtime, { registryJson: false }),
    targets: [target],
    routingFile: host.routingFile,
    verification: { limitMs: 2000, pollEveryMs: 5 },
    ...options,
  });
const go = (version: string, options = {}) =>
  open(options).deploy({ agent: AGENT, version, rollout: "immediate" });
const existing = () => [...target.existing.values()].map(({ version }) => version).sort();
const served = async () => {
  const table = parseRoutingTable(await readFile(host.routingFile, "utf8"));
  return table.agents[AGENT]?.arms.map((arm) => arm.version);
};
const openRouter = async () => {
  const router = createRouter({ file: host.routingFile, store, flushEveryMs: 20, pollEveryMs: 20, clock });
  routers.push(router);
  const chat = router.wrap({ agent: AGENT, models: ({ version }) => echoModel(version) });
  await router.flush();
  return { router, chat };
};

beforeEach(async () => {
  nowMs = Date.parse("2026-11-29T00:00:00.000Z");
  store = memoryStore();
  host = await testHost(store, clock);
  target = testTarget();
  deployer = open();
  const registry = new Registry(host.runtime, { registryJson: false });
  for (const version of ["v1.0.0", "v1.1.0", "v1.2.0"]) {
    await registry.addVersion({
      agent: AGENT,
      version,
      modelId: `org/${version}`,
      trainingConfig: { baseModel: "b", trainingMethod: "sft", trainingDataset: "d" },
      evalScores: { accuracy: 1 },
    });
  }
  await deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
});
afterEach(async () => {
  await Promise.all(routers.splice(0).map((router) => router.close()));
  await rm(host.folder, { recursive: true, force: true });
});

describe("what no session reaches any more", () => {
  it("is freed once a newer version to go back to exists, and can be gone back to all the same", async () => {
    await openRouter();
    await go("v1.1.0");
    expect(existing()).toEqual(["v1.0.0", "v1.1.0"]);
    const events: unknown[] = [];
    deployer.on("deployment.retired", (event) => void events.push(event.data));
    await deployer.deploy({ agent: AGENT, version: "v1.2.0", rollout: "immediate" });
    await routers[0]?.flush();
    await new Promise((resolve) => setTimeout(resolve, 60));
    await deployer.reconcile();
    expect(existing()).toEqual(["v1.1.0", "v1.2.0"]);
    expect(events).toEqual([
      { version: "v1.0.0", target: "local", deploymentId: "local-v1.0.0", action: "removed" },
    ]);
    expect((await deployer.status({ agent: AGENT })).rollbackTo).toEqual(["v1.1.0"]);
    const result = await deployer.rollback({ agent: AGENT, to: "v1.0.0", reason: "both are worse" });
    expect(result).toMatchObject({ version: "v1.0.0", from: ["v1.2.0", "v1.1.0"] });
    expect(result.verification.probeVersion).toBe("v1.0.0");
    expect(await served()).toEqual(["v1.0.0"]);
    expect(existing()).toContain("v1.0.0");
  });

  it("goes only after the traffic: a call that still runs on a dropped canary keeps it", async () => {
    let finish = () => {};
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    await deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout: { steps: [{ sharePct: 99 }] } });
    const router = createRouter({ file: host.routingFile, store, flushEveryMs: 20, pollEveryMs: 20, clock });
    routers.push(router);
    const chat = router.wrap({
      agent: AGENT,
      models: ({ version }) => ({
        ...echoModel(version),
        async generate(request, options) {
          if (version === "v1.1.0") await gate;
          return echoModel(version).generate(request, options);
        },
      }),
    });
    const calls = Array.from({ length: 20 }, (_, i) => chat.generate(hello, { sessionKey: `s${i}` }));
    await router.flush();
    const impatient = open({ verification: { limitMs: 150, pollEveryMs: 5 } });
    const result = await impatient.abort({ agent: AGENT, reason: "worse" });
    expect(result.verification.complete).toBe(false);
    expect(result.warnings.join()).toContain("still has calls on it");
    expect(existing()).toEqual(["v1.0.0", "v1.1.0"]);
    nowMs += 48 * HOUR_MS;
    await router.flush();
    expect((await deployer.reconcile()).idle).toMatchObject([{ version: "v1.1.0", retiresAt: null }]);
    finish();
    await Promise.all(calls);
    await router.flush();
    const report = await deployer.reconcile();
    expect(report.agents[0]?.actions).toEqual(["removed v1.1.0 on local (local-v1.1.0)"]);
    expect(existing()).toEqual(["v1.0.0"]);
    expect((await deployer.reconcile()).agents[0]?.actions).toEqual([]);
  });

  it("stays while a live router follows an older table", async () => {
    await deployer.deploy({ agent: AGENT, version: "v1.1.0" });
    const { router } = await openRouter();
    const record = await store.get("router-acknowledgements", "@routers", router.routerId);
    await router.close();
    const frozen = { ...record?.value, closed: false, routerId: "frozen", heartbeatEveryMs: 1e9 };
    await store.commit({
      agent: "@routers",
      expectedRev: null,
      at: new Date(nowMs).toISOString(),
      puts: [{ collection: "router-acknowledgements", key: "frozen", value: frozen }],
    });
    const impatient = open({ verification: { limitMs: 100, pollEveryMs: 5 } });
    await impatient.abort({ agent: AGENT, reason: "worse" });
    nowMs += 48 * HOUR_MS;
    const { idle } = await deployer.reconcile();
    expect(idle).toMatchObject([{ version: "v1.1.0", state: "ready", retiresAt: null }]);
    expect(idle[0]?.why).toBe("frozen has not acknowledged the present routing table");
    expect(existing()).toEqual(["v1.0.0", "v1.1.0"]);
  });

  it("waits a day where nobody can say that it is idle", async () => {
    await deployer.deploy({ agent: AGENT, version: "v1.1.0" });
    const result = await deployer.abort({ agent: AGENT, reason: "worse" });
    expect(result.warnings.join()).toContain("no router is registered");
    const [idle] = (await deployer.reconcile()).idle;
    expect(idle).toMatchObject({ version: "v1.1.0", retiresAt: "2026-11-30T00:00:00.000Z" });
    nowMs += 24 * HOUR_MS - 1;
    await deployer.reconcile();
    expect(existing()).toEqual(["v1.0.0", "v1.1.0"]);
    nowMs += 1;
    await deployer.reconcile();
    expect(existing()).toEqual(["v1.0.0"]);
  });

  it("stays where the host's file named it and the host may not have read the new one", async () => {
    const hostConfig = { file: host.modelsYaml, paths: { local: "openrouter.agent_models.<agent>" } };
    const managed = open({ hostConfig });
    await openRouter();
    await managed.deploy({ agent: AGENT, version: "v1.1.0", rollout: "immediate" });
    await managed.rollback({ agent: AGENT, reason: "worse" });
    const { idle } = await managed.reconcile();
    expect(idle[0]?.why).toContain("without a reload hook");
    expect(existing()).toEqual(["v1.0.0", "v1.1.0"]);
  });

  it("is never the version that a deployment or a rollback has just taken up again", async () => {
    await openRouter();
    await go("v1.1.0");
    await deployer.rollback({ agent: AGENT, reason: "worse" });
    await routers[0]?.flush();
    await deployer.reconcile();
    expect(existing()).toEqual(["v1.0.0"]);
    await deployer.rollback({ agent: AGENT, to: "v1.1.0", reason: "it was not that" });
    await routers[0]?.flush();
    await deployer.reconcile();
    expect(existing()).toEqual(["v1.0.0", "v1.1.0"]);
    expect(await served()).toEqual(["v1.1.0"]);
  });
});

describe("the rule of retirement", () => {
  it("may keep nothing to go back to: then a rollback deploys first", async () => {
    const frugal = open({ retirement: { keepVersions: 0, unprovenAfterMs: 0 } });
    await frugal.deploy({ agent: AGENT, version: "v1.1.0", rollout: "immediate" });
    expect(existing()).toEqual(["v1.1.0"]);
    expect((await frugal.status({ agent: AGENT })).rollbackTo).toEqual([]);
    const result = await frugal.rollback({ agent: AGENT, reason: "worse" });
    expect(result).toMatchObject({ version: "v1.0.0", from: ["v1.1.0"] });
    expect(result.verification.probeAnsweredMs).not.toBeNull();
    expect(existing()).toEqual(["v1.0.0"]);
  });

  it("may pause instead, and wakes what is needed again", async () => {
    const paused: string[] = [];
    target = { ...target, pause: async ({ version }) => void paused.push(version), resume: async () => {} };
    const pausing = open({ retirement: { action: "pause", unprovenAfterMs: 0, keepVersions: 0 } });
    await pausing.deploy({ agent: AGENT, version: "v1.1.0", rollout: "immediate" });
    expect(paused).toEqual(["v1.0.0"]);
    expect((await pausing.reconcile()).idle).toEqual([]);
    target.calls.length = 0;
    await pausing.rollback({ agent: AGENT, reason: "worse" });
    expect(target.calls).toEqual(["deploy feature_dev@v1.0.0"]);
    expect(paused).toEqual(["v1.0.0", "v1.1.0"]);
  });

  it("may keep everything, and says so", async () => {
    const keeping = open({ retirement: { action: "keep", unprovenAfterMs: 0, keepVersions: 0 } });
    await keeping.deploy({ agent: AGENT, version: "v1.1.0", rollout: "immediate" });
    expect((await keeping.reconcile()).idle[0]?.why).toContain("keep");
    expect(existing()).toEqual(["v1.0.0", "v1.1.0"]);
  });

  it("tries again what the target refused, and never fails the operation for it", async () => {
    let isDown = true;
    const { remove } = target;
    target.remove = async (deployment) => {
      if (isDown) throw new Error("503");
      return remove(deployment);
    };
    const eager = open({ retirement: { unprovenAfterMs: 0 } });
    await eager.deploy({ agent: AGENT, version: "v1.1.0" });
    const result = await eager.abort({ agent: AGENT, reason: "worse" });
    expect(result.warnings.join()).toContain("could not be removed: 503");
    isDown = false;
    expect((await eager.reconcile()).agents[0]?.actions.join()).toContain("removed v1.1.0");
    expect(existing()).toEqual(["v1.0.0"]);
  });

  it("is shown before a deployment", async () => {
    await go("v1.1.0");
    const preview = await deployer.plan({ agent: AGENT, version: "v1.2.0" });
    expect(preview.retires).toEqual(["v1.0.0"]);
    expect((await deployer.plan({ agent: AGENT, version: "v1.0.0" })).retires).toEqual([]);
  });
});

describe("what a target holds without a deployment of ours", () => {
  const made = new Map<string, string>();
  beforeEach(() => {
    made.clear();
    const { deploy } = target;
    target.deploy = async (request, options) => {
      const deployment = await deploy(request, options);
      made.set(deployment.deploymentId, request.owner ?? "nobody");
      return deployment;
    };
    target.list = async ({ owner }) =>
      [...made]
        .filter(([, mark]) => mark === owner)
        .map(([deploymentId]) => ({
          deploymentId,
          state: "ready" as const,
          costUsdPerHour: 0.8,
          createdAt: null,
          remove: async () => void made.delete(deploymentId),
        }));
  });
  const ownMark = async () => {
    await go("v1.1.0");
    return made.get("local-v1.1.0") ?? "";
  };

  it("is listed at first sight, and removed when it is still there after the grace period", async () => {
    made.set("forgotten", await ownMark());
    made.set("of-another-installation", "somebody");
    const events: string[] = [];
    deployer.onAny(({ type }) => void events.push(type));
    const first = await deployer.reconcile();
    expect(first.targets).toMatchObject([
      {
        target: "local",
        problem: null,
        orphans: [
          {
            deploymentId: "forgotten",
            costUsdPerHour: 0.8,
            removed: false,
            removesAt: "2026-11-29T01:00:00.000Z",
          },
        ],
      },
    ]);
    nowMs += HOUR_MS - 1;
    await deployer.reconcile();
    expect(made.has("forgotten")).toBe(true);
    nowMs += 1;
    expect((await deployer.reconcile()).targets[0]?.orphans[0]?.removed).toBe(true);
    expect([...made.keys()].sort()).toEqual(["local-v1.1.0", "of-another-installation"]);
    expect((await deployer.reconcile()).targets[0]?.orphans).toEqual([]);
    expect(events).toEqual(["deployment.orphan-found", "deployment.orphan-removed"]);
    const rows = await store.auditRows({ since: 0, limit: 1000 });
    expect(rows.at(-1)).toMatchObject({ action: "deployment.orphan-removed", subject: "forgotten" });
  });

  it("stays while an operation is open on the target, whose product is not written down yet", async () => {
    made.set("forgotten", await ownMark());
    await deployer.reconcile();
    nowMs += 2 * HOUR_MS;
    let release = () => {};
    const reached = new Promise<void>((resolve) => {
      release = resolve;
    });
    let goOn = () => {};
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const slow = open({
      async failpoint(point) {
        if (point !== "S2.after") return;
        release();
        await gate;
      },
    });
    const deploying = slow.deploy({ agent: AGENT, version: "v1.2.0" });
    await reached;
    const orphans = (await deployer.reconcile()).targets[0]?.orphans;
    expect(orphans?.map(({ deploymentId, removed }) => [deploymentId, removed])).toEqual([
      ["forgotten", false],
      ["local-v1.2.0", false],
    ]);
    goOn();
    await deploying;
    expect((await deployer.reconcile()).targets[0]?.orphans.map((orphan) => orphan.removed)).toEqual([true]);
    expect([...made.keys()].sort()).toEqual(["local-v1.1.0", "local-v1.2.0"]);
  });

  it("tells which target could not be asked, and reconciles the rest", async () => {
    await go("v1.1.0");
    target.list = async () => {
      throw new ModelOpsError({ code: "target/server-error", message: "The service is down.", fix: "wait." });
    };
    const report = await deployer.reconcile();
    expect(report.targets).toMatchObject([{ target: "local", orphans: [] }]);
    expect(report.targets[0]?.problem).toContain("The service is down.");
    expect(report.agents[0]?.problem).toBeNull();
  });

  it("includes what an overtaken deployment made: it is freed when nothing leads to it", async () => {
    let release = () => {};
    const reached = new Promise<void>((resolve) => {
      release = resolve;
    });
    let goOn = () => {};
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const slow = open({
      retirement: { unprovenAfterMs: 0 },
      async failpoint(point) {
        if (point !== "S2.after") return;
        release();
        await gate;
      },
    });
    const deploying = slow.deploy({ agent: AGENT, version: "v1.2.0" }).catch((error: unknown) => error);
    await reached;
    await deployer.rollback({ agent: AGENT, reason: "stop it" });
    goOn();
    expect(await deploying).toMatchObject({ code: "deployment/superseded" });
    expect(existing()).toEqual(["v1.0.0"]);
  });
});

describe("what killed writers left beside the routing table", () => {
  it("is swept by the machine's clock: however late it is here, a live writer keeps its file", async () => {
    const folder = dirname(host.routingFile);
    const [live, dead] = ["live", "dead"].map((name) => join(folder, `.${name}${TEMPORARY_SUFFIX}`)) as [
      string,
      string,
    ];
    await writeFile(live, "half of a table");
    await writeFile(dead, "half of a table");
    await utimes(dead, new Date(0), new Date(0));
    nowMs = Date.now() + 48 * HOUR_MS;
    await deployer.reconcile();
    const left = (await readdir(folder)).filter((name) => name.endsWith(TEMPORARY_SUFFIX));
    expect(left).toEqual([basename(live)]);
  });
});
