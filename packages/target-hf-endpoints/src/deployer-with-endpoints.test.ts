import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createModelOps, type ModelOps } from "@modelops/core";
import { type EndpointsTwin, startEndpointsTwin, VirtualClock } from "@modelops/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hfEndpoints } from "./hf-endpoints-target.ts";

const AGENT = "support";
const HOUR_MS = 3_600_000;
const MACHINE = {
  vendor: "aws",
  region: "us-east-1",
  accelerator: "gpu",
  instanceType: "nvidia-l4",
  instanceSize: "x1",
} as const;

let clock: VirtualClock;
let twin: EndpointsTwin;
let folder: string;
let ops: ModelOps;

const served = async () => {
  const table = JSON.parse(await readFile(join(folder, "routing.json"), "utf8"));
  return table.agents[AGENT].arms.map((arm: { version: string; share: number }) => [arm.version, arm.share]);
};
const versions = () => twin.names().map((name) => /v1-\d-0/.exec(name)?.[0]);

beforeEach(async () => {
  clock = new VirtualClock();
  twin = await startEndpointsTwin({
    clock,
    computes: [{ ...MACHINE, usdPerHour: 0.8, maxAccelerators: 3 }],
    model: ({ repository }) => ({ otherwise: `I am ${repository}` }),
  });
  folder = await mkdtemp(join(tmpdir(), "modelops-endpoints-"));
  ops = createModelOps({
    home: folder,
    clock,
    targets: [
      hfEndpoints({
        namespace: "me",
        token: "hf_test0123456789abcdef0123",
        compute: MACHINE,
        managementUrl: twin.managementUrl,
        clock,
      }),
    ],
  });
  const trainingConfig = { baseModel: "b", trainingMethod: "sft", trainingDataset: "d" };
  for (const version of ["v1.0.0", "v1.1.0", "v1.2.0"]) {
    await ops.registry.addVersion({ agent: AGENT, version, modelId: `me/${version}`, trainingConfig });
    await ops.registry.updateScores({ agent: AGENT, version, scores: { accuracy: 0.9 } });
  }
  await ops.deployer.deploy({ agent: AGENT, version: "v1.0.0", rollout: "immediate" });
});
afterEach(async () => {
  await ops.close();
  await twin.close();
  await rm(folder, { recursive: true, force: true });
});

describe("a deployer over Inference Endpoints", () => {
  test("a canary is a second endpoint; the one before the last goes when a third has replaced them", async () => {
    const canary = await ops.deployer.deploy({ agent: AGENT, version: "v1.1.0" });
    expect(versions()).toEqual(["v1-0-0", "v1-1-0"]);
    expect(canary.endpointUrl).toContain("/serve/support-v1-1-0-");
    expect(await served()).toEqual([
      ["v1.0.0", 80],
      ["v1.1.0", 20],
    ]);
    await ops.deployer.promote({ agent: AGENT, to: 100 });
    const last = await ops.deployer.deploy({ agent: AGENT, version: "v1.2.0", rollout: "immediate" });
    expect(last.warnings.join()).toContain("v1.0.0 on hf-endpoints is no longer in use");
    await clock.advance(25 * HOUR_MS);
    const report = await ops.deployer.reconcile();
    expect(report.agents[0]?.actions.join()).toContain("removed v1.0.0 on hf-endpoints");
    expect(versions()).toEqual(["v1-1-0", "v1-2-0"]);
    expect(report.targets).toEqual([{ target: "hf-endpoints", orphans: [], lent: [], problem: null }]);
  });

  test("drift tells of an endpoint that somebody paused, changed or took away, and of a service that does not answer", async () => {
    const headers = {
      authorization: "Bearer hf_test0123456789abcdef0123",
      "content-type": "application/json",
    };
    const [name] = twin.names();
    const manage = (method: string, path: string, body?: unknown) =>
      fetch(`${twin.managementUrl}/endpoint/me/${name}${path}`, {
        method,
        headers,
        body: JSON.stringify(body),
      });
    const drift = async () =>
      (await ops.deployer.drift()).map(({ place, found, problem }) => ({ place, found, problem }));
    expect(await drift()).toEqual([]);
    await manage("POST", "/scale-to-zero");
    expect(twin.state(name ?? "")).toBe("scaledToZero");
    expect(await drift()).toEqual([]);
    await manage("POST", "/pause");
    expect(await drift()).toMatchObject([{ place: "target", found: expect.stringContaining("paused") }]);
    await manage("POST", "/resume");
    await clock.advance(5 * 60_000);
    await manage("PUT", "", { model: { repository: "me/other" } });
    await clock.advance(5 * 60_000);
    expect(await drift()).toEqual([{ place: "target", found: "serves me/other", problem: null }]);
    await manage("DELETE", "");
    expect(await drift()).toEqual([{ place: "target", found: "absent", problem: null }]);
    twin.faults.add({
      route: `GET /v2/endpoint/me/${name}`,
      fault: { kind: "reply", status: 401, body: { error: "Unauthorized" } },
    });
    expect(await drift()).toEqual([
      { place: "target", found: null, problem: expect.stringContaining("401") },
    ]);
  });

  test("an endpoint made for an evaluation is shown while it is used, however long, and goes with its model", async () => {
    const asked = { agent: AGENT, version: "v1.1.0", approveServing: () => true };
    const chat = await ops.model(asked);
    const lent = async () => (await ops.deployer.reconcile()).targets[0]?.lent;
    expect(await lent()).toMatchObject([{ version: "v1.1.0", costUsdPerHour: 0.8 }]);
    expect((await chat.generate({ messages: [{ role: "user", content: "who?" }] })).text).toBe(
      "I am me/v1.1.0",
    );
    await clock.advance(3 * HOUR_MS);
    expect(await lent()).toMatchObject([{ version: "v1.1.0", state: "paused" }]);
    await chat.close?.();
    expect(versions()).toEqual(["v1-0-0"]);
    // One that is in service is only used; one that nobody closed goes with the installation.
    await (await ops.model({ ...asked, version: "v1.0.0" })).close?.();
    await ops.model(asked);
    expect(versions()).toEqual(["v1-0-0", "v1-1-0"]);
    await ops.close();
    expect(versions()).toEqual(["v1-0-0"]);
  });

  test("an endpoint that nobody accounts for is shown with its cost, and removed an hour later", async () => {
    const shown = await fetch(`${twin.managementUrl}/endpoint/me`, {
      headers: { authorization: "Bearer hf_test0123456789abcdef0123" },
    }).then((response) => response.json() as Promise<{ items: Record<string, unknown>[] }>);
    await fetch(`${twin.managementUrl}/endpoint/me`, {
      method: "POST",
      headers: {
        authorization: "Bearer hf_test0123456789abcdef0123",
        "content-type": "application/json",
      },
      body: JSON.stringify({ ...shown.items[0], name: "left-behind" }),
    });
    await clock.advance(5 * 60_000);
    const first = await ops.deployer.reconcile();
    expect(first.targets[0]?.orphans).toMatchObject([{ deploymentId: "left-behind", costUsdPerHour: 0.8 }]);
    await clock.advance(HOUR_MS);
    await ops.deployer.reconcile();
    expect(versions()).toEqual(["v1-0-0"]);
  });

  test.each([
    { status: 402, said: "Payment method required", code: "target/payment-required" },
    { status: 400, said: "Quota exceeded: 3 of 3 in use", code: "target/quota-exceeded" },
  ])("$said: said as $code, and the running version keeps serving", async ({ status, said, code }) => {
    twin.faults.add({
      route: "POST /v2/endpoint/me",
      fault: { kind: "reply", status, body: { error: said } },
    });
    const deploying = ops.deployer.deploy({ agent: AGENT, version: "v1.1.0" });
    await expect(deploying).rejects.toMatchObject({ code, reason: expect.stringContaining(said) });
    expect(await served()).toEqual([["v1.0.0", 100]]);
    expect(versions()).toEqual(["v1-0-0"]);
    expect((await ops.deployer.status({ agent: AGENT })).openOperation).toBeNull();
    const chat = await ops.model({ agent: AGENT, version: "v1.0.0", approveServing: () => true });
    expect((await chat.generate({ messages: [{ role: "user", content: "who?" }] })).text).toBe(
      "I am me/v1.0.0",
    );
  });

  test("an endpoint that never starts leaves nothing, and the running version keeps serving", async () => {
    twin.failStarts("CUDA out of memory");
    await expect(ops.deployer.deploy({ agent: AGENT, version: "v1.1.0" })).rejects.toMatchObject({
      code: "target/endpoint-failed",
      reason: "CUDA out of memory",
    });
    expect(versions()).toEqual(["v1-0-0"]);
    expect(await served()).toEqual([["v1.0.0", 100]]);
  });
});
