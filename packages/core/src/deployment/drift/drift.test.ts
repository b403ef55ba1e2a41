import { rm, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type TestHost,
  type TestTarget,
  testHost,
  testTarget,
} from "../../../test-support/deployment-host.ts";
import type { TargetDeploymentStatus } from "../../contract/deploy-target.ts";
import { memoryStore } from "../../registry/memory-store.ts";
import { Registry } from "../../registry/registry.ts";
import { Deployer } from "../deployer.ts";

const AGENT = "feature_dev";

let host: TestHost;
let target: TestTarget;
let registry: Registry;
let deployer: Deployer;

const open = (targets = [target]) =>
  new Deployer(host.runtime, {
    registry,
    targets,
    routingFile: host.routingFile,
    hostConfig: { file: host.modelsYaml, paths: { local: "openrouter.agent_models.<agent>" } },
    verification: { limitMs: 2000, pollEveryMs: 5 },
  });
const answers = (status: Partial<TargetDeploymentStatus>, version = "v1.0.0") => {
  const before = target.status;
  target.status = async (deployment, options) =>
    deployment.version === version
      ? { state: "ready", message: null, costUsdPerHour: 0, ...status }
      : before(deployment, options);
};

beforeEach(async () => {
  host = await testHost(memoryStore());
  target = testTarget();
  registry = new Registry(host.runtime, { registryJson: false });
  deployer = open();
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

describe("the registry's pointers, moved by hand", () => {
  it("to another current version: told with the call that puts it back, and that call does", async () => {
    await registry.setCurrent({ agent: AGENT, version: "v1.2.0", reason: "by hand" });
    expect(await deployer.drift()).toEqual([
      {
        agent: AGENT,
        place: "registry",
        expected: "current v1.0.0",
        found: "current v1.2.0",
        problem: null,
        fix: 'sessions still get v1.0.0: put the pointer back with registry.rollback({ agent, to: "v1.0.0" }), or deploy v1.2.0 if that is what you want.',
      },
    ]);
    // Looking changes nothing, not even in reconcile.
    expect((await deployer.reconcile()).drift).toHaveLength(1);
    expect((await registry.pointers({ agent: AGENT })).current).toBe("v1.2.0");
    await registry.rollback({ agent: AGENT, to: "v1.0.0", reason: "as drift() says" });
    expect(await deployer.drift()).toEqual([]);
  });

  it("to a canary that no session gets, and away from one that sessions get", async () => {
    await registry.setCanary({ agent: AGENT, version: "v1.2.0", share: 20, reason: "by hand" });
    expect(await deployer.drift()).toMatchObject([
      { place: "registry", expected: null, found: "canary v1.2.0 at 20 %", problem: null },
    ]);
    await registry.rollback({ agent: AGENT, reason: "as drift() says" });
    expect(await deployer.drift()).toEqual([]);
    await deployer.deploy({ agent: AGENT, version: "v1.1.0" });
    expect(await deployer.drift()).toEqual([]);
    await registry.rollback({ agent: AGENT, reason: "by hand" });
    expect(await deployer.drift()).toMatchObject([
      {
        expected: "canary v1.1.0 at 20 %",
        found: null,
        fix: expect.stringContaining('setCanary({ agent, version: "v1.1.0", share: 20 })'),
      },
    ]);
    await registry.setCanary({ agent: AGENT, version: "v1.1.0", share: 50, reason: "by hand" });
    expect(await deployer.drift()).toMatchObject([
      { expected: "canary v1.1.0 at 20 %", found: "canary v1.1.0 at 50 %" },
    ]);
  });

  it("or out of reach: named as not known", async () => {
    registry.pointers = () => Promise.reject(new Error("the disk is gone"));
    expect(await deployer.drift()).toMatchObject([
      { place: "registry", expected: "current v1.0.0", found: null, problem: "the disk is gone" },
    ]);
  });
});

describe("a deployment that sessions are led to", () => {
  it.each([
    [{ state: "absent" }, "absent", "it is gone"],
    [{ state: "paused" }, "paused", "wake it"],
    [{ state: "failed", message: "out of memory" }, "failed: out of memory", "own log"],
    [{ state: "starting" }, "starting", "ask again"],
    [{ servesInstead: "org/other" }, "serves org/other", "have it serve org/v1.0.0 again"],
  ] as const)("%o: told as %s", async (status, found, fix) => {
    answers(status);
    const drift = await deployer.drift({ agent: "feature-dev" });
    expect(drift).toMatchObject([
      { place: "target", expected: "v1.0.0 ready on local (local-v1.0.0)", found, problem: null },
    ]);
    expect(drift[0]?.fix).toContain(fix);
  });

  it("sleeps until the next request: that is no drift", async () => {
    answers({ state: "paused", wakesOnRequest: true });
    expect(await deployer.drift()).toEqual([]);
  });

  it("is the canary, too", async () => {
    await deployer.deploy({ agent: AGENT, version: "v1.1.0" });
    answers({ state: "absent" }, "v1.1.0");
    expect(await deployer.drift()).toMatchObject([
      { place: "target", expected: expect.stringContaining("v1.1.0 ready"), found: "absent" },
    ]);
  });

  it("cannot be asked for: the target is named, and other places are looked at all the same", async () => {
    target.status = () => Promise.reject(new Error("connect ECONNREFUSED"));
    expect(await deployer.drift()).toMatchObject([
      {
        place: "target",
        found: null,
        problem: "connect ECONNREFUSED",
        fix: expect.stringContaining("local"),
      },
    ]);
    await writeFile(host.routingFile, "{}");
    const without = await open([testTarget("elsewhere")]).drift();
    expect(without.map(({ place }) => place)).toEqual(["routing-table", "target"]);
    expect(without[1]?.problem).toBe("This deployer has no target local.");
  });

  it("serves another model from the start: the deployment is refused", async () => {
    answers({ servesInstead: "org/other" }, "v1.1.0");
    await expect(deployer.deploy({ agent: AGENT, version: "v1.1.0" })).rejects.toMatchObject({
      code: "deployment/not-healthy",
      reason: "It serves org/other, not org/v1.1.0.",
    });
  });
});
