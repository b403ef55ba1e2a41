import type { DeployTarget, ModelReference } from "@modelops/core";
import {
  describeDeployTarget,
  type OpenRouterTwin,
  type OpenRouterTwinOptions,
  startOpenRouterTwin,
} from "@modelops/testing";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { openRouter } from "./openrouter-target.ts";

const API_KEY = "sk-or-test-0123456789abcdef";
const QWEN = "qwen/qwen-2.5-coder-32b-instruct";

const MODELS: OpenRouterTwinOptions["models"] = [
  {
    id: QWEN,
    canonicalSlug: `${QWEN}-2024-11`,
    contextLength: 32_768,
    price: { inputUsdPerMillionTokens: 0.07, outputUsdPerMillionTokens: 0.16 },
    providers: [{ name: "DeepInfra", uptimePercent: 99.9 }],
    answers: () => ({ text: "hello", promptTokens: 3, completionTokens: 1 }),
  },
  {
    id: "deepseek/deepseek-chat",
    contextLength: 163_840,
    price: { inputUsdPerMillionTokens: 0.3, outputUsdPerMillionTokens: 0.88 },
  },
  { id: "openrouter/auto", hasVariablePrice: true, providers: [{ name: "A" }] },
];

let twin: OpenRouterTwin;
let baseUrl: string;

beforeEach(async () => {
  twin = await startOpenRouterTwin({ models: MODELS, keys: [{ key: API_KEY, limitUsd: 4.5 }] });
  baseUrl = twin.baseUrl;
});

afterEach(() => twin.close());

const requests = () =>
  twin.requests.all.map(({ method, path, headers }) => {
    const key = headers.authorization === `Bearer ${API_KEY}` ? "with key" : "without key";
    return `${method} ${path.replace("/api/v1", "")} ${key}`;
  });

const model = (modelId: string, overrides: Partial<ModelReference> = {}): ModelReference => ({
  modelId,
  agent: "feature_dev",
  version: "v1.0.0",
  artifact: null,
  ...overrides,
});

const ARTIFACT = {
  kind: "adapter" as const,
  location: { type: "hub" as const, repoId: "me/tuned", revision: null },
  baseModel: "qwen/base",
  baseModelRevision: null,
  files: [],
};

describeDeployTarget(
  {
    name: "openRouter",
    async create() {
      const own = await startOpenRouterTwin({ models: MODELS, keys: [{ key: API_KEY }] });
      const open = (): DeployTarget => openRouter({ baseUrl: own.baseUrl, apiKey: API_KEY });
      return {
        target: open(),
        reopen: open,
        model: model(QWEN),
        otherModel: model("deepseek/deepseek-chat", { version: "v1.1.0" }),
        unservable: model("nobody/nothing", { version: "v9.0.0" }),
        artifact: model("me/tuned", { artifact: ARTIFACT, version: "v2.0.0" }),
        // Nothing is ever made there: only questions and answers.
        resources: () =>
          own.requests.all
            .filter(({ method, path }) => method !== "GET" && !path.endsWith("/chat/completions"))
            .map(({ method, path }) => `${method} ${path}`),
        breakStarts: null,
        slowStarts: null,
        secrets: [API_KEY],
        remove: () => own.close(),
      };
    },
  },
  { describe, it },
);

describe("openRouter", () => {
  test("reads price and context of a catalogue model, and who serves it", async () => {
    const target = openRouter({ baseUrl, apiKey: API_KEY });
    expect(await target.check(model(QWEN))).toMatchObject({
      canServe: true,
      problems: [],
      price: { inputUsdPerMillionTokens: 0.07, outputUsdPerMillionTokens: 0.16 },
      contextLength: 32768,
      notes: ["DeepInfra, uptime 99.9 % in the last 30 min", `pinned name: ${QWEN}-2024-11`],
    });
  });

  test("a price that varies is unknown, not negative", async () => {
    const { price } = await openRouter({ baseUrl, apiKey: API_KEY }).check(model("openrouter/auto"));
    expect(price).toMatchObject({ inputUsdPerMillionTokens: null, outputUsdPerMillionTokens: null });
  });

  test("an unknown name gets the nearest ones; a fine-tune is told where it can be served", async () => {
    const target = openRouter({ baseUrl, apiKey: API_KEY });
    const misspelt = await target.check(model("qwen/qwen2.5-coder-32b-instruct"));
    expect(misspelt.canServe).toBe(false);
    expect(misspelt.problems[0]?.fix).toContain(QWEN);
    const tuned = await target.check(model("me/tuned", { artifact: ARTIFACT }));
    expect(tuned.problems[0]?.fix).toContain("target-hf-endpoints");
    await expect(
      target.deploy({ model: model("me/tuned", { artifact: ARTIFACT }), idempotencyKey: "k" }),
    ).rejects.toMatchObject({
      code: "target/cannot-serve",
    });
  });

  test("finds a variant under its model's name, and pins an alias to what it stands for", async () => {
    const target = openRouter({ baseUrl, apiKey: API_KEY });
    expect(await target.check(model(`${QWEN}:nitro`))).toMatchObject({
      canServe: true,
      contextLength: 32768,
    });
    const fast = await target.deploy({ model: model(`${QWEN}:nitro`), idempotencyKey: "k" });
    expect(fast.configValue).toBe(`${QWEN}:nitro`);
    expect((await target.check(model(`${QWEN}:free`))).canServe).toBe(false);
    const pricing = { prompt: "0.0000003", completion: "0.00000088" };
    const alias = {
      id: "deepseek/deepseek-latest",
      pricing,
      alias_target: { slug: "deepseek/deepseek-chat" },
    };
    twin.faults.add(
      {
        route: "GET /api/v1/models",
        fault: {
          kind: "reply",
          status: 200,
          body: { data: [alias, { id: "deepseek/deepseek-chat", pricing }] },
        },
      },
      {
        route: "GET /api/v1/models/deepseek/deepseek-latest/endpoints",
        fault: {
          kind: "reply",
          status: 200,
          body: {
            data: {
              endpoints: [
                { provider_name: "A", status: -5 },
                { provider_name: "B", status: 0, latency_last_30m: { p50: 0.4, p99: 2.1 } },
              ],
            },
          },
        },
      },
    );
    const other = openRouter({ baseUrl, apiKey: API_KEY });
    expect((await other.check(model(alias.id))).notes).toEqual([
      "A, not to be used now (status -5)",
      "B, latency p50 0.4, p99 2.1",
      "alias: deepseek/deepseek-latest is pinned to deepseek/deepseek-chat",
    ]);
    const deployment = await other.deploy({ model: model(alias.id), idempotencyKey: "k" });
    expect(deployment).toMatchObject({ modelId: alias.id, configValue: "deepseek/deepseek-chat" });
    const chat = await other.chatModel(deployment);
    await chat.generate({ messages: [{ role: "user", content: "hi" }] }).catch(() => {});
    expect(twin.requests.to("POST /api/v1/chat/completions").json()).toMatchObject([
      { model: "deepseek/deepseek-chat" },
    ]);
  });

  test("an exhausted key and a model without providers are refused before anything changes", async () => {
    const chat = await openRouter({ baseUrl, apiKey: API_KEY }).chatModel(
      await openRouter({ baseUrl, apiKey: API_KEY }).deploy({ model: model(QWEN), idempotencyKey: "k" }),
    );
    twin.setModel({
      id: QWEN,
      price: { inputUsdPerMillionTokens: 1e6, outputUsdPerMillionTokens: 1e6 },
      answers: () => ({ text: "dear", promptTokens: 5, completionTokens: 1 }),
    });
    await chat.generate({ messages: [{ role: "user", content: "spend it all" }] });
    twin.setModel({ id: QWEN, providers: [{ name: "Down", status: -5 }] });
    const result = await openRouter({ baseUrl, apiKey: API_KEY }).check(model(QWEN));
    expect(result.canServe).toBe(false);
    expect(result.problems).toHaveLength(2);
  });

  test("deploys by name and answers with the cost the service states", async () => {
    const target = openRouter({ baseUrl, apiKey: API_KEY });
    const deployment = await target.deploy({ model: model(QWEN), idempotencyKey: "k" });
    expect(deployment.configValue).toBe(QWEN);
    expect(await target.deploy({ model: model(QWEN), idempotencyKey: "k" })).toEqual(deployment);
    const chat = await target.chatModel(deployment);
    const answer = await chat.generate({ messages: [{ role: "user", content: "hi" }] });
    expect(answer).toMatchObject({
      text: "hello",
      costUsd: 0.00000037,
      usage: { inputTokens: 3, outputTokens: 1 },
    });
    expect(requests().at(-1)).toBe("POST /chat/completions with key");
    expect(await target.status(deployment)).toMatchObject({ state: "ready" });
  });

  test("pins a provider when it is told to", async () => {
    const target = openRouter({ baseUrl, apiKey: API_KEY, provider: { only: ["elsewhere"] } });
    const chat = await target.chatModel(await target.deploy({ model: model(QWEN), idempotencyKey: "k" }));
    await expect(chat.generate({ messages: [{ role: "user", content: "hi" }] })).rejects.toMatchObject({
      code: "model/not-found",
    });
  });

  test("reads the catalogue once for many callers, and again after a failure", async () => {
    const target = openRouter({ baseUrl, apiKey: API_KEY });
    await Promise.all([1, 2, 3].map(() => target.check(model("nobody/nothing"))));
    expect(requests().filter((line) => line.startsWith("GET /models "))).toHaveLength(1);
    twin.faults.add({
      route: "GET /api/v1/models",
      times: 1,
      fault: { kind: "reply", status: 401, body: { error: { code: 401, message: "bad key" } } },
    });
    const other = openRouter({ baseUrl, apiKey: API_KEY });
    await expect(other.check(model("a/b"))).rejects.toMatchObject({ code: "target/unauthorized" });
    for (const { id } of MODELS ?? []) twin.removeModel(id);
    expect((await other.check(model("a/b"))).canServe).toBe(false);
  });

  test("refuses options it does not know and never shows the key", async () => {
    expect(() => openRouter({ apikey: API_KEY } as never)).toThrow(/apikey/i);
    twin.faults.add({
      route: "GET /api/v1/models",
      fault: {
        kind: "reply",
        status: 400,
        body: { error: { code: 400, message: `the key ${API_KEY} is odd` } },
      },
    });
    const error = await openRouter({ baseUrl, apiKey: API_KEY })
      .check(model("a/b"))
      .catch((reason: unknown) => reason);
    expect(JSON.stringify(error)).not.toContain(API_KEY);
    expect(String(error)).not.toContain(API_KEY);
  });
});
