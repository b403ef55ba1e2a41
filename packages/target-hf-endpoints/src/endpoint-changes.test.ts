import type { DeployTarget, ModelReference } from "@modelops/core";
import { type EndpointsTwin, startEndpointsTwin, VirtualClock } from "@modelops/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hfEndpoints } from "./hf-endpoints-target.ts";

const TOKEN = "hf_test0123456789abcdef0123";
const L4 = { vendor: "aws", region: "us-east-1", accelerator: "gpu", instanceType: "nvidia-l4" } as const;
const SMALL = { ...L4, instanceSize: "x1" } as const;
const LARGE = { ...L4, instanceSize: "x4" } as const;

let clock: VirtualClock;
let twin: EndpointsTwin;

beforeEach(async () => {
  clock = new VirtualClock();
  twin = await startEndpointsTwin({
    clock,
    tokens: [TOKEN],
    computes: [
      { ...SMALL, usdPerHour: 0.8, maxAccelerators: 6 },
      { ...LARGE, usdPerHour: 3.8, maxAccelerators: 6 },
    ],
    model: () => ({ otherwise: "OK" }),
  });
});
afterEach(() => twin.close());

const target = (overrides: Partial<Parameters<typeof hfEndpoints>[0]> = {}) =>
  hfEndpoints({
    namespace: "me",
    token: TOKEN,
    compute: SMALL,
    managementUrl: twin.managementUrl,
    clock,
    ...overrides,
  });
const model: ModelReference = { modelId: "me/agent-7b", agent: "support", version: "v1.0.0", artifact: null };
const deploy = (on: DeployTarget = target(), owner?: string) =>
  on.deploy({ model, idempotencyKey: "k", owner });
const manage = (method: string, path: string, body?: unknown) =>
  fetch(`${twin.managementUrl}/endpoint/me${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  }).then((response) => response.json());
const puts = () => twin.requests.to("PUT /v2/endpoint/me/*").json();
const endpoint = (repository: string) => ({
  name: "made-by-hand",
  type: "authenticated",
  provider: { vendor: "aws", region: "us-east-1" },
  compute: { ...SMALL, scaling: { minReplica: 1, maxReplica: 1 } },
  model: { repository, framework: "pytorch", task: "text-generation", image: { tgi: {} } },
});

describe("an endpoint that was there before", () => {
  test("gets what the options say otherwise, and keeps everything else", async () => {
    const { deploymentId } = await deploy();
    await manage("PUT", `/${deploymentId}`, {
      model: { env: { BY_HAND: "1" }, secrets: { KEY: "s" } },
      cacheHttpResponses: true,
      tags: ["modelops", "by-hand"],
    });
    await clock.advance(10 * 60_000);
    await deploy();
    expect(puts()).toHaveLength(1);
    await deploy(target({ maximumReplicas: 2, environment: { MODE: "fast" } }), "0123abcd");
    expect(puts().slice(1)).toEqual([
      {
        compute: { scaling: { maxReplica: 2 } },
        model: { env: { MODE: "fast" } },
        tags: ["modelops", "by-hand", "modelops-0123abcd"],
      },
    ]);
    expect(await manage("GET", `/${deploymentId}`)).toMatchObject({
      cacheHttpResponses: true,
      compute: { instanceSize: "x1", scaling: { minReplica: 0, maxReplica: 2, scaleToZeroTimeout: 15 } },
      model: { env: { BY_HAND: "1", MODE: "fast" }, secrets: { KEY: "***" }, image: { vLLM: {} } },
    });
    await deploy(target({ maximumReplicas: 2, environment: { MODE: "fast" } }), "0123abcd");
    expect(puts()).toHaveLength(2);
  });

  test("of another installation keeps its mark alone: neither takes it for one that it forgot", async () => {
    await deploy(target(), "0123abcd4567");
    await deploy(target(), "fedcba987654");
    expect(puts()).toEqual([]);
    expect(await target().list?.({ owner: "fedcba987654" })).toEqual([]);
    expect(await target().list?.({ owner: "0123abcd4567" })).toHaveLength(1);
  });

  test("is replaced as a whole only where the service does so: an image", async () => {
    await deploy(target({ image: { vLLM: { maxModelLen: 4096 } } }));
    await deploy(target({ image: { vLLM: { maxModelLen: 8192, blockSize: 16 } } }));
    expect(puts()).toEqual([{ model: { image: { vLLM: { maxModelLen: 8192, blockSize: 16 } } } }]);
    const image = {
      custom: {
        url: "me/engine:1",
        port: 8000,
        healthRoute: "/health",
        credentials: { username: "u", password: "p" },
      },
    };
    await deploy(target({ image }));
    await deploy(target({ image }));
    expect(puts()).toHaveLength(2);
  });

  test("whose update fails is said to have failed, and stays: its old model goes on answering", async () => {
    const { deploymentId } = await deploy();
    twin.failStarts("CUDA out of memory");
    const error = await deploy(target({ image: { sGLang: {} } })).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "target/endpoint-failed", reason: "CUDA out of memory" });
    expect(twin.names()).toEqual([deploymentId]);
  });

  test("that failed makes room for a new one", async () => {
    const { deploymentId } = await deploy();
    await target().pause({ ...(await deploy()), deploymentId });
    twin.failStarts("exit 1");
    await expect(deploy()).rejects.toMatchObject({ code: "target/endpoint-failed" });
    expect(twin.state(deploymentId)).toBe("failed");
    twin.failStarts(null);
    expect((await deploy()).deploymentId).toBe(deploymentId);
    expect(twin.state(deploymentId)).toBe("running");
  });

  test("is not looked for in another region", async () => {
    await deploy();
    const elsewhere = target({ compute: { ...SMALL, region: "eu-west-1" } });
    await expect(deploy(elsewhere)).rejects.toMatchObject({ code: "target/endpoint-elsewhere" });
  });
});

describe("an endpoint made by hand", () => {
  const adopting = () => target({ adopt: { "support@v1.0.0": "made-by-hand" } });

  test("serves the version, and is neither changed, paused nor removed", async () => {
    await manage("POST", "", endpoint("me/agent-7b"));
    expect(await adopting().check(model)).toMatchObject({ canServe: true, price: { usdPerHour: 0.8 } });
    const deployment = await deploy(adopting(), "0123abcd");
    expect(deployment).toMatchObject({ deploymentId: "made-by-hand", details: { adopted: true } });
    expect(await adopting().status(deployment)).toMatchObject({ state: "ready", costUsdPerHour: 0.8 });
    await adopting().pause(deployment);
    await adopting().scaleToZero(deployment);
    await adopting().remove(deployment);
    expect(twin.state("made-by-hand")).toBe("running");
    expect(puts()).toEqual([]);
    expect(await adopting().list?.({ owner: "0123abcd" })).toEqual([]);
  });

  test("is refused when it serves another model, or is not there", async () => {
    expect((await adopting().check(model)).problems[0]?.message).toContain("no endpoint made-by-hand");
    await expect(deploy(adopting())).rejects.toMatchObject({ code: "target/endpoint-absent" });
    await manage("POST", "", endpoint("me/another"));
    expect((await adopting().check(model)).problems[0]?.message).toContain("me/another, not me/agent-7b");
    await expect(deploy(adopting())).rejects.toMatchObject({
      code: "target/endpoint-serves-another-model",
    });
    expect(twin.names()).toEqual(["made-by-hand"]);
  });
});

describe("what it costs", () => {
  test("is the price of its own machine times its replicas, and nothing at zero", async () => {
    const large = target({ compute: LARGE });
    const deployment = await deploy(large);
    // The reader's options name another machine.
    expect(await target().status(deployment)).toMatchObject({ state: "ready", costUsdPerHour: 3.8 });
    await large.scaleToZero(deployment);
    expect(twin.state(deployment.deploymentId)).toBe("scaledToZero");
    expect(await large.status(deployment)).toMatchObject({ state: "paused", costUsdPerHour: 0 });
    await large.resume(deployment);
    await clock.advance(10 * 60_000);
    twin.setComputes([]);
    expect(await large.status(deployment)).toMatchObject({ state: "ready", costUsdPerHour: null });
  });

  test("a quota that is full refuses a new version, and not the one that fills it", async () => {
    await deploy(target({ maximumReplicas: 6 }));
    expect(await target({ maximumReplicas: 6 }).check(model)).toMatchObject({ canServe: true });
    const next = await target().check({ ...model, version: "v1.1.0" });
    expect(next.problems[0]?.message).toBe("The quota is used up: 6 of 6 accelerators, 1 more needed.");
  });

  test("a quota that fills up between the check and the creation is named, with what to do", async () => {
    twin.faults.add({
      route: "POST /v2/endpoint/me",
      fault: { kind: "reply", status: 400, body: { error: "Quota exceeded: 6 of 6 nvidia-l4 in use" } },
    });
    const error = await deploy().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "target/quota-exceeded", reason: expect.stringContaining("6 of 6") });
    expect(String(error)).toContain("ask for more quota");
  });

  test("no credit is said as such, and nothing is left", async () => {
    twin.faults.add({
      route: "POST /v2/endpoint/me",
      fault: { kind: "reply", status: 402, body: { error: "Payment method required" } },
    });
    await expect(deploy()).rejects.toMatchObject({ code: "target/payment-required" });
    expect(twin.names()).toEqual([]);
  });
});

describe("what carries an owner's mark", () => {
  test("is listed with its cost, for that owner alone, and can be removed", async () => {
    const { deploymentId } = await deploy(target(), "0123abcd");
    await manage("POST", "", endpoint("me/agent-7b"));
    expect(await target().list?.({ owner: "somebody-else" })).toEqual([]);
    const listed = await target().list?.({ owner: "0123abcd" });
    expect(listed).toMatchObject([{ deploymentId, state: "ready", costUsdPerHour: 0.8 }]);
    await listed?.[0]?.remove();
    expect(twin.names()).toEqual(["made-by-hand"]);
  });
});

test("a creation whose caller gives up before the answer leaves nothing", async () => {
  const controller = new AbortController();
  const reason = new Error("stop");
  twin.faults.add({ route: "POST /v2/endpoint/me", nth: 1, fault: { kind: "lose-reply" } });
  const impatient = target({
    fetch: async (url, init) => {
      if (init?.method === "POST") setTimeout(() => controller.abort(reason), 20);
      return fetch(url, init);
    },
  });
  await expect(impatient.deploy({ model, idempotencyKey: "k" }, { signal: controller.signal })).rejects.toBe(
    reason,
  );
  expect(twin.names()).toEqual([]);
});
