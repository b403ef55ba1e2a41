import type { DeployTarget, ModelReference } from "@modelops/core";
import {
  describeDeployTarget,
  type EndpointsTwin,
  type EndpointsTwinOptions,
  startEndpointsTwin,
  VirtualClock,
} from "@modelops/testing";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { hfEndpoints } from "./hf-endpoints-target.ts";

const TOKEN = "hf_test0123456789abcdef0123";

const MACHINE = {
  vendor: "aws",
  region: "us-east-1",
  accelerator: "gpu",
  instanceType: "nvidia-l4",
  instanceSize: "x1",
} as const;

const twinOptions: EndpointsTwinOptions = {
  tokens: [TOKEN],
  namespaces: ["me"],
  computes: [{ ...MACHINE, usdPerHour: 0.8, maxAccelerators: 2 }],
  model: () => ({ otherwise: "OK" }),
};

let clock: VirtualClock;
let twin: EndpointsTwin;

beforeEach(async () => {
  clock = new VirtualClock();
  twin = await startEndpointsTwin({ ...twinOptions, clock });
});

afterEach(() => twin.close());

const requests = () => twin.requests.all.map(({ method, path }) => `${method} ${path}`);

const target = (overrides: Partial<Parameters<typeof hfEndpoints>[0]> = {}): DeployTarget =>
  hfEndpoints({
    namespace: "me",
    token: TOKEN,
    compute: MACHINE,
    managementUrl: twin.managementUrl,
    clock,
    ...overrides,
  });

const model: ModelReference = {
  modelId: "me/agent-7b",
  agent: "feature_dev",
  version: "v1.1.0",
  artifact: null,
};

const ON_HUB = {
  location: { type: "hub" as const, repoId: "me/tuned", revision: "abc" },
  baseModel: "b/ase",
  baseModelRevision: null,
  files: [],
};

describeDeployTarget(
  {
    name: "hfEndpoints",
    async create() {
      // Quick starts by the machine's clock, since the kit gives up on one of them after a moment.
      const own = await startEndpointsTwin({ ...twinOptions, times: { pendingMs: 1, initializingMs: 1 } });
      const open = () =>
        hfEndpoints({
          namespace: "me",
          token: TOKEN,
          compute: MACHINE,
          managementUrl: own.managementUrl,
          pollIntervalMs: 5,
        });
      return {
        target: open(),
        reopen: open,
        model,
        otherModel: { ...model, version: "v1.2.0", modelId: "me/agent-7b-next" },
        unservable: {
          ...model,
          version: "v9.0.0",
          artifact: { ...ON_HUB, kind: "full-model", location: { type: "folder", path: "/x" } },
        },
        artifact: { ...model, version: "v2.0.0", artifact: { ...ON_HUB, kind: "full-model" } },
        resources: () => own.names(),
        breakStarts: () => own.failStarts("The model does not fit"),
        slowStarts: () => own.setTimes({ initializingMs: 60_000 }),
        secrets: [TOKEN],
        remove: () => own.close(),
      };
    },
  },
  { describe, it },
);

describe("hfEndpoints", () => {
  test("reads price and quota before anything is created", async () => {
    expect(await target().check(model)).toMatchObject({ canServe: true, price: { usdPerHour: 0.8 } });
    expect(requests()).toEqual(["GET /v2/provider/me"]);
  });

  test("refuses a full quota, a dear or absent machine, an adapter and local files", async () => {
    twin.setComputes([{ ...MACHINE, usdPerHour: 0.8, maxAccelerators: 0 }]);
    expect((await target({ maximumUsdPerHour: 0.5 }).check(model)).problems).toHaveLength(2);
    twin.setComputes([{ ...MACHINE, instanceSize: "x4", usdPerHour: 3.8 }]);
    expect((await target().check(model)).problems[0]?.message).toContain("not offered");
    const files = { kind: "adapter" as const, baseModel: "b", baseModelRevision: null, files: [] };
    const onDisk = await target().check({
      ...model,
      artifact: { ...files, location: { type: "folder", path: "/x" } },
    });
    const onHub = await target().check({
      ...model,
      artifact: { ...files, location: { type: "hub", repoId: "me/a", revision: null } },
    });
    expect(onDisk.problems[0]?.message).toContain("only on this machine");
    expect(onHub.problems[0]?.message).toContain("adapter");
    await expect(target().deploy({ model, idempotencyKey: "k" })).rejects.toMatchObject({
      code: "target/cannot-serve",
    });
    expect(twin.names()).toEqual([]);
  });

  test("creates once, waits until it answers, and adopts it the second time", async () => {
    const before = clock.now();
    const first = await target().deploy({ model, idempotencyKey: "k" });
    expect(clock.now() - before).toBeGreaterThanOrEqual(165_000);
    const second = await target().deploy({ model, idempotencyKey: "k" });
    expect(second).toEqual(first);
    expect(first.deploymentId).toMatch(/^feature-dev-v1-1-0-[0-9a-f]{8}$/);
    expect(requests().filter((line) => line === "POST /v2/endpoint/me")).toHaveLength(1);
    const chat = await target().chatModel(first);
    expect((await chat.generate({ messages: [{ role: "user", content: "hi" }] })).text).toBe("OK");
  });

  test("finds an endpoint by its name when the answer to its creation was lost", async () => {
    twin.faults.add({ route: "POST /v2/endpoint/me", nth: 1, fault: { kind: "lose-reply" } });
    const deployment = await target().deploy({ model, idempotencyKey: "k" });
    expect(twin.names()).toEqual([deployment.deploymentId]);
    expect(twin.requests.to("POST /v2/endpoint/me").count).toBe(1);
  });

  test("removes what it created when it never gets healthy, and keeps what was there before", async () => {
    twin.failStarts("exit 1");
    await expect(target().deploy({ model, idempotencyKey: "k" })).rejects.toMatchObject({
      code: "target/endpoint-failed",
    });
    expect(twin.names()).toEqual([]);
    twin.failStarts(null);
    const { deploymentId } = await target().deploy({ model, idempotencyKey: "k" });
    twin.setModel(deploymentId, { answers: () => ({ error: { status: 400, message: "not today" } }) });
    await expect(target().deploy({ model, idempotencyKey: "k" })).rejects.toMatchObject({
      code: "model/invalid-request",
    });
    expect(twin.names()).toEqual([deploymentId]);
  });

  test("pauses, resumes calmly and removes twice", async () => {
    const deployment = await target().deploy({ model, idempotencyKey: "k" });
    await target().resume?.(deployment);
    await target().pause?.(deployment);
    expect(await target().status(deployment)).toMatchObject({ state: "paused", costUsdPerHour: 0 });
    expect(await target().deploy({ model, idempotencyKey: "k" })).toEqual(deployment);
    await target().remove(deployment);
    await target().remove(deployment);
    expect(await target().status(deployment)).toMatchObject({ state: "absent" });
  });

  test("a deployment scaled to zero answers the next request, which waits for it", async () => {
    const deployment = await target().deploy({ model, idempotencyKey: "k" });
    const chat = await target().chatModel(deployment);
    await clock.advance(20 * 60_000);
    expect(twin.state(deployment.deploymentId)).toBe("scaledToZero");
    expect((await chat.generate({ messages: [{ role: "user", content: "hi" }] })).text).toBe("OK");
    expect(twin.state(deployment.deploymentId)).toBe("running");
  });

  test("an abort while waiting removes what was created and rejects with the reason", async () => {
    clock.setAutoAdvance(false);
    const controller = new AbortController();
    const reason = new Error("stop");
    setTimeout(() => controller.abort(reason), 50);
    await expect(target().deploy({ model, idempotencyKey: "k" }, { signal: controller.signal })).rejects.toBe(
      reason,
    );
    expect(twin.requests.to("POST /v2/endpoint/me").count).toBe(1);
    expect(twin.names()).toEqual([]);
  });

  test("says which token is missing and never shows one", async () => {
    const saved = process.env.HF_TOKEN;
    delete process.env.HF_TOKEN;
    await expect(target({ token: undefined }).check(model)).rejects.toMatchObject({
      code: "target/no-token",
    });
    if (saved !== undefined) process.env.HF_TOKEN = saved;
    expect(() => target({ regoin: "x" } as never)).toThrow(/regoin/);
  });
});
