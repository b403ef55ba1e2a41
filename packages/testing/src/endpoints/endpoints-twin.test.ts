import OpenAI from "openai";
import { afterEach, beforeEach, expect, test } from "vitest";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { type EndpointsTwin, startEndpointsTwin } from "./endpoints-twin.ts";

const TOKEN = "hf_test0123456789abcdef";
const MINUTE_MS = 60_000;

const CREATE = {
  name: "agent-v7",
  type: "authenticated",
  provider: { vendor: "aws", region: "us-east-1" },
  compute: {
    accelerator: "gpu",
    instanceType: "nvidia-l4",
    instanceSize: "x1",
    scaling: { minReplica: 0, maxReplica: 1, scaleToZeroTimeout: 15 },
  },
  model: {
    repository: "me/agent-7b",
    revision: "abc",
    framework: "pytorch",
    task: "text-generation",
    image: { vLLM: { maxModelLen: 4096 } },
    env: { A: "1" },
    secrets: { HF_TOKEN: "hf_inside0123456789" },
  },
};

let clock: VirtualClock;
let twin: EndpointsTwin;
beforeEach(async () => {
  clock = new VirtualClock({ startAtMs: Date.UTC(2026, 0, 1), autoAdvance: false });
  twin = await startEndpointsTwin({
    clock,
    tokens: [TOKEN],
    model: ({ repository, revision }) => ({ otherwise: `${repository}@${revision}` }),
  });
});
afterEach(() => twin.close());

/** The fields of replies these tests look at. */
interface Reply {
  readonly error?: string;
  readonly status?: { readonly state?: string; readonly url?: string };
  readonly model?: { readonly image?: unknown; readonly env?: unknown };
  readonly vendors?: readonly {
    readonly regions: readonly { readonly computes: readonly { id: string }[] }[];
  }[];
}

async function manage(method: string, path: string, body?: unknown, token = TOKEN) {
  const response = await fetch(`${twin.managementUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Reply };
}

const create = (changes: object = {}) => manage("POST", "/endpoint/me", { ...CREATE, ...changes });
const read = async () => (await manage("GET", "/endpoint/me/agent-v7")).body;
const stateNow = async () => (await read()).status?.state;

function client() {
  return new OpenAI({ apiKey: TOKEN, baseURL: `${twin.url}/serve/agent-v7/v1`, maxRetries: 0 });
}

const ask = () =>
  client().chat.completions.create({ model: "agent-v7", messages: [{ role: "user", content: "who?" }] });

const statusOfAsk = () =>
  ask().then(
    () => 200,
    (error: { status: number }) => error.status,
  );

test("lists machines with prices and what is used of the quota", async () => {
  await create();
  const { body } = await manage("GET", "/provider/me");
  const machines = body.vendors?.[0]?.regions[0]?.computes;
  expect(machines?.find((machine) => machine.id === "aws-us-east-1-nvidia-l4-x1")).toMatchObject({
    pricePerHour: 0.8,
    status: "available",
    quota: { maxAccelerators: 8, usedAccelerators: 1 },
  });
});

test("starts by the clock: pending, initializing, running with an address that answers", async () => {
  const created = await create();
  expect(created.status).toBe(202);
  expect(created.body).toMatchObject({ name: "agent-v7", status: { state: "pending", readyReplica: 0 } });
  expect(created.body.status?.url).toBeUndefined();
  expect(await statusOfAsk()).toBe(503);
  await clock.advance(20_000);
  expect(await stateNow()).toBe("initializing");
  await clock.advance(150_000);
  expect(await read()).toMatchObject({
    status: { state: "running", url: `${twin.url}/serve/agent-v7`, readyReplica: 1 },
  });
  expect((await ask()).choices[0]?.message.content).toBe("me/agent-7b@abc");
  expect(JSON.stringify(await read())).not.toContain("hf_inside");
  expect((await manage("POST", "/endpoint/me/agent-v7/resume")).body.error).toContain("already running");
});

test("scales to zero when idle, keeps its address and wakes up for a request", async () => {
  await create();
  await clock.advance(3 * MINUTE_MS);
  expect(await statusOfAsk()).toBe(200);
  await clock.advance(10 * MINUTE_MS);
  expect(await statusOfAsk()).toBe(200);
  await clock.advance(14 * MINUTE_MS);
  expect(await stateNow()).toBe("running");
  await clock.advance(2 * MINUTE_MS);
  expect(await read()).toMatchObject({
    status: { state: "scaledToZero", url: `${twin.url}/serve/agent-v7` },
  });
  expect(await statusOfAsk()).toBe(503);
  expect(await stateNow()).toBe("initializing");
  await clock.advance(150_000);
  expect(await statusOfAsk()).toBe(200);
});

test("holds a request until it is awake when it is asked to", async () => {
  await create();
  await clock.advance(3 * MINUTE_MS);
  await manage("POST", "/endpoint/me/agent-v7/scale-to-zero");
  clock.setAutoAdvance(true);
  const headers = { "x-scale-up-timeout": "600" };
  const before = clock.now();
  const answer = await client().chat.completions.create(
    { model: "agent-v7", messages: [{ role: "user", content: "who?" }] },
    { headers },
  );
  expect(answer.choices[0]?.message.content).toBe("me/agent-7b@abc");
  expect(clock.now() - before).toBe(150_000);
});

test("refuses calls while paused, and starts again on resume", async () => {
  await create();
  await clock.advance(3 * MINUTE_MS);
  expect((await manage("POST", "/endpoint/me/agent-v7/pause")).body.status?.state).toBe("paused");
  await expect(ask()).rejects.toMatchObject({ status: 400 });
  expect((await manage("POST", "/endpoint/me/agent-v7/resume")).body.status?.state).toBe("pending");
  await clock.advance(3 * MINUTE_MS);
  expect(await statusOfAsk()).toBe(200);
});

test("changes only what is sent, wipes nulls, replaces the image whole, and answers while it updates", async () => {
  await create();
  await clock.advance(3 * MINUTE_MS);
  const put = await manage("PUT", "/endpoint/me/agent-v7", {
    compute: { scaling: { minReplica: 1 } },
    model: { revision: "def", image: { tgi: { quantize: "eetq" } }, env: null },
  });
  expect(put.body).toMatchObject({
    compute: { instanceType: "nvidia-l4", scaling: { minReplica: 1, maxReplica: 1, scaleToZeroTimeout: 15 } },
    model: { repository: "me/agent-7b", revision: "def", image: { tgi: { quantize: "eetq" } } },
    status: { state: "updating" },
  });
  expect(put.body.model?.image).toEqual({ tgi: { quantize: "eetq" } });
  expect(put.body.model?.env).toBeUndefined();
  expect((await ask()).choices[0]?.message.content).toBe("me/agent-7b@def");
  await clock.advance(3 * MINUTE_MS);
  expect(await stateNow()).toBe("running");
  twin.failStarts("CUDA out of memory");
  await manage("PUT", "/endpoint/me/agent-v7", { model: { revision: "bad" } });
  await clock.advance(3 * MINUTE_MS);
  expect(await read()).toMatchObject({
    status: { state: "updateFailed", errorMessage: "CUDA out of memory" },
  });
  expect((await ask()).choices[0]?.message.content).toBe("me/agent-7b@def");
});

test("fails to start with the engine's words", async () => {
  twin.failStarts("The model does not fit");
  await create();
  await clock.advance(3 * MINUTE_MS);
  expect(await read()).toMatchObject({ status: { state: "failed", errorMessage: "The model does not fit" } });
  expect(await statusOfAsk()).toBe(503);
});

test("refuses what the service refuses", async () => {
  expect((await manage("GET", "/endpoint/me", undefined, "hf_wrong0123456789")).status).toBe(401);
  expect((await create({ name: "Agent_V7" })).status).toBe(400);
  expect((await create({ model: { ...CREATE.model, task: null } })).status).toBe(400);
  expect((await create({ model: { ...CREATE.model, image: { ollama: {} } } })).status).toBe(400);
  const scaling = { minReplica: 0, maxReplica: 9 };
  expect((await create({ compute: { ...CREATE.compute, scaling } })).body.error).toContain("Quota exceeded");
  expect((await create({ compute: { ...CREATE.compute, instanceSize: "x3" } })).status).toBe(400);
  expect((await create()).status).toBe(202);
  expect((await create()).status).toBe(409);
  expect((await manage("DELETE", "/endpoint/me/agent-v7")).status).toBe(202);
  expect((await manage("DELETE", "/endpoint/me/agent-v7")).status).toBe(404);
  expect((await manage("POST", "/endpoint/me/agent-v7/restart")).status).toBe(404);
  expect((await manage("GET", "/endpoint/me/agent-v7/open-metrics")).status).toBe(501);
  await create({ model: { ...CREATE.model, image: { huggingface: {} } } });
  await clock.advance(3 * MINUTE_MS);
  await expect(ask()).rejects.toMatchObject({ status: 404 });
});
