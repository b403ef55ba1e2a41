import { openAICompatible } from "@modelops/core";
import { OpenRouter } from "@openrouter/sdk";
import OpenAI from "openai";
import { afterEach, describe, expect, test } from "vitest";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { type OpenRouterTwin, type OpenRouterTwinOptions, startOpenRouterTwin } from "./openrouter-twin.ts";

const KEY = "sk-or-test-0123456789abcdef";
const QWEN = "qwen/qwen-2.5-coder-32b-instruct";
const messages = [{ role: "user" as const, content: "hello there" }];
const PRICE = { inputUsdPerMillionTokens: 100, outputUsdPerMillionTokens: 200 };

let twin: OpenRouterTwin;
afterEach(() => twin.close());

async function start(options: OpenRouterTwinOptions = {}) {
  twin = await startOpenRouterTwin({
    models: [
      {
        id: QWEN,
        canonicalSlug: `${QWEN}-2024-11`,
        otherwise: "good morning",
        price: PRICE,
        providers: [
          { name: "DeepInfra", uptimePercent: 99.9, quantization: "fp8" },
          { name: "Down", status: -5 },
        ],
      },
      { id: "other/model", otherwise: "other" },
    ],
    keys: [{ key: KEY }],
    ...options,
  });
  return {
    sdk: new OpenRouter({ apiKey: KEY, serverURL: twin.baseUrl, retryConfig: { strategy: "none" } }),
    openai: new OpenAI({ apiKey: KEY, baseURL: twin.baseUrl, maxRetries: 0 }),
  };
}

const statusOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 200,
    (error: { statusCode?: number; status?: number }) => error.statusCode ?? error.status,
  );

describe("the OpenRouter twin, asked by @openrouter/sdk", () => {
  test("lists models page by page, and the providers of one", async () => {
    const { sdk } = await start();
    const pages = [];
    for await (const page of await sdk.models.list({ limit: 1 }))
      pages.push(page.result.data.map(({ id }) => id));
    // This client asks until a page is empty.
    expect(pages).toEqual([[QWEN], ["other/model"], []]);
    const whole = await sdk.models.list();
    expect(whole.result.data[0]).toMatchObject({
      canonicalSlug: `${QWEN}-2024-11`,
      contextLength: 131_072,
      pricing: { prompt: "0.0001", completion: "0.0002" },
    });
    expect((await sdk.models.count()).data.count).toBe(2);
    const { data } = await sdk.endpoints.list({ author: "qwen", slug: "qwen-2.5-coder-32b-instruct" });
    expect(
      data.endpoints.map(({ providerName, status, quantization }) => [providerName, status, quantization]),
    ).toEqual([
      ["DeepInfra", 0, "fp8"],
      ["Down", -5, null],
    ]);
    await expect(sdk.endpoints.list({ author: "qwen", slug: "absent" })).rejects.toMatchObject({
      statusCode: 404,
    });
  });

  test("answers with usage and cost, spends credits, and remembers the generation after a while", async () => {
    const clock = new VirtualClock({ startAtMs: Date.UTC(2026, 0, 1), autoAdvance: false });
    const { sdk } = await start({ clock, generationDelayMs: 5000, creditsUsd: 1 });
    const result = await sdk.chat.send({
      chatRequest: { model: `${QWEN}-2024-11`, messages, stream: false },
    });
    if (!("choices" in result)) throw new Error("expected an answer, got a stream");
    expect(result.choices[0]?.message.content).toBe("good morning");
    // 3 + 3 tokens of four characters.
    expect(result.usage).toMatchObject({ promptTokens: 3, completionTokens: 3, cost: 0.0009 });
    expect(result.usage?.costDetails?.upstreamInferencePromptCost).toBe(0.0003);
    await expect(sdk.generations.getGeneration({ id: result.id })).rejects.toMatchObject({ statusCode: 404 });
    await clock.advance(5000);
    const { data } = await sdk.generations.getGeneration({ id: result.id });
    expect(data).toMatchObject({
      model: QWEN,
      providerName: "DeepInfra",
      totalCost: 0.0009,
      streamed: false,
    });
    expect((await sdk.credits.getCredits()).data).toEqual({ totalCredits: 1, totalUsage: 0.0009 });
    expect((await sdk.apiKeys.getCurrentKeyMetadata()).data).toMatchObject({ limit: null, usage: 0.0009 });
  });

  test("streams, with usage in the last chunk", async () => {
    const { sdk } = await start();
    const stream = await sdk.chat.send({ chatRequest: { model: QWEN, messages, stream: true } });
    if (!(Symbol.asyncIterator in stream)) throw new Error("expected a stream");
    let text = "";
    let cost: number | null | undefined = null;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      cost = chunk.usage?.cost ?? cost;
    }
    expect([text, cost]).toEqual(["good morning", 0.0009]);
  });

  test("a break in the stream arrives as a chunk with an error, a break without one as 200 with an error", async () => {
    const { sdk, openai } = await start();
    twin.setModel({ id: QWEN, answers: () => ({ text: "good morning", failAfterTokens: 1 }) });
    const stream = await sdk.chat.send({ chatRequest: { model: QWEN, messages, stream: true } });
    if (!(Symbol.asyncIterator in stream)) throw new Error("expected a stream");
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.at(-1)).toMatchObject({ error: { code: 502 }, choices: [{ finishReason: "error" }] });
    await expect(sdk.chat.send({ chatRequest: { model: QWEN, messages } })).rejects.toMatchObject({
      name: "ResponseValidationError",
      statusCode: 200,
    });
    const streamed = await openai.chat.completions.create({ model: QWEN, messages, stream: true });
    await expect(
      (async () => {
        for await (const _ of streamed);
      })(),
    ).rejects.toThrow("Provider disconnected.");
  });

  test("refuses as the service does", async () => {
    const { sdk, openai } = await start({
      keys: [
        { key: KEY, limitUsd: 0.001 },
        { key: "sk-or-plain-0123456789", isManagementKey: false },
      ],
      creditsUsd: 0.002,
    });
    const send = (model: string) => sdk.chat.send({ chatRequest: { model, messages } });
    expect(await statusOf(send("nobody/nothing"))).toBe(404);
    expect(await statusOf(send(QWEN))).toBe(200);
    expect(await statusOf(send(QWEN))).toBe(200);
    // The limit of the key comes first, then the credits of the account.
    expect(await statusOf(send(QWEN))).toBe(403);
    const plain = new OpenRouter({ apiKey: "sk-or-plain-0123456789", serverURL: twin.baseUrl });
    expect(await statusOf(plain.credits.getCredits())).toBe(403);
    const paid = () => plain.chat.send({ chatRequest: { model: QWEN, messages } });
    expect(await statusOf(paid())).toBe(200);
    await expect(paid()).rejects.toMatchObject({ name: "PaymentRequiredResponseError", statusCode: 402 });
    twin.setCredits(1);
    expect(await statusOf(paid())).toBe(200);
    const stranger = new OpenRouter({ apiKey: "sk-or-stranger-0123456", serverURL: twin.baseUrl });
    await expect(stranger.apiKeys.getCurrentKeyMetadata()).rejects.toMatchObject({ statusCode: 401 });
    expect((await sdk.models.list()).result.totalCount).toBe(2);
    const wrong = openai.chat.completions.create({
      model: QWEN,
      messages,
      session_id: "x".repeat(257),
    } as never);
    expect(await statusOf(wrong)).toBe(403);
    const tooLong = fetch(`${twin.baseUrl}/chat/completions`, {
      method: "POST",
      headers: { authorization: "Bearer sk-or-plain-0123456789" },
      body: JSON.stringify({ model: QWEN, messages, session_id: "x".repeat(257) }),
    });
    expect((await tooLong).status).toBe(400);
  });

  test("falls back from model to model, chooses among providers, and says which served", async () => {
    await start();
    twin.setModel({ id: QWEN, answers: () => ({ error: { status: 429, retryAfterSeconds: 7 } }) });
    const post = async (body: object) => {
      const response = await fetch(`${twin.baseUrl}/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${KEY}`, "x-openrouter-metadata": "enabled" },
        body: JSON.stringify({ messages, ...body }),
      });
      return { response, body: await response.json() };
    };
    const fallen = await post({ models: [QWEN, "other/model"] });
    expect(fallen.body).toMatchObject({
      model: "other/model",
      provider: "Twin",
      openrouter_metadata: { strategy: "fallback", attempts: [{ status: 429 }, { status: 200 }] },
    });
    const limited = await post({ model: QWEN });
    expect(limited.response.status).toBe(429);
    expect(limited.response.headers.get("retry-after")).toBe("7");
    expect(limited.body).toMatchObject({
      error: { code: 429, metadata: { error_type: "rate_limit_exceeded", provider_name: "Twin" } },
    });
    expect((await post({ model: "other/model", provider: { only: ["elsewhere"] } })).response.status).toBe(
      404,
    );
    const providers = [{ name: "Down", status: -5 as const }, { name: "Up" }, { name: "Third" }];
    twin.setModel({ id: "other/model", providers });
    expect((await post({ model: "other/model" })).body).toMatchObject({ provider: "Up" });
    expect((await post({ model: "other/model", provider: { order: ["third"] } })).body).toMatchObject({
      provider: "Third",
    });
    expect((await post({ model: "other/model", provider: { only: ["down"] } })).response.status).toBe(404);
  });
});

test("serves openAICompatible: the stated cost is the cost, and an error in a 200 answer is an error", async () => {
  await start();
  const model = openAICompatible({ baseUrl: twin.baseUrl, apiKey: KEY, model: QWEN, maxAttempts: 1 });
  expect(await model.generate({ messages })).toMatchObject({ text: "good morning", costUsd: 0.0009 });
  twin.setModel({ id: QWEN, answers: () => ({ text: "good", failAfterTokens: 0 }) });
  await expect(model.generate({ messages })).rejects.toMatchObject({ code: "model/server-error" });
});

test("a misspelt model is refused", async () => {
  await start();
  expect(() => twin.setModel({ id: "no-author" })).toThrow(/author\/slug/);
  expect(() => twin.setModel({ id: "a/b", provider: [] } as never)).toThrow(/provider/);
});
