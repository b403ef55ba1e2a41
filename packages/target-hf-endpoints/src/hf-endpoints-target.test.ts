import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { ModelReference } from "@modelops/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hfEndpoints } from "./hf-endpoints-target.ts";

const TOKEN = "hf_test0123456789abcdef0123";

interface FakeEndpoint {
  name: string;
  model: { repository: string; revision?: string };
  polls: number;
  state: string;
}

let server: Server;
let origin: string;
let requests: string[];
let endpoints: Map<string, FakeEndpoint>;
/** State an endpoint reaches after two polls. */
let finalState: string;
let compute: Record<string, unknown>;
let chatStatus: number;

/** The management routes and one inference route, with the state machine reduced to what a deployment sees. */
beforeEach(async () => {
  requests = [];
  endpoints = new Map();
  finalState = "running";
  chatStatus = 200;
  compute = {
    accelerator: "gpu",
    instanceType: "nvidia-l4",
    instanceSize: "x1",
    pricePerHour: 0.8,
    status: "available",
    numAccelerators: 1,
    quota: { maxAccelerators: 2, usedAccelerators: 0 },
  };
  server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://x");
    requests.push(`${request.method} ${url.pathname}`);
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      const [status, reply] = answer(request.method ?? "GET", url.pathname, body);
      response.statusCode = status;
      response.setHeader("content-type", "application/json").end(JSON.stringify(reply));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function shown(endpoint: FakeEndpoint) {
  const isUp = endpoint.state === "running";
  return {
    name: endpoint.name,
    model: endpoint.model,
    status: {
      state: endpoint.state,
      message: "",
      url: isUp ? `${origin}/serve/${endpoint.name}` : undefined,
    },
  };
}

function answer(method: string, path: string, body: string): [number, unknown] {
  if (path === "/v2/provider/me") {
    return [200, { vendors: [{ name: "aws", regions: [{ name: "us-east-1", computes: [compute] }] }] }];
  }
  if (path === "/v2/endpoint/me" && method === "POST") {
    const sent = JSON.parse(body) as FakeEndpoint;
    if (endpoints.has(sent.name)) return [409, { error: "name taken" }];
    const endpoint = { name: sent.name, model: sent.model, polls: 0, state: "pending" };
    endpoints.set(sent.name, endpoint);
    return [200, shown(endpoint)];
  }
  if (path.startsWith("/serve/")) {
    if (chatStatus !== 200) return [chatStatus, { error: { message: "not today" } }];
    return [
      200,
      {
        id: "c",
        choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "OK" } }],
        usage: { prompt_tokens: 4, completion_tokens: 1 },
      },
    ];
  }
  const [, , , , name = "", action] = path.split("/");
  const endpoint = endpoints.get(name);
  if (!endpoint) return [404, { error: "no such endpoint" }];
  if (method === "DELETE") {
    endpoints.delete(name);
    return [200, null];
  }
  if (action === "pause") endpoint.state = "paused";
  if (action === "resume") {
    if (endpoint.state === "running") return [400, { error: "Endpoint is already running" }];
    Object.assign(endpoint, { state: "initializing", polls: 0 });
  }
  if (method === "GET" && (endpoint.state === "pending" || endpoint.state === "initializing")) {
    endpoint.polls += 1;
    endpoint.state = endpoint.polls >= 2 ? finalState : "initializing";
  }
  return [200, shown(endpoint)];
}

const target = (overrides: Partial<Parameters<typeof hfEndpoints>[0]> = {}) =>
  hfEndpoints({
    namespace: "me",
    token: TOKEN,
    compute: {
      vendor: "aws",
      region: "us-east-1",
      accelerator: "gpu",
      instanceType: "nvidia-l4",
      instanceSize: "x1",
    },
    managementUrl: `${origin}/v2`,
    pollIntervalMs: 1,
    ...overrides,
  });

const model: ModelReference = {
  modelId: "me/agent-7b",
  agent: "feature_dev",
  version: "v1.1.0",
  artifact: null,
};

describe("hfEndpoints", () => {
  test("reads price and quota before anything is created", async () => {
    expect(await target().check(model)).toMatchObject({ canServe: true, price: { usdPerHour: 0.8 } });
    expect(requests).toEqual(["GET /v2/provider/me"]);
  });

  test("refuses a full quota, a dear or absent machine, an adapter and local files", async () => {
    compute.quota = { maxAccelerators: 2, usedAccelerators: 2 };
    expect((await target({ maximumUsdPerHour: 0.5 }).check(model)).problems).toHaveLength(2);
    compute.instanceSize = "x4";
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
    expect(endpoints.size).toBe(0);
  });

  test("creates once, waits until it answers, and adopts it the second time", async () => {
    const first = await target().deploy({ model, idempotencyKey: "k" });
    const second = await target().deploy({ model, idempotencyKey: "k" });
    expect(second).toEqual(first);
    expect(first.deploymentId).toMatch(/^feature-dev-v1-1-0-[0-9a-f]{8}$/);
    expect(requests.filter((line) => line === "POST /v2/endpoint/me")).toHaveLength(1);
    const chat = await target().chatModel(first);
    expect((await chat.generate({ messages: [{ role: "user", content: "hi" }] })).text).toBe("OK");
  });

  test("removes what it created when it never gets healthy, and keeps what was there before", async () => {
    finalState = "failed";
    await expect(target().deploy({ model, idempotencyKey: "k" })).rejects.toMatchObject({
      code: "target/endpoint-failed",
    });
    expect(endpoints.size).toBe(0);
    finalState = "running";
    await target().deploy({ model, idempotencyKey: "k" });
    chatStatus = 400;
    await expect(target().deploy({ model, idempotencyKey: "k" })).rejects.toMatchObject({
      code: "model/invalid-request",
    });
    expect(endpoints.size).toBe(1);
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

  test("an abort while waiting removes what was created and rejects with the reason", async () => {
    finalState = "initializing";
    const controller = new AbortController();
    const reason = new Error("stop");
    setTimeout(() => controller.abort(reason), 50);
    await expect(
      target({ pollIntervalMs: 10 }).deploy({ model, idempotencyKey: "k" }, { signal: controller.signal }),
    ).rejects.toBe(reason);
    expect(endpoints.size).toBe(0);
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
