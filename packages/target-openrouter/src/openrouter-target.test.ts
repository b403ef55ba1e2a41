import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { ModelReference } from "@modelops/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openRouter } from "./openrouter-target.ts";

const API_KEY = "sk-or-test-0123456789abcdef";

let server: Server;
let baseUrl: string;
let requests: string[];
let replies: Record<string, { status?: number; body: unknown }>;

beforeEach(async () => {
  requests = [];
  replies = {
    "GET /models": {
      body: {
        data: [
          {
            id: "qwen/qwen-2.5-coder-32b-instruct",
            canonical_slug: "qwen/qwen-2.5-coder-32b-instruct-2024-11",
            context_length: 32768,
            pricing: { prompt: "0.00000007", completion: "0.00000016" },
          },
          {
            id: "deepseek/deepseek-chat",
            context_length: 163840,
            pricing: { prompt: "0.0000003", completion: "0.00000088" },
          },
          { id: "openrouter/auto", pricing: { prompt: "-1", completion: "-1" } },
        ],
        total_count: 3,
        links: { next: null },
      },
    },
    "GET /models/qwen/qwen-2.5-coder-32b-instruct/endpoints": {
      body: { data: { endpoints: [{ provider_name: "DeepInfra", status: 0, uptime_last_30m: 99.9 }] } },
    },
    "GET /models/openrouter/auto/endpoints": { body: { data: { endpoints: [{ provider_name: "A" }] } } },
    "GET /key": { body: { data: { limit: 10, limit_remaining: 4.5 } } },
    "POST /chat/completions": {
      body: {
        id: "gen-1",
        model: "qwen/qwen-2.5-coder-32b-instruct",
        choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "hello" } }],
        usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4, cost: "0.00000037" },
      },
    },
  };
  server = createServer((request, response) => {
    const name = `${request.method} ${request.url}`;
    requests.push(
      `${name} ${request.headers.authorization === `Bearer ${API_KEY}` ? "with key" : "without key"}`,
    );
    request.resume();
    const reply = replies[name];
    response.statusCode = reply ? (reply.status ?? 200) : 501;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(reply?.body ?? { error: { code: 501, message: `no route ${name}` } }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const model = (modelId: string, overrides: Partial<ModelReference> = {}): ModelReference => ({
  modelId,
  agent: "feature_dev",
  version: "v1.0.0",
  artifact: null,
  ...overrides,
});

describe("openRouter", () => {
  test("reads price and context of a catalogue model, and who serves it", async () => {
    const target = openRouter({ baseUrl, apiKey: API_KEY });
    expect(await target.check(model("qwen/qwen-2.5-coder-32b-instruct"))).toMatchObject({
      canServe: true,
      problems: [],
      price: { inputUsdPerMillionTokens: 0.07, outputUsdPerMillionTokens: 0.16 },
      contextLength: 32768,
      notes: [
        "DeepInfra, uptime 99.9 % in the last 30 min",
        "pinned name: qwen/qwen-2.5-coder-32b-instruct-2024-11",
      ],
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
    expect(misspelt.problems[0]?.fix).toContain("qwen/qwen-2.5-coder-32b-instruct");
    const artifact = {
      kind: "adapter" as const,
      location: { type: "hub" as const, repoId: "me/tuned", revision: null },
      baseModel: "qwen/base",
      baseModelRevision: null,
      files: [],
    };
    const tuned = await target.check(model("me/tuned", { artifact }));
    expect(tuned.problems[0]?.fix).toContain("target-hf-endpoints");
    await expect(
      target.deploy({ model: model("me/tuned", { artifact }), idempotencyKey: "k" }),
    ).rejects.toMatchObject({
      code: "target/cannot-serve",
    });
  });

  test("an exhausted key and a model without providers are refused before anything changes", async () => {
    replies["GET /key"] = { body: { data: { limit: 10, limit_remaining: 0 } } };
    replies["GET /models/qwen/qwen-2.5-coder-32b-instruct/endpoints"] = {
      body: { data: { endpoints: [{ provider_name: "Down", status: -5 }] } },
    };
    const result = await openRouter({ baseUrl, apiKey: API_KEY }).check(
      model("qwen/qwen-2.5-coder-32b-instruct"),
    );
    expect(result.canServe).toBe(false);
    expect(result.problems).toHaveLength(2);
  });

  test("deploys by name and answers with the cost the service states", async () => {
    const target = openRouter({ baseUrl, apiKey: API_KEY });
    const deployment = await target.deploy({
      model: model("qwen/qwen-2.5-coder-32b-instruct"),
      idempotencyKey: "k",
    });
    expect(deployment.configValue).toBe("qwen/qwen-2.5-coder-32b-instruct");
    expect(
      await target.deploy({ model: model("qwen/qwen-2.5-coder-32b-instruct"), idempotencyKey: "k" }),
    ).toEqual(deployment);
    const chat = await target.chatModel(deployment);
    const answer = await chat.generate({ messages: [{ role: "user", content: "hi" }] });
    expect(answer).toMatchObject({
      text: "hello",
      costUsd: 0.00000037,
      usage: { inputTokens: 3, outputTokens: 1 },
    });
    expect(requests.at(-1)).toBe("POST /chat/completions with key");
    expect(await target.status(deployment)).toMatchObject({ state: "ready" });
  });

  test("reads the catalogue once for many callers, and again after a failure", async () => {
    const target = openRouter({ baseUrl, apiKey: API_KEY });
    await Promise.all([1, 2, 3].map(() => target.check(model("nobody/nothing"))));
    expect(requests.filter((line) => line.startsWith("GET /models "))).toHaveLength(1);
    replies["GET /models"] = { status: 401, body: { error: { code: 401, message: "bad key" } } };
    const other = openRouter({ baseUrl, apiKey: API_KEY });
    await expect(other.check(model("a/b"))).rejects.toMatchObject({ code: "target/unauthorized" });
    replies["GET /models"] = { body: { data: [] } };
    expect((await other.check(model("a/b"))).canServe).toBe(false);
  });

  test("refuses options it does not know and never shows the key", async () => {
    expect(() => openRouter({ apikey: API_KEY } as never)).toThrow(/apikey/i);
    replies["GET /models"] = {
      status: 400,
      body: { error: { code: 400, message: `the key ${API_KEY} is odd` } },
    };
    const error = await openRouter({ baseUrl, apiKey: API_KEY })
      .check(model("a/b"))
      .catch((reason: unknown) => reason);
    expect(JSON.stringify(error)).not.toContain(API_KEY);
    expect(String(error)).not.toContain(API_KEY);
  });
});
