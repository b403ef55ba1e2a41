import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatOpenAI } from "@langchain/openai";
import { type ChatModel, fromAiSdk, fromLangChain, fromOpenAI, openAICompatible } from "@modelops/core";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type ModelsTwin, startModelsTwin } from "./models-twin.ts";
import type { ScriptedAnswer, ScriptedQuestion } from "./scripted-model.ts";

// The adapters of core are checked here with the packages they adapt, each talking to a server of this machine.

let twin: ModelsTwin;
let questions: ScriptedQuestion[];
let answer: (question: ScriptedQuestion) => string | ScriptedAnswer;

beforeAll(async () => {
  // LangChain reads its own tracing settings from the environment.
  vi.stubEnv("LANGSMITH_TRACING", "false");
  twin = await startModelsTwin({
    models: [
      {
        id: "support",
        price: { inputUsdPerMillionTokens: 1000, outputUsdPerMillionTokens: 2000 },
        answers(question) {
          questions.push(question);
          return answer(question);
        },
      },
    ],
  });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await twin.close();
});
beforeEach(() => {
  questions = [];
  answer = () => "It is on its way.";
});

const noWait = { now: () => Date.now(), sleep: async () => undefined };

const models: Record<string, (options?: { readonly maxAttempts?: number }) => ChatModel> = {
  openAICompatible: (options) =>
    openAICompatible({ baseUrl: twin.baseUrl, apiKey: "k", model: "support", clock: noWait, ...options }),
  "fromOpenAI with openai": (options) =>
    fromOpenAI(new OpenAI({ baseURL: twin.baseUrl, apiKey: "k" }), {
      model: "support",
      clock: noWait,
      ...options,
    }),
  "fromAiSdk with @ai-sdk/openai-compatible": (options) =>
    fromAiSdk(
      createOpenAICompatible({ name: "here", baseURL: twin.baseUrl, apiKey: "k" }).chatModel("support"),
      { clock: noWait, ...options },
    ),
  "fromLangChain with @langchain/openai": (options) =>
    fromLangChain(
      new ChatOpenAI({
        model: "support",
        apiKey: "k",
        configuration: { baseURL: twin.baseUrl },
        maxRetries: 0,
      }),
      { clock: noWait, ...options },
    ),
};

const weather = {
  name: "weather",
  description: "the weather of a town",
  parameters: { type: "object", properties: { town: { type: "string" } }, required: ["town"] },
};

describe.each(Object.entries(models))("%s", (name, make) => {
  const statesCost = !name.startsWith("fromLangChain");

  test("answers with text, tokens, cost and finish reason", async () => {
    answer = () => ({ text: "It is on its way.", promptTokens: 40, completionTokens: 6 });
    const result = await make().generate({
      messages: [
        { role: "system", content: "You are short." },
        { role: "user", content: "Where is parcel 7?" },
      ],
    });
    expect(result).toMatchObject({
      text: "It is on its way.",
      toolCalls: [],
      usage: { inputTokens: 40, outputTokens: 6 },
      finishReason: "stop",
      attempts: 1,
    });
    // LangChain's messages have no place for what the server said it costs: unknown, not zero.
    if (statesCost) expect(result.costUsd).toBeCloseTo(0.052, 9);
    else expect(result.costUsd).toBeNull();
    expect(result.latencyMs).toBeGreaterThan(0);
    expect(questions[0]?.messages).toMatchObject([
      { role: "system", content: "You are short." },
      { role: "user", content: "Where is parcel 7?" },
    ]);
  });

  test("offers tools, reads calls and carries their results back", async () => {
    answer = ({ call, messages }) =>
      messages.at(-1)?.role === "tool"
        ? `It said: ${messages.at(-1)?.content} (${call})`
        : { toolCalls: [{ name: "weather", arguments: '{"town":"Oslo"}' }] };
    const model = make();
    const first = await model.generate({
      messages: [{ role: "user", content: "Weather in Oslo?" }],
      tools: [weather],
    });
    expect(first.finishReason).toBe("tool-calls");
    expect(first.toolCalls).toMatchObject([{ name: "weather" }]);
    expect(JSON.parse(first.toolCalls[0]?.arguments ?? "")).toEqual({ town: "Oslo" });
    const second = await model.generate({
      messages: [
        { role: "user", content: "Weather in Oslo?" },
        { role: "assistant", content: "", toolCalls: first.toolCalls },
        { role: "tool", content: "rain", toolCallId: first.toolCalls[0]?.id ?? "" },
      ],
      tools: [weather],
    });
    expect(second.text).toContain("It said: rain");
    expect(questions[0]?.body.tools).toMatchObject([{ function: { name: "weather" } }]);
  });

  test("is tried again after a rate limit, once in each attempt", async () => {
    answer = () =>
      questions.length < 3 ? { error: { status: 429, message: "slow down", retryAfterSeconds: 1 } } : "now";
    expect(
      await make({ maxAttempts: 3 }).generate({ messages: [{ role: "user", content: "hi" }] }),
    ).toMatchObject({
      text: "now",
      attempts: 3,
    });
    expect(questions).toHaveLength(3);
  });

  test("gives up by name, and repeats nothing of the prompt", async () => {
    answer = () => ({ error: { status: 401, message: "Incorrect API key for: my secret question" } });
    const failure = await make()
      .generate({ messages: [{ role: "user", content: "my secret question" }] })
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "model/authentication", isRetryable: false });
    expect(String(failure)).not.toContain("my secret question");
    expect(questions).toHaveLength(1);
  });

  test("ends when the caller has given up", async () => {
    const controller = new AbortController();
    answer = () => {
      controller.abort(new Error("enough"));
      return { text: "late", latencyMs: 60_000 };
    };
    await expect(
      make().generate({ messages: [{ role: "user", content: "hi" }] }, { signal: controller.signal }),
    ).rejects.toThrow("enough");
  });
});
