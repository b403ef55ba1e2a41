import { openAICompatible } from "@modelops/core";
import OpenAI from "openai";
import { afterEach, describe, expect, test } from "vitest";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { type ModelsTwin, type ModelsTwinOptions, startModelsTwin } from "./models-twin.ts";
import type { ScriptedModel } from "./scripted-model.ts";

const KEY = "sk-test-0123456789abcdef";
const ask = (content: string) => [{ role: "user" as const, content }];

let twin: ModelsTwin;
afterEach(() => twin.close());

async function start(models: readonly ScriptedModel[], options: ModelsTwinOptions = {}) {
  twin = await startModelsTwin({ models, ...options });
  return new OpenAI({ apiKey: KEY, baseURL: twin.baseUrl, maxRetries: 0 });
}

/** Asks many times, one after another, without a socket. */
async function statuses(model: string, count: number): Promise<number[]> {
  const found: number[] = [];
  for (let call = 0; call < count; call += 1) {
    const body = JSON.stringify({ model, messages: ask("hi") });
    const response = await twin.fetch(`${twin.baseUrl}/chat/completions`, { method: "POST", body });
    found.push(response.status);
    await response.arrayBuffer();
  }
  return found;
}

describe("the Models twin, asked by the openai client", () => {
  test("answers from a table and by a function, with tokens and cost", async () => {
    const client = await start([
      { id: "table", answers: { "2+2?": "4" }, otherwise: "no idea" },
      {
        id: "function",
        answers: ({ prompt, call, messages }) => `${call}:${messages.length}:${prompt.toUpperCase()}`,
        price: { inputUsdPerMillionTokens: 1000, outputUsdPerMillionTokens: 2000 },
      },
    ]);
    expect((await client.models.list()).data.map((model) => model.id)).toEqual(["table", "function"]);
    const text = async (model: string, prompt: string) =>
      (await client.chat.completions.create({ model, messages: ask(prompt) })).choices[0]?.message.content;
    expect(await text("table", "2+2?")).toBe("4");
    expect(await text("table", "constructor")).toBe("no idea");
    const completion = await client.chat.completions.create({ model: "function", messages: ask("abcdefgh") });
    expect(completion.choices[0]?.message.content).toBe("1:1:ABCDEFGH");
    // 2 and 3 tokens of four characters.
    expect(completion.usage).toEqual({
      prompt_tokens: 2,
      completion_tokens: 3,
      total_tokens: 5,
      cost: 0.008,
    });
    expect(twin.totals("function")).toEqual({
      requests: 1,
      failures: 0,
      promptTokens: 2,
      completionTokens: 3,
      costUsd: 0.008,
    });
    expect(twin.totals("table")?.costUsd).toBe(0);
  });

  test("streams the same text, with usage where it was asked for", async () => {
    const client = await start([{ id: "m", otherwise: "abc👋🏽 an alle" }]);
    const stream = await client.chat.completions.create({
      model: "m",
      messages: ask("hi"),
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")).toBe("abc👋🏽 an alle");
    for (const chunk of chunks) expect(chunk.choices[0]?.delta.content ?? "").not.toMatch(/\p{Surrogate}/u);
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("stop");
    expect(chunks.at(-1)?.usage?.completion_tokens).toBe(4);
  });

  test("a stream that breaks off throws where it breaks; unstreamed it is a server error", async () => {
    const client = await start([
      { id: "m", answers: () => ({ text: "one two three four", failAfterTokens: 2 }) },
    ]);
    const stream = await client.chat.completions.create({ model: "m", messages: ask("hi"), stream: true });
    let text = "";
    await expect(
      (async () => {
        for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
      })(),
    ).rejects.toThrow("The generation broke off.");
    expect(text).toBe("one two ");
    await expect(client.chat.completions.create({ model: "m", messages: ask("hi") })).rejects.toMatchObject({
      status: 500,
    });
  });

  test("calls tools, stops at a stop word, and cuts at max_tokens", async () => {
    const client = await start([
      { id: "tools", answers: () => ({ toolCalls: [{ name: "restart", arguments: '{"service":"pay"}' }] }) },
      { id: "long", otherwise: "abcd".repeat(10) },
      { id: "list", otherwise: "one\ntwo" },
    ]);
    const called = await client.chat.completions.create({ model: "tools", messages: ask("go") });
    expect(called.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: {
        content: null,
        tool_calls: [{ function: { name: "restart", arguments: '{"service":"pay"}' } }],
      },
    });
    const cut = await client.chat.completions.create({ model: "long", messages: ask("go"), max_tokens: 3 });
    expect(cut.choices[0]).toMatchObject({ finish_reason: "length", message: { content: "abcdabcdabcd" } });
    expect(cut.usage?.completion_tokens).toBe(3);
    const stopped = await client.chat.completions.create({
      model: "list",
      messages: ask("go"),
      stop: ["\n"],
    });
    expect(stopped.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "one" } });
  });

  test("refuses what a server refuses", async () => {
    const client = await start([{ id: "m", contextLength: 10 }], { apiKeys: [KEY] });
    const failure = (body: object) =>
      client.chat.completions.create(body as never).then(
        () => null,
        (error: { status: number; code: string | null; param: string | null }) => [
          error.status,
          error.code,
          error.param,
        ],
      );
    expect(await failure({ model: "absent", messages: ask("hi") })).toEqual([
      404,
      "model_not_found",
      "model",
    ]);
    expect(await failure({ model: "m", messages: [] })).toEqual([400, null, "messages"]);
    expect(await failure({ model: "m", messages: ask("hi"), temperature: 3 })).toEqual([
      400,
      null,
      "temperature",
    ]);
    expect(await failure({ model: "m", messages: ask("x".repeat(41)) })).toEqual([
      400,
      "context_length_exceeded",
      "messages",
    ]);
    const stranger = new OpenAI({ apiKey: "sk-other-0123456789", baseURL: twin.baseUrl });
    await expect(stranger.models.list()).rejects.toMatchObject({ status: 401, code: "invalid_api_key" });
  });
});

test("fails as often as it was told, the same requests with the same seed", async () => {
  const flaky = (seed: number): ScriptedModel => ({
    id: `m${seed}`,
    errorRate: 0.3,
    failure: { status: 503 },
    seed,
  });
  await start([flaky(1), flaky(2)]);
  const first = await statuses("m1", 400);
  const share = first.filter((status) => status === 503).length / 400;
  expect(share).toBeGreaterThan(0.22);
  expect(share).toBeLessThan(0.38);
  expect(await statuses("m2", 400)).not.toEqual(first);
  twin.setModel(flaky(1));
  expect(await statuses("m1", 400)).toEqual(first);
  expect(twin.totals("m1")?.failures).toBe(first.filter((status) => status !== 200).length);
});

test("takes its time on the clock, around the median it was given", async () => {
  const clock = new VirtualClock({ startAtMs: 0 });
  await start([{ id: "m", latencyMs: { medianMs: 1000, p95Ms: 3000 } }], { clock });
  const taken: number[] = [];
  for (let call = 0; call < 101; call += 1) {
    const before = clock.now();
    await statuses("m", 1);
    taken.push(clock.now() - before);
  }
  taken.sort((left, right) => left - right);
  expect(taken[50]).toBeGreaterThan(700);
  expect(taken[50]).toBeLessThan(1400);
  expect(taken[0]).toBeLessThan(600);
  expect(taken[100]).toBeGreaterThan(2000);
});

test("serves openAICompatible, which waits as long as a rate limit says", async () => {
  const clock = new VirtualClock({ startAtMs: 0 });
  await start(
    [
      {
        id: "m",
        answers: ({ call }) => (call === 1 ? { error: { status: 429, retryAfterSeconds: 20 } } : "done"),
        price: { inputUsdPerMillionTokens: 1, outputUsdPerMillionTokens: 1 },
      },
    ],
    { clock },
  );
  const model = openAICompatible({ baseUrl: twin.baseUrl, model: "m", apiKey: KEY, clock });
  const answer = await model.generate({ messages: ask("hi") });
  expect(answer).toMatchObject({ text: "done", attempts: 2, costUsd: 0.000002, finishReason: "stop" });
  expect(clock.now()).toBeGreaterThanOrEqual(20_000);
});

test("loads and unloads adapters as vLLM does, where it is told how they answer", async () => {
  const client = await start([], { loadedModel: ({ path }) => ({ id: "any", otherwise: `from ${path}` }) });
  const post = (route: string, body: object) =>
    fetch(`${twin.baseUrl}/${route}`, { method: "POST", body: JSON.stringify(body) });
  expect((await post("load_lora_adapter", { lora_name: "a", lora_path: "/models/a" })).status).toBe(200);
  expect((await post("load_lora_adapter", { lora_name: "a", lora_path: "/models/a" })).status).toBe(400);
  const completion = await client.chat.completions.create({ model: "a", messages: ask("hi") });
  expect(completion.choices[0]?.message.content).toBe("from /models/a");
  expect((await post("unload_lora_adapter", { lora_name: "a" })).status).toBe(200);
  expect((await post("unload_lora_adapter", { lora_name: "a" })).status).toBe(404);
  expect((await fetch(`${twin.baseUrl}/embeddings`, { method: "POST", body: "{}" })).status).toBe(501);
});

test("a misspelt script is refused", async () => {
  await start([]);
  expect(() => twin.setModel({ id: "m", errorrate: 1 } as never)).toThrow(/errorrate/);
});
