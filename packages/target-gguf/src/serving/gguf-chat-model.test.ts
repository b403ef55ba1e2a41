import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChatRequest } from "@modelops/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { greedyTokens } from "../../test-models/greedy-tokens.ts";
import { writeTinyAdapter } from "../../test-models/tiny-adapter.ts";
import { writeTinyModel } from "../../test-models/tiny-model.ts";
import { convertAdapterToGguf } from "../conversion/convert-adapter-to-gguf.ts";
import { convertToGguf } from "../conversion/convert-to-gguf.ts";
import { type GgufChatModel, openGgufChatModel } from "./gguf-chat-model.ts";

let folder: string;
let model: GgufChatModel;
const file = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-gguf-serving-"));
  await writeTinyModel(file("model"));
  await writeTinyAdapter(file("adapter"));
  await convertToGguf({ modelFolder: file("model"), outputPath: file("model.gguf"), type: "F32" });
  await convertAdapterToGguf({
    adapterFolder: file("adapter"),
    baseFolder: file("model"),
    outputPath: file("adapter.gguf"),
  });
  model = await openGgufChatModel({ modelPath: file("model.gguf") });
});

afterAll(async () => {
  await model.close();
  await rm(folder, { recursive: true, force: true });
});

const ask = (content: string, more: Partial<ChatRequest> = {}): ChatRequest => ({
  messages: [{ role: "user", content }],
  maxOutputTokens: 24,
  ...more,
});

it("answers greedily, counts tokens and measures the time", async () => {
  const result = await model.generate(ask("Hello"));
  // 1 + "user\n" + "Hello" + 1 + "\n" + 1 + "assistant\n"
  expect(result.usage).toEqual({ inputTokens: 24, outputTokens: 24 });
  expect(result).toMatchObject({
    finishReason: "length",
    toolCalls: [],
    costUsd: 0,
    attempts: 1,
    requestId: null,
  });
  expect(result.latencyMs).toBeGreaterThan(0);
  expect((await model.generate(ask("Hello"))).text).toBe(result.text);
});

it("uses one thread for a tiny model", () => {
  expect(model.threads).toBe(1);
  expect(model.id).toBe("gguf:model");
});

it("gives every one of many simultaneous calls the answer it would get alone", async () => {
  const questions = Array.from(
    { length: 12 },
    (_, index) => `Question ${index} ${"about something ".repeat(index % 4)}`,
  );
  const alone: string[] = [];
  for (const question of questions) alone.push((await model.generate(ask(question))).text);
  const together = await Promise.all(questions.map((question) => model.generate(ask(question))));
  expect(together.map(({ text }) => text)).toEqual(alone);
  expect(new Set(alone).size).toBeGreaterThan(6);

  const several = await openGgufChatModel({ modelPath: file("model.gguf"), contextCount: 3 });
  const parallel = await Promise.all(questions.map((question) => several.generate(ask(question))));
  await several.close();
  expect(parallel.map(({ text }) => text)).toEqual(alone);
});

it("ends before a stop text and leaves it out", async () => {
  const { text } = await model.generate(ask("Tell me more", { maxOutputTokens: 60 }));
  const stop = [...text].slice(8, 11).join("");
  const stopped = await model.generate(
    ask("Tell me more", { maxOutputTokens: 60, stop: ["never said", stop] }),
  );
  expect(stopped.finishReason).toBe("stop");
  expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)));
  expect(stopped.usage.outputTokens).toBeLessThan(60);
});

it("repeats itself with the same seed and differs with another", async () => {
  const sample = async (seed: number) => (await model.generate(ask("Roll", { temperature: 1.5, seed }))).text;
  const first = await sample(1);
  expect(await sample(1)).toBe(first);
  expect(new Set([first, await sample(2), await sample(3)]).size).toBe(3);
});

it("refuses a prompt that does not fit and says how long it is", async () => {
  await expect(model.generate(ask("x".repeat(2_000)))).rejects.toMatchObject({
    code: "model/context-too-long",
    details: { promptTokens: 2_019, contextLength: 512 },
  });
});

it("stops at the end of the context instead of forgetting the beginning", async () => {
  const result = await model.generate(ask("x".repeat(460), { maxOutputTokens: 500 }));
  expect(result.finishReason).toBe("length");
  expect((result.usage.inputTokens ?? 0) + (result.usage.outputTokens ?? 0)).toBe(512);
});

it("answers a prompt longer than one batch as if it were evaluated at once", async () => {
  const config = { max_position_embeddings: 2048 };
  await writeTinyModel(file("long"), { config });
  await convertToGguf({ modelFolder: file("long"), outputPath: file("long.gguf"), type: "F32" });
  const content = Array.from({ length: 130 }, (_, index) => `line ${index} `).join("");
  expect(content.length).toBeGreaterThan(1_024);
  const long = await openGgufChatModel({
    modelPath: file("long.gguf"),
    chatTemplate: "{{ messages[0].content }}",
  });
  const result = await long.generate(ask(content));
  await long.close();
  const tokens = await greedyTokens(file("long.gguf"), [...Buffer.from(content)], 24);
  expect(result.usage.inputTokens).toBe(content.length);
  expect(result.text).toBe(Buffer.from(tokens).toString("utf8"));
});

it.each<[string, Partial<ChatRequest>]>([
  ["a negative temperature", { temperature: -1 }],
  ["a temperature that is no number", { temperature: Number.NaN }],
  ["no output tokens", { maxOutputTokens: 0 }],
  ["a sampling option that is no number", { extraBody: { top_p: "high" } }],
])("refuses a request with %s", async (_, more) => {
  await expect(model.generate(ask("Hi", more))).rejects.toMatchObject({ code: "model/invalid-request" });
});

it("refuses tools that its template would not show to the model", async () => {
  const tools = [{ name: "search", parameters: {} }];
  await expect(model.generate(ask("Hi", { tools }))).rejects.toMatchObject({
    code: "model/tools-not-supported",
  });
});

/** A question whose greedy answer is known to take hundreds of tokens: a random model may stop after a few. */
async function longQuestion(): Promise<ChatRequest> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const request = ask(`question ${attempt}`, { maxOutputTokens: 440, temperature: 0 });
    if ((await model.generate(request)).finishReason === "length") return request;
  }
  throw new Error("every answer of the random model was short");
}

describe("an abort", () => {
  it("ends a call that is being answered", async () => {
    const long = await longQuestion();
    const controller = new AbortController();
    const call = model.generate(long, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error("changed my mind")), 5);
    await expect(call).rejects.toThrow("changed my mind");
    await expect(model.generate(ask("still works"))).resolves.toMatchObject({ finishReason: "length" });
  });

  it("takes a waiting call out of the line", async () => {
    const first = model.generate(ask("first", { maxOutputTokens: 200 }));
    const controller = new AbortController();
    const waiting = model.generate(ask("second"), { signal: controller.signal });
    controller.abort(new Error("no longer needed"));
    await expect(waiting).rejects.toThrow("no longer needed");
    await expect(first).resolves.toMatchObject({ attempts: 1 });
  });

  it("from before the call starts nothing", async () => {
    await expect(model.generate(ask("x"), { signal: AbortSignal.abort(new Error("early")) })).rejects.toThrow(
      "early",
    );
  });
});

it("applies an adapter", async () => {
  const adapted = await openGgufChatModel({
    modelPath: file("model.gguf"),
    adapterPath: file("adapter.gguf"),
  });
  const [plain, changed] = [await model.generate(ask("Hello")), await adapted.generate(ask("Hello"))];
  expect(adapted.id).toBe("gguf:model+adapter");
  expect(changed.text).not.toBe(plain.text);
  await adapted.close();
});

it("refuses the adapter of another model and says so", async () => {
  const config = { hidden_size: 32, intermediate_size: 64 };
  await writeTinyModel(file("other"), { config });
  await writeTinyAdapter(file("other-adapter"), { config });
  await convertAdapterToGguf({
    adapterFolder: file("other-adapter"),
    baseFolder: file("other"),
    outputPath: file("other.gguf"),
  });
  await expect(
    openGgufChatModel({ modelPath: file("model.gguf"), adapterPath: file("other.gguf") }),
  ).rejects.toMatchObject({
    code: "gguf/load-failed",
  });
});

it("refuses a damaged file before llama.cpp sees it", async () => {
  await writeFile(file("damaged.gguf"), "GGUF, or not");
  await expect(openGgufChatModel({ modelPath: file("damaged.gguf") })).rejects.toMatchObject({
    code: "gguf/malformed-gguf",
  });
});

it("renders with the caller's template when there is one, and refuses one that is broken", async () => {
  const chatTemplate = "{{ messages[0].content }}{{ extra }}";
  const custom = await openGgufChatModel({ modelPath: file("model.gguf"), chatTemplate });
  const result = await custom.generate(
    ask("12345", { extraBody: { chat_template_kwargs: { extra: "678" } } }),
  );
  expect(result.usage.inputTokens).toBe(8);
  await custom.close();
  await expect(
    openGgufChatModel({ modelPath: file("model.gguf"), chatTemplate: "{% if %}" }),
  ).rejects.toMatchObject({
    code: "gguf/bad-chat-template",
  });
});

it("passes a template's own complaint on", async () => {
  const chatTemplate = "{{ raise_exception('roles must alternate') }}";
  const strict = await openGgufChatModel({ modelPath: file("model.gguf"), chatTemplate });
  await expect(strict.generate(ask("x"))).rejects.toMatchObject({
    code: "model/chat-template-failed",
    reason: expect.stringContaining("roles must alternate"),
  });
  await strict.close();
});

it("reads tool calls out of the answer when tools were given", async () => {
  const chatTemplate = "{% for tool in tools %}{{ tool.function.name }}{% endfor %}{{ messages[0].content }}";
  const withTools = await openGgufChatModel({ modelPath: file("model.gguf"), chatTemplate });
  const result = await withTools.generate(ask("12345", { tools: [{ name: "abc", parameters: {} }] }));
  expect(result.usage.inputTokens).toBe(8);
  expect(result.toolCalls).toEqual([]);
  await withTools.close();
});

it("closes calmly: twice, with calls running and waiting, and refuses later calls", async () => {
  const closing = await openGgufChatModel({ modelPath: file("model.gguf") });
  const calls = [1, 2, 3].map((number) => closing.generate(ask(`call ${number}`, { maxOutputTokens: 480 })));
  const settled = Promise.allSettled(calls);
  await Promise.all([closing.close(), closing.close()]);
  for (const call of await settled) expect(call).toMatchObject({ reason: { code: "model/closed" } });
  await expect(closing.generate(ask("late"))).rejects.toMatchObject({ code: "model/closed" });
  await expect(model.generate(ask("the other model still answers"))).resolves.toBeDefined();
});
