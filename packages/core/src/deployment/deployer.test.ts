import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  echoModel,
  type TestHost,
  type TestTarget,
  testHost,
  testTarget,
} from "../../test-support/deployment-host.ts";
import type { RegistryStore } from "../contract/registry-store.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { parseRoutingTable } from "../model/routing-table.ts";
import { memoryStore } from "../registry/memory-store.ts";
import { Registry } from "../registry/registry.ts";
import { createRouter, type Router } from "../rollout/router.ts";
import { Deployer } from "./deployer.ts";
import type { DeployerOptions } from "./deployer-options.ts";

const AGENT = "feature_dev";
const hello = { messages: [{ role: "user" as const, content: "hello" }] };
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "it was accepted",
    (error: unknown) => (ModelOpsError.isInstance(error) ? error.code : String(error)),
  );

let store: RegistryStore;
let host: TestHost;
let target: TestTarget;
let registry: Registry;
let deployer: Deployer;
const routers: Router[] = [];

const makeDeployer = (options: Partial<DeployerOptions> = {}) =>
  new Deployer(host.runtime, {
    registry,
    targets: [target],
    routingFile: host.routingFile,
    hostConfig: { file: host.modelsYaml, paths: { local: "openrouter.agent_models.<agent>" } },
    verification: { limitMs: 5000, pollEveryMs: 5 },
    ...options,
  });

const addVersion = (version: string, evaluated = true) =>
  registry.addVersion({
    agent: AGENT,
    version,
    modelId: `org/${version}`,
    trainingConfig: { baseModel: "base", trainingMethod: "sft", trainingDataset: "file:rows.jsonl" },
    evalScores: evaluated ? { accuracy: 0.9 } : null,
  });

const openRouter = () => {
  const router = createRouter({ file: host.routingFile, store, flushEveryMs: 20, pollEveryMs: 50 });
  routers.push(router);
  return router;
};

const table = async () => parseRoutingTable(await readFile(host.routingFile, "utf8"));
const shares = async () => (await table()).agents[AGENT]?.arms.map((arm) => [arm.version, arm.share]);
const yaml = () => readFile(host.modelsYaml);
const changedLines = async (before: Buffer) => {
  const left = before.toString("utf8").split("\n");
  const right = (await yaml()).toString("utf8").split("\n");
  expect(right.length).toBe(left.length);
  return left.filter((line, index) => line !== right[index]).length;
};

beforeEach(async () => {
  store = memoryStore();
  host = await testHost(store);
  target = testTarget();
  registry = new Registry(host.runtime, { registryJson: false });
  deployer = makeDeployer();
  await addVersion("v1.0.0");
  await addVersion("v1.1.0");
});
afterEach(async () => {
  await Promise.all(routers.splice(0).map((router) => router.close()));
  await rm(host.folder, { recursive: true, force: true });
});

describe("the whole way", () => {
  it("deploys, canaries at 20, 50 and 100 %, and rolls back to the same bytes, proven by a live router", async () => {
    const events: string[] = [];
    deployer.onAny((event) => void events.push(event.type));
    const original = await yaml();
    await deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
    const beforeCanary = await yaml();
    expect(await changedLines(original)).toBe(1);
    expect(await shares()).toEqual([["v1.0.0", 100]]);
    expect((await registry.pointers({ agent: AGENT })).current).toBe("v1.0.0");

    const router = openRouter();
    const chat = router.wrap({ agent: AGENT, models: ({ version }) => echoModel(version) });
    expect((await chat.generate(hello, { sessionKey: "s" })).text).toBe("v1.0.0");

    const canary = await deployer.deploy({
      agent: "feature-dev",
      version: "v1.1.0",
      rollout: "canary_20pct",
    });
    expect(canary).toMatchObject({
      deployed: true,
      rolloutPct: 20,
      version: "v1.1.0",
      deploymentId: "local-v1.1.0",
    });
    expect(await shares()).toEqual([
      ["v1.0.0", 80],
      ["v1.1.0", 20],
    ]);
    expect(sha256(await yaml())).toBe(sha256(beforeCanary));
    expect((await registry.pointers({ agent: AGENT })).canary).toEqual({ version: "v1.1.0", share: 20 });

    expect((await deployer.promote({ agent: AGENT })).rolloutPct).toBe(50);
    expect((await registry.pointers({ agent: AGENT })).canary).toEqual({ version: "v1.1.0", share: 50 });
    const promoted = await deployer.promote({ agent: AGENT });
    expect(promoted).toMatchObject({ rolloutPct: 100, restartRequired: true });
    expect(promoted.effectiveModel).toEqual({ before: "org/v1.0.0", after: "org/v1.1.0" });
    expect(await changedLines(beforeCanary)).toBe(1);
    expect(await shares()).toEqual([["v1.1.0", 100]]);
    expect((await registry.pointers({ agent: AGENT })).current).toBe("v1.1.0");

    const result = await deployer.rollback({ agent: AGENT, reason: "worse answers" });
    expect(result).toMatchObject({
      rolledBack: true,
      version: "v1.0.0",
      from: ["v1.1.0"],
      config: "bytes",
      storeUpdated: true,
    });
    expect(sha256(await yaml())).toBe(sha256(beforeCanary));
    expect(result.verification).toMatchObject({ complete: true, missing: [], probeVersion: "v1.0.0" });
    expect(result.verification.routers).toHaveLength(1);
    expect(result.verification.lastRequestEndedMs).not.toBeNull();
    expect((await chat.generate(hello, { sessionKey: "s" })).text).toBe("v1.0.0");
    expect((await registry.pointers({ agent: AGENT })).current).toBe("v1.0.0");
    expect(await deployer.drift()).toEqual([]);
    expect(events).toEqual([
      "deployment.started",
      "deployment.completed",
      "rollout.promoted",
      "deployment.started",
      "deployment.completed",
      "rollout.started",
      "rollout.stepped",
      "rollout.promoted",
      "rollout.rolled-back",
      "rollout.rollback-verified",
    ]);
  });

  it("takes a running canary back without touching the host's file, and says what is not proven", async () => {
    const original = await yaml();
    await deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
    await deployer.deploy({ agent: AGENT, version: "v1.1.0" });
    const result = await deployer.abort({ agent: AGENT, reason: "changed our mind" });
    expect(result).toMatchObject({ version: "v1.0.0", from: ["v1.1.0"], config: "none" });
    expect(result.verification.complete).toBe(false);
    expect(result.verification.missing.join()).toContain("no router is registered");
    expect((await registry.pointers({ agent: AGENT })).canary).toBeNull();
    expect((await deployer.status({ agent: AGENT })).rollout?.state).toBe("rolled-back");
    expect(await codeOf(deployer.rollback({ agent: AGENT, from: "v1.1.0", reason: "again" }))).toBe(
      "deployment/already-rolled-back",
    );
    const first = await deployer.rollback({ agent: AGENT, reason: "back to the start" });
    expect(first.version).toBe("unmanaged");
    expect(sha256(await yaml())).toBe(sha256(original));
  });

  it("adopts what the host runs as the baseline of its first canary", async () => {
    const { canary, baseline } = await deployer
      .deploy({ agent: AGENT, version: "v1.0.0" })
      .then(() => deployer.status({ agent: AGENT }));
    expect(baseline).toMatchObject({ version: "unmanaged", configValue: "qwen/qwen-2.5-coder-32b-instruct" });
    expect(canary?.version).toBe("v1.0.0");
  });

  it("goes to any version with `to`, over several promotions, byte for byte", async () => {
    await addVersion("v1.2.0");
    await deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
    const atFirst = await yaml();
    await deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout: "immediate" });
    await deployer.deploy({ agent: AGENT, version: "v1.2.0", rollout: "immediate" });
    const result = await deployer.rollback({ agent: AGENT, to: "v1.0.0", reason: "two bad ones" });
    expect(result).toMatchObject({ version: "v1.0.0", from: ["v1.2.0", "v1.1.0"], config: "bytes" });
    expect(sha256(await yaml())).toBe(sha256(atFirst));
    expect((await registry.pointers({ agent: AGENT })).current).toBe("v1.0.0");
    const forward = await deployer.rollback({ agent: AGENT, to: "v1.2.0", reason: "it was not that" });
    expect(forward.version).toBe("v1.2.0");
    expect((await yaml()).toString()).toContain("feature_dev: org/v1.2.0");
  });

  it("restores only the value when somebody edited the file since", async () => {
    await deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
    await deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout: "immediate" });
    const edited = (await yaml()).toString().replace("deepseek/deepseek-chat", "someone/else");
    await writeFile(host.modelsYaml, edited);
    const result = await deployer.rollback({ agent: AGENT, reason: "worse" });
    expect(result.config).toBe("value");
    expect((await yaml()).toString()).toBe(edited.replace("org/v1.1.0", "org/v1.0.0"));
  });

  it("deploys what serves already calmly, and never rolls back to it", async () => {
    await deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
    const before = await yaml();
    await deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout: "immediate" });
    await deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout: "immediate" });
    expect(await codeOf(deployer.deploy({ agent: AGENT, version: "v1.1.0" }))).toBe(
      "deployment/already-serving",
    );
    const result = await deployer.rollback({ agent: AGENT, reason: "worse" });
    expect(result).toMatchObject({ version: "v1.0.0", from: ["v1.1.0"] });
    expect(sha256(await yaml())).toBe(sha256(before));
  });

  it("ends a drill whose process died", async () => {
    await deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
    const dying = makeDeployer({
      failpoint: (point) => {
        if (point === "R1.before") throw new Error("power cut");
      },
    });
    await expect(dying.drill({ agent: AGENT })).rejects.toThrow("power cut");
    expect((await shares())?.length).toBe(2);
    const report = await deployer.reconcile();
    expect(report.agents[0]?.actions).toEqual(["ended a drill whose process died"]);
    expect(await shares()).toEqual([["v1.0.0", 100]]);
  });

  it("rehearses a rollback without touching a session or the host's file", async () => {
    await deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
    const router = openRouter();
    router.wrap({ agent: AGENT, models: ({ version }) => echoModel(version) });
    await router.flush();
    const before = await yaml();
    const result = await deployer.drill({ agent: AGENT });
    expect(result.verification.missing).toEqual([]);
    expect(result).toMatchObject({ version: "v1.0.0", config: "none" });
    expect(sha256(await yaml())).toBe(sha256(before));
    expect(await shares()).toEqual([["v1.0.0", 100]]);
  });
});

describe("what is refused, while the running model keeps serving", () => {
  beforeEach(async () => {
    await deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
  });
  afterEach(async () => {
    expect(await shares()).toEqual([["v1.0.0", 100]]);
    expect((await deployer.status({ agent: AGENT })).openOperation).toBeNull();
  });

  it("a version that was never evaluated, unless a reason is given, which is audited", async () => {
    await addVersion("v2.0.0", false);
    expect(await codeOf(deployer.deploy({ agent: AGENT, version: "v2.0.0" }))).toBe(
      "deployment/not-evaluated",
    );
    await deployer.deploy({ agent: AGENT, version: "v2.0.0", override: { reason: "hot fix" } });
    const rows = await store.auditRows({ since: 0, limit: 1000 });
    expect(rows.find((row) => row.action === "deploy.started-with-override")?.reason).toBe("hot fix");
    await deployer.abort({ agent: AGENT, reason: "done" });
  });

  it("an unknown version, target or agent name, a model the target cannot serve, an archived version", async () => {
    expect(await codeOf(deployer.deploy({ agent: AGENT, version: "v9.9.9" }))).toBe(
      "registry/unknown-version",
    );
    expect(await codeOf(deployer.deploy({ agent: AGENT, version: "v1.1.0", target: "moon" }))).toBe(
      "deployment/unknown-target",
    );
    expect(await codeOf(deployer.deploy({ agent: "No Such", version: "v1.1.0" }))).toBe("input/agent-name");
    await registry.addVersion({
      agent: AGENT,
      version: "v3.0.0",
      modelId: "org/unservable",
      trainingConfig: { baseModel: "b", trainingMethod: "sft", trainingDataset: "d" },
      evalScores: { accuracy: 1 },
    });
    expect(await codeOf(deployer.deploy({ agent: AGENT, version: "v3.0.0" }))).toBe(
      "deployment/cannot-serve",
    );
  });

  it("a plan whose shares do not rise, or that cannot be measured", async () => {
    const guardrail = { metric: "latencyMs", direction: "lower" } as const;
    for (const rollout of [
      { steps: [{ sharePct: 50 }, { sharePct: 20 }] },
      { steps: [{ sharePct: 120 }] },
      { steps: [] },
      { steps: [{ sharePct: 20 }], guardrails: [guardrail] },
      { steps: [{ sharePct: 20, typo: 1 }] },
    ]) {
      const code = await codeOf(
        deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout: rollout as never }),
      );
      expect(code).toBe("input/rollout-plan");
    }
  });

  it("a deployment that nobody approved", async () => {
    const request = { agent: AGENT, version: "v1.1.0" };
    expect(await codeOf(deployer.deploy({ ...request, approve: () => false }))).toBe(
      "deployment/not-approved",
    );
    const rollout = {
      steps: [
        { sharePct: 20, needsApproval: true },
        { sharePct: 100, needsApproval: true },
      ],
    };
    expect(await codeOf(deployer.deploy({ ...request, rollout }))).toBe("deployment/not-approved");
    await deployer.deploy({ ...request, rollout, approve: (preview) => preview.steps.length === 2 });
    expect(await codeOf(deployer.promote({ agent: AGENT }))).toBe("deployment/approval-required");
    await deployer.abort({ agent: AGENT, reason: "done" });
  });

  it("an endpoint that never gets healthy, or does not answer: what was made is freed", async () => {
    target.state = "failed";
    expect(await codeOf(deployer.deploy({ agent: AGENT, version: "v1.1.0" }))).toBe("deployment/not-healthy");
    expect(target.calls).toContain("remove feature_dev@v1.1.0");
    target.state = "ready";
    target.broken.add("v1.1.0");
    expect(await codeOf(deployer.deploy({ agent: AGENT, version: "v1.1.0" }))).toBe(
      "deployment/probe-failed",
    );
    expect(target.existing.has("feature_dev@v1.1.0")).toBe(false);
    expect(target.existing.has("feature_dev@v1.0.0")).toBe(true);
  });

  it("a host file that cannot take the edit, before any traffic moves", async () => {
    const good = await yaml();
    const cases: [string, string][] = [
      ["openrouter:\n  agent_models:\n    feature_dev: {}\n", "deployment/cannot-serve"],
      ["a: 1\n---\nb: 2\n", "deployment/cannot-serve"],
      ["", "deployment/cannot-serve"],
    ];
    for (const [text, code] of cases) {
      await writeFile(host.modelsYaml, text);
      expect(await codeOf(deployer.deploy({ agent: AGENT, version: "v1.1.0", rollout: "immediate" }))).toBe(
        code,
      );
    }
    await writeFile(host.modelsYaml, good);
  });

  it("an edit that an override of the host's environment would hide", async () => {
    const hidden = makeDeployer({
      hostConfig: {
        file: host.modelsYaml,
        paths: { local: "openrouter.agent_models.<agent>" },
        overridePaths: ["agents.<agent>.model"],
      },
    });
    const preview = await hidden.plan({ agent: AGENT, version: "v1.1.0", rollout: "immediate" });
    expect(preview.problems[0]?.fix).toContain("agents.feature-dev.model");
    expect(await codeOf(hidden.deploy({ agent: AGENT, version: "v1.1.0", rollout: "immediate" }))).toBe(
      "deployment/cannot-serve",
    );
  });

  it("two deployments at once: one wins, the other is told why", async () => {
    const codes = await Promise.all([
      codeOf(deployer.deploy({ agent: AGENT, version: "v1.1.0" })),
      codeOf(makeDeployer().deploy({ agent: AGENT, version: "v1.1.0" })),
    ]);
    expect(codes.filter((code) => code === "it was accepted")).toHaveLength(1);
    expect(codes.find((code) => code !== "it was accepted")).toMatch(/in-progress/);
    await deployer.abort({ agent: AGENT, reason: "done" });
  });

  it("a promotion whose edit of the host's file fails after the point of no return: all goes back", async () => {
    await deployer.deploy({ agent: AGENT, version: "v1.1.0" });
    await deployer.promote({ agent: AGENT });
    const before = await yaml();
    const failing = makeDeployer({
      failpoint: (point) => {
        if (point !== "S5.config-before") return;
        throw new ModelOpsError({
          code: "storage/disk-full",
          message: "The disk is full.",
          fix: "free some.",
        });
      },
    });
    expect(await codeOf(failing.promote({ agent: AGENT }))).toBe("storage/disk-full");
    expect(sha256(await yaml())).toBe(sha256(before));
    expect(await shares()).toEqual([
      ["v1.0.0", 50],
      ["v1.1.0", 50],
    ]);
    expect((await registry.pointers({ agent: AGENT })).canary?.share).toBe(50);
    expect((await deployer.promote({ agent: AGENT })).rolloutPct).toBe(100);
    const result = await deployer.rollback({ agent: AGENT, reason: "worse" });
    expect(result).toMatchObject({ version: "v1.0.0", config: "bytes" });
    expect(sha256(await yaml())).toBe(sha256(before));
  });

  it("a call that cannot mean what it says, before anything happens", async () => {
    const calls: Promise<unknown>[] = [
      deployer.deploy({ agent: AGENT, version: "v1.1.0", rolout: "immediate" } as never),
      deployer.deploy({ agent: AGENT } as never),
      deployer.plan({ agent: AGENT, version: "v1.1.0", trafficPerHour: 0 }),
      deployer.promote({ agent: AGENT, to: "50" } as never),
      deployer.promote({ agent: AGENT, to: Number.NaN }),
      deployer.hold({ agent: AGENT } as never),
      deployer.rollback({ agent: AGENT } as never),
      deployer.rollback({ agent: AGENT, too: "v1.0.0", reason: "worse" } as never),
      deployer.abort({ agent: AGENT, reason: " " }),
      deployer.drill({ agents: AGENT } as never),
      deployer.reconcile({ agnet: AGENT } as never),
      deployer.drift("feature_dev" as never),
    ];
    expect(await Promise.all(calls.map(codeOf))).toEqual(calls.map(() => "input/deployment"));
  });

  it("options it does not know", () => {
    expect(() => makeDeployer({ typo: 1 } as never)).toThrowError(/typo/);
    expect(() => makeDeployer({ targets: [] })).toThrowError(/targets/);
    expect(() => makeDeployer({ targets: [target, testTarget()] })).toThrowError(/same id/);
  });
});
