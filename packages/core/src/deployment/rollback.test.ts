import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { crashDeployer } from "../../test-support/crash-host.ts";
import { echoModel, HOST_YAML } from "../../test-support/deployment-host.ts";
import { type RouterProcess, startRouterProcess } from "../../test-support/router-process.ts";
import type { RegistryStore } from "../contract/registry-store.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { parseRoutingTable } from "../model/routing-table.ts";
import { createRouter } from "../rollout/router.ts";

const AGENT = "feature_dev";
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

let folder: string;
let host: ReturnType<typeof crashDeployer>;
const processes: RouterProcess[] = [];

const served = async () => {
  const table = parseRoutingTable(await readFile(host.routingFile, "utf8"));
  return table.agents[AGENT]?.arms.map((arm) => [arm.version, arm.share]);
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-rollback-"));
  await mkdir(join(folder, "config"));
  await writeFile(join(folder, "config", "models.yaml"), HOST_YAML);
  host = crashDeployer(folder);
  for (const version of ["v1.0.0", "v1.1.0"]) {
    await host.registry.addVersion({
      agent: AGENT,
      version,
      modelId: `org/${version}`,
      trainingConfig: { baseModel: "b", trainingMethod: "sft", trainingDataset: "d" },
      evalScores: { accuracy: 1 },
    });
  }
  await host.deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
});
afterEach(async () => {
  for (const { child } of processes.splice(0)) child.kill("SIGKILL");
  await host.close();
  await rm(folder, { recursive: true, force: true });
});

describe("a rollback with several host processes under load", () => {
  it("is proven by each of them, and afterwards no session reaches the version that was taken back", async () => {
    await host.deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout: { steps: [{ sharePct: 50 }] } });
    const hosts = await Promise.all(
      ["r1", "r2", "r3"].map((routerId) => startRouterProcess(folder, routerId)),
    );
    processes.push(...hosts);
    const killed = await startRouterProcess(folder, "dead");
    killed.child.kill("SIGKILL");
    const result = await host.deployer.rollback({ agent: AGENT, reason: "worse" });
    const resolvedAt = Date.now();
    const { verification } = result;
    expect(verification.missing).toEqual([]);
    expect(verification.complete).toBe(true);
    expect(verification.routers.map((router) => router.routerId).sort()).toEqual(["r1", "r2", "r3"]);
    expect(verification.probeVersion).toBe("v1.0.0");
    for (const time of [verification.routersAcknowledgedMs, verification.lastRequestEndedMs]) {
      expect(time).toBeGreaterThanOrEqual(verification.tablePublishedMs);
      expect(time).toBeLessThanOrEqual(verification.totalMs);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
    const reports = await Promise.all(hosts.map((each) => each.stop()));
    for (const report of reports) {
      expect(report["v1.1.0"]?.count).toBeGreaterThan(0);
      expect(report["v1.1.0"]?.lastAt).toBeLessThanOrEqual(resolvedAt);
      expect(report["v1.0.0"]?.count).toBeGreaterThan(0);
    }
    const { outcomes } = await host.deployer.status({ agent: AGENT });
    const counted = reports.reduce((sum, report) => sum + (report["v1.1.0"]?.count ?? 0), 0);
    // Three first sessions were answered before the counting began; the killed process may have written some, too.
    expect(outcomes.canary.ok).toBeGreaterThanOrEqual(counted);
  });
});

describe("the proof of a rollback", () => {
  it("names the host process that did not follow, and is not complete without it", async () => {
    await host.deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout: { steps: [{ sharePct: 50 }] } });
    const [awake, frozen] = await Promise.all(
      ["awake", "frozen"].map((id) => startRouterProcess(folder, id)),
    );
    if (awake) processes.push(awake);
    if (frozen) processes.push(frozen);
    await frozen?.freeze();
    const { verification } = await host.deployer.rollback({ agent: AGENT, reason: "worse" });
    expect(verification.complete).toBe(false);
    expect(verification.missing).toContain("frozen did not confirm within 2000 ms");
    expect(verification.routersAcknowledgedMs).toBeNull();
    const byName = Object.fromEntries(verification.routers.map((router) => [router.routerId, router]));
    expect(byName.frozen).toMatchObject({ acknowledgedMs: null, drainedMs: null });
    expect(byName.awake?.acknowledgedMs).toBeGreaterThan(0);
    expect(await served()).toEqual([["v1.0.0", 100]]);
  });

  it("waits for the last call on the version that was taken back", async () => {
    await host.deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout: { steps: [{ sharePct: 99 }] } });
    const router = createRouter({ file: host.routingFile, store: host.store, flushEveryMs: 10 });
    let endCall = () => {};
    const calling = new Promise<void>((resolve) => {
      endCall = resolve;
    });
    const chat = router.wrap({
      agent: AGENT,
      models: ({ version }) => {
        const echo = echoModel(version);
        if (version !== "v1.1.0") return echo;
        return { ...echo, generate: (request) => calling.then(() => echo.generate(request)) };
      },
    });
    const slow = Array.from({ length: 20 }, (_, session) =>
      chat.generate({ messages: [] }, { sessionKey: `s${session}` }),
    );
    await router.flush();
    let resolved = false;
    const startedAt = performance.now();
    const rollingBack = host.deployer.rollback({ agent: AGENT, reason: "worse" }).finally(() => {
      resolved = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(resolved).toBe(false);
    const endedMs = performance.now() - startedAt;
    endCall();
    const { verification } = await rollingBack;
    expect(verification.complete).toBe(true);
    expect(verification.routersAcknowledgedMs).toBeLessThan(endedMs);
    expect(verification.lastRequestEndedMs).toBeGreaterThanOrEqual(endedMs);
    await Promise.all(slow);
    await router.close();
  });
});

describe("a rollback while the store is out of order", () => {
  const broken = new ModelOpsError({
    code: "storage/disk-full",
    message: "The disk is full.",
    fix: "free some.",
  });
  const fail = () => Promise.reject(broken);
  const breakStore = (store: RegistryStore, methods: readonly (keyof RegistryStore)[]) => {
    const originals = methods.map((method) => [method, store[method]] as const);
    for (const method of methods) Object.assign(store, { [method]: fail });
    return () => Object.assign(store, Object.fromEntries(originals));
  };
  const writes = ["commit", "appendEvents"] as const;
  const everything = [...writes, "get", "list", "revision", "agents", "events", "auditRows"] as const;

  it.each([
    ["cannot be written", writes],
    ["cannot be read or written", everything],
  ])("that %s: traffic and file go back, and reconcile writes it down later", async (_name, methods) => {
    const before = await readFile(host.modelsYaml);
    await host.deployer.deploy({ agent: AGENT, version: "v1.1.0" });
    await host.deployer.promote({ agent: AGENT, to: 100 });
    expect(await served()).toEqual([["v1.1.0", 100]]);
    const repair = breakStore(host.store, methods);
    const result = await host.deployer.rollback({ agent: AGENT, reason: "worse" });
    expect(result).toMatchObject({ version: "v1.0.0", storeUpdated: false, config: "bytes" });
    expect(result.warnings.join()).toContain("disk is full");
    expect(result.verification.complete).toBe(false);
    expect(result.verification.probeAnsweredMs).not.toBeNull();
    expect(await served()).toEqual([["v1.0.0", 100]]);
    expect(sha256(await readFile(host.modelsYaml))).toBe(sha256(before));
    repair();
    const report = await host.deployer.reconcile();
    expect(report.agents[0]?.actions.join()).toContain("store was down");
    expect(report.drift).toEqual([]);
    expect(await served()).toEqual([["v1.0.0", 100]]);
    expect((await host.registry.pointers({ agent: AGENT })).current).toBe("v1.0.0");
    expect((await host.deployer.status({ agent: AGENT })).rollout?.state).toBe("rolled-back");
  });

  it("and a deployment of another agent comes before the reconcile: the rollback stays in force", async () => {
    await host.deployer.deploy({ agent: AGENT, version: "v1.1.0" });
    const repair = breakStore(host.store, writes);
    await host.deployer.rollback({ agent: AGENT, reason: "worse" });
    repair();
    await host.registry.addVersion({
      agent: "code_review",
      version: "v5.0.0",
      modelId: "org/reviewer",
      trainingConfig: { baseModel: "b", trainingMethod: "sft", trainingDataset: "d" },
      evalScores: { accuracy: 1 },
    });
    await host.deployer.deploy({ agent: "code_review", version: "v5.0.0", rollout: "immediate" });
    expect(await served()).toEqual([["v1.0.0", 100]]);
    await host.deployer.reconcile();
    expect(await served()).toEqual([["v1.0.0", 100]]);
    expect(await host.deployer.drift()).toEqual([]);
  });

  it("and the copy beside it is lost, too: the table itself is enough to reconcile from", async () => {
    await host.deployer.deploy({ agent: AGENT, version: "v1.1.0" });
    const repair = breakStore(host.store, writes);
    await host.deployer.rollback({ agent: AGENT, reason: "worse" });
    repair();
    await rm(join(folder, "home", "deployment", "serving"), { recursive: true });
    const report = await host.deployer.reconcile();
    expect(report.drift).toEqual([]);
    expect((await host.deployer.status({ agent: AGENT })).canary).toBeNull();
    expect((await host.registry.pointers({ agent: AGENT })).canary).toBeNull();
  });
});

describe("a rollback overtakes", () => {
  it("a deployment that is still under way, which then changes nothing any more", async () => {
    let release = () => {};
    const reached = new Promise<void>((resolve) => {
      release = resolve;
    });
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const slow = crashDeployer(folder, async (point) => {
      if (point !== "S4.after") return;
      release();
      await gate;
    });
    const deploying = slow.deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout: "immediate" }).then(
      () => "deployed",
      (error: unknown) => (ModelOpsError.isInstance(error) ? error.code : String(error)),
    );
    await reached;
    const result = await host.deployer.rollback({ agent: AGENT, reason: "stop it" });
    expect(result).toMatchObject({ version: "v1.0.0", from: [] });
    go();
    expect(await deploying).toBe("deployment/superseded");
    expect(await served()).toEqual([["v1.0.0", 100]]);
    expect((await host.deployer.status({ agent: AGENT })).openOperation).toBeNull();
    await slow.close();
  });

  it("a promotion that passed the point of no return: its late edit of the host's file is refused", async () => {
    const before = await readFile(host.modelsYaml);
    await host.deployer.deploy({ agent: AGENT, version: "v1.1.0" });
    let release = () => {};
    const reached = new Promise<void>((resolve) => {
      release = resolve;
    });
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const slow = crashDeployer(folder, async (point) => {
      if (point !== "S5.committed") return;
      release();
      await gate;
    });
    const promoting = slow.deployer.promote({ agent: AGENT, to: 100 }).then(
      () => "promoted",
      (error: unknown) => (ModelOpsError.isInstance(error) ? error.code : String(error)),
    );
    await reached;
    await host.deployer.rollback({ agent: AGENT, reason: "stop it" });
    go();
    expect(await promoting).toBe("deployment/superseded");
    expect(sha256(await readFile(host.modelsYaml))).toBe(sha256(before));
    expect(await served()).toEqual([["v1.0.0", 100]]);
    await slow.close();
  });
});
