import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type TestHost,
  type TestTarget,
  testHost,
  testTarget,
} from "../../../test-support/deployment-host.ts";
import type { TargetDeployment } from "../../contract/deploy-target.ts";
import type { RegistryStore } from "../../contract/registry-store.ts";
import { memoryStore } from "../../registry/memory-store.ts";
import { Registry } from "../../registry/registry.ts";
import { completeRuntime } from "../../runtime.ts";
import { type Clock, systemClock } from "../../time/clock.ts";
import { Deployer } from "../deployer.ts";
import type { DeployerOptions } from "../deployer-options.ts";
import { lendModel } from "./lend-model.ts";

const AGENT = "feature_dev";
const MINUTE_MS = 60_000;

let store: RegistryStore;
let host: TestHost;
let target: TestTarget;
let deployer: Deployer;
let nowMs: number;
/** What exists at the service, by name. */
let made: Map<string, { readonly owner: string | null; readonly createdAt: string }>;

const clock: Clock = { now: () => nowMs, sleep: systemClock.sleep };
const open = (options: Partial<DeployerOptions> = {}) =>
  new Deployer(host.runtime, {
    registry: new Registry(host.runtime, { registryJson: false }),
    targets: [target],
    routingFile: host.routingFile,
    verification: { limitMs: 2000, pollEveryMs: 5 },
    ...options,
  });
const lend = (version: string, runtime = host.runtime) =>
  lendModel({
    runtime,
    target,
    model: { agent: AGENT, version, modelId: `org/${version}`, artifact: null },
    idempotencyKey: `${AGENT}@${version}`,
  });
const names = () => [...made.keys()].sort();
const swept = async () => (await deployer.reconcile()).targets[0];

beforeEach(async () => {
  nowMs = Date.parse("2026-11-29T00:00:00.000Z");
  made = new Map();
  store = memoryStore();
  host = await testHost(store, clock);
  target = testTarget();
  const { deploy, remove } = target;
  target.deploy = async (request, options) => {
    const deployment = await deploy(request, options);
    const { owner = null } = request;
    if (!made.has(deployment.deploymentId))
      made.set(deployment.deploymentId, { owner, createdAt: new Date(nowMs).toISOString() });
    return deployment;
  };
  target.remove = async (deployment: TargetDeployment) => {
    made.delete(deployment.deploymentId);
    await remove(deployment);
  };
  target.list = async ({ owner }) =>
    [...made]
      .filter(([, resource]) => resource.owner === owner)
      .map(([deploymentId, { createdAt }]) => ({
        deploymentId,
        state: "ready" as const,
        costUsdPerHour: 0.8,
        createdAt,
        remove: async () => void made.delete(deploymentId),
      }));
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
afterEach(() => rm(host.folder, { recursive: true, force: true }));

describe("a model that is served outside of any rollout", () => {
  it("is shown with its cost while it is used, and goes when its use ends", async () => {
    const lent = await lend("v1.1.0");
    nowMs += 5 * 60 * MINUTE_MS;
    expect(await swept()).toEqual({
      target: "local",
      orphans: [],
      lent: [
        {
          target: "local",
          deploymentId: "local-v1.1.0",
          state: "ready",
          costUsdPerHour: 0.8,
          agent: AGENT,
          version: "v1.1.0",
          since: "2026-11-29T00:00:00.000Z",
        },
      ],
      problem: null,
    });
    await Promise.all([lent.release(), lent.release()]);
    expect(names()).toEqual(["local-v1.0.0"]);
    expect(await swept()).toMatchObject({ orphans: [], lent: [] });
  });

  it("is an orphan once its process is dead, and removed after the grace period", async () => {
    // It renews in real time only: what `nowMs` leaves behind is as if it had died.
    await lend("v1.1.0", completeRuntime({ store, home: join(host.folder, "other"), clock }));
    nowMs += 14 * MINUTE_MS;
    expect(await swept()).toMatchObject({ orphans: [], lent: [{ version: "v1.1.0" }] });
    nowMs += 2 * MINUTE_MS;
    expect(await swept()).toMatchObject({
      lent: [],
      orphans: [{ deploymentId: "local-v1.1.0", costUsdPerHour: 0.8, removed: false }],
    });
    nowMs += 61 * MINUTE_MS;
    expect((await swept())?.orphans).toMatchObject([{ removed: true }]);
    expect(names()).toEqual(["local-v1.0.0"]);
  });

  it("stays while another process uses it, and goes after the grace period when the last one has ended", async () => {
    const first = await lend("v1.1.0");
    const second = await lend("v1.1.0");
    await first.release();
    expect((await swept())?.lent).toHaveLength(1);
    await second.release();
    expect((await swept())?.orphans).toHaveLength(1);
    nowMs += 61 * MINUTE_MS;
    await swept();
    expect(names()).toEqual(["local-v1.0.0"]);
  });

  it("is never what a rollout uses, whether it did before or has come to since", async () => {
    const inUse = await lend("v1.0.0");
    const evaluated = await lend("v1.1.0");
    await deployer.deploy({ agent: AGENT, version: "v1.1.0" });
    await inUse.release();
    await evaluated.release();
    expect(names()).toEqual(["local-v1.0.0", "local-v1.1.0"]);
    expect(await swept()).toMatchObject({ orphans: [], lent: [] });
  });

  it("is never what was there before, or belongs to somebody else", async () => {
    made.set("local-v1.1.0", { owner: null, createdAt: new Date(nowMs).toISOString() });
    await (await lend("v1.1.0")).release();
    nowMs += 48 * 60 * MINUTE_MS;
    await swept();
    expect(names()).toEqual(["local-v1.0.0", "local-v1.1.0"]);
  });

  it("is left alone while it is being made, whatever the grace period", async () => {
    deployer = open({ retirement: { orphanGraceMs: 0 } });
    const { deploy } = target;
    let shown: unknown;
    target.deploy = async (request, options) => {
      const deployment = await deploy(request, options);
      shown = (await swept())?.orphans;
      return deployment;
    };
    await lend("v1.1.0");
    expect(shown).toMatchObject([{ removed: false, problem: "something is being made on this target" }]);
    expect(names()).toEqual(["local-v1.0.0", "local-v1.1.0"]);
  });

  it("is paused again when it was a paused deployment", async () => {
    const paused: string[] = [];
    target.pause = async ({ version }) => void paused.push(version);
    deployer = open({ retirement: { action: "pause", keepVersions: 0, unprovenAfterMs: 0 } });
    await deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout: "immediate" });
    expect(paused).toEqual(["v1.0.0"]);
    await (await lend("v1.0.0")).release();
    expect(paused).toEqual(["v1.0.0", "v1.0.0"]);
  });

  it("counts as its own when it is a version of the past that was freed", async () => {
    deployer = open({ retirement: { keepVersions: 0, unprovenAfterMs: 0 } });
    await deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout: "immediate" });
    expect(names()).toEqual(["local-v1.1.0"]);
    await (await lend("v1.0.0")).release();
    expect(names()).toEqual(["local-v1.1.0"]);
  });

  it("leaves no lease when it cannot be made", async () => {
    target.deploy = () => Promise.reject(new Error("no quota"));
    await expect(lend("v1.1.0")).rejects.toThrow("no quota");
    const { records } = await store.list({ collection: "deployments", terms: ["serving-lease"], limit: 10 });
    expect(records).toEqual([]);
  });
});
