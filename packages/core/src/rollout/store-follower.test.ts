import { rm } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type TestHost, testHost, testTarget } from "../../test-support/deployment-host.ts";
import type { RegistryStore } from "../contract/registry-store.ts";
import { Deployer } from "../deployment/deployer.ts";
import { memoryStore } from "../registry/memory-store.ts";
import { Registry } from "../registry/registry.ts";
import { createRouter, type Router } from "./router.ts";

const AGENT = "feature_dev";
let store: RegistryStore;
let isDown: boolean;
let host: TestHost;
let deployer: Deployer;
const routers: Router[] = [];

const open = (options: { readonly file?: string } = {}) => {
  const router = createRouter({ store: failing, pollEveryMs: 5, flushEveryMs: 5, ...options });
  routers.push(router);
  return router;
};

/** The store, unless it is down. */
let failing: RegistryStore;

const eventually = async (check: () => boolean) => {
  const deadline = Date.now() + 10_000;
  while (!check()) {
    if (Date.now() > deadline) throw new Error("it did not happen within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

beforeEach(async () => {
  isDown = false;
  store = memoryStore();
  failing = new Proxy(store, {
    get(from, name) {
      const value: unknown = Reflect.get(from, name);
      if (typeof value !== "function") return value;
      return isDown ? () => Promise.reject(new Error("the store is down")) : value.bind(from);
    },
  });
  host = await testHost(store);
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
  deployer = new Deployer(host.runtime, {
    registry,
    targets: [testTarget()],
    routingFile: host.routingFile,
    verification: { limitMs: 2000, pollEveryMs: 5 },
  });
});
afterEach(async () => {
  await Promise.all(routers.splice(0).map((router) => router.close()));
  await rm(host.folder, { recursive: true, force: true });
});

describe("a router without a file", () => {
  it("follows the store: the same table and the same decisions as from the file, and it proves a rollback", async () => {
    await deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
    const router = open();
    await router.ready();
    expect(router.route(AGENT, "session-1").version).toBe("v1.0.0");
    await deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout: { steps: [{ sharePct: 50 }] } });
    await eventually(() => router.canaryOf(AGENT) !== null);
    const beside = open({ file: host.routingFile });
    expect(router.status().sha256).toBe(beside.status().sha256);
    for (let session = 0; session < 200; session += 1) {
      const [left, right] = [router, beside].map((each) => each.route(AGENT, `session-${session}`));
      expect([left?.version, left?.bucket]).toEqual([right?.version, right?.bucket]);
    }
    const { verification } = await deployer.rollback({ agent: AGENT, reason: "worse" });
    expect(verification.routers.map(({ routerId }) => routerId)).toContain(router.routerId);
    expect(verification.routers.every(({ acknowledgedMs }) => acknowledgedMs !== null)).toBe(true);
    expect(router.canaryOf(AGENT)).toBeNull();
  });

  it("keeps its table while the store is down, and says so", async () => {
    await deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
    const router = open();
    await router.ready();
    isDown = true;
    await eventually(() => router.status().tableError !== null);
    expect(router.status().tableError).toContain("the store is down");
    expect(router.route(AGENT, "session-1").version).toBe("v1.0.0");
    isDown = false;
    await eventually(() => router.status().tableError === null);
  });

  it("finds its agents once the store has come up", async () => {
    isDown = true;
    const router = open();
    await router.ready();
    expect(() => router.route(AGENT, "session-1")).toThrowError(/has no agent/);
    await deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
    isDown = false;
    await eventually(() => router.status().agents.includes(AGENT));
  });

  it("needs at least a store", () => {
    expect(() => createRouter({})).toThrowError(/give file, the routing table, or store/);
  });
});
