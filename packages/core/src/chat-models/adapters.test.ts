import { inspect } from "node:util";
import { expect, test } from "vitest";
import type { ChatModel, ChatRequest } from "../contract/chat-model.ts";
import { completion } from "./__fixtures__/test-server.ts";
import { fromAiSdk } from "./from-ai-sdk.ts";
import { fromLangChain } from "./from-langchain.ts";
import { fromOpenAI } from "./from-openai.ts";

// Requests and replies below were recorded from @ai-sdk/openai-compatible 3.0.92, @langchain/openai 1 (core 1.4.0) and
// openai 7.57.0 on 2026-11-23, each talking to a server of this machine.

const PROMPT = "a prompt nobody may log";
const TOOL = { name: "f", parameters: { type: "object", properties: { a: { type: "number" } } } };
const REQUEST: ChatRequest = {
  messages: [
    { role: "system", content: "s" },
    { role: "user", content: PROMPT },
    { role: "assistant", content: "", toolCalls: [{ id: "c0", name: "f", arguments: '{"a":2}' }] },
    { role: "tool", content: "done", toolCallId: "c0" },
  ],
  tools: [TOOL],
};
const noWait = { now: () => 0, sleep: async () => undefined };

class RateLimitError extends Error {
  readonly requestBodyValues = { prompt: PROMPT };
  readonly fields: Record<string, unknown>;
  constructor(fields: Record<string, unknown>) {
    super(`429 ${PROMPT}`);
    this.fields = fields;
    Object.assign(this, fields);
  }
}

/** Answers in turn; an error in the list is thrown. Keeps what it was called with. */
function script(...replies: unknown[]) {
  const seen: unknown[][] = [];
  return {
    seen,
    async reply(...input: unknown[]): Promise<unknown> {
      seen.push(input);
      const next = replies[Math.min(seen.length, replies.length) - 1];
      if (next instanceof Error) throw next;
      return next;
    },
  };
}

const aiSdkReply = {
  content: [
    { type: "reasoning", text: "hm" },
    { type: "text", text: "hi" },
    { type: "tool-call", toolCallId: "c1", toolName: "f", input: '{"a":1}' },
  ],
  finishReason: { unified: "tool-calls", raw: "tool_calls" },
  usage: { inputTokens: { total: 5 }, outputTokens: { total: 7 }, raw: { cost: 0.25 } },
  response: { id: "gen-1" },
};
const langChainReply = {
  content: "hi",
  tool_calls: [{ name: "f", args: { a: 1 }, id: "c1", type: "tool_call" }],
  usage_metadata: { input_tokens: 5, output_tokens: 7, total_tokens: 12 },
  response_metadata: { finish_reason: "tool_calls" },
  id: "gen-1",
};
const openAiReply = completion("hi", {
  choices: [
    {
      finish_reason: "tool_calls",
      message: {
        content: "hi",
        tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
      },
    },
  ],
  usage: { prompt_tokens: 5, completion_tokens: 7, cost: 0.25 },
});

const aiSdk = (calls: ReturnType<typeof script>, options = {}) =>
  fromAiSdk({ provider: "here.chat", modelId: "m", doGenerate: calls.reply }, { clock: noWait, ...options });
const langChain = (calls: ReturnType<typeof script>, options = {}) =>
  fromLangChain(
    { model: "m", invoke: calls.reply, bindTools: () => ({ invoke: calls.reply }) },
    { clock: noWait, ...options },
  );
const openAi = (calls: ReturnType<typeof script>, options = {}) =>
  fromOpenAI(
    { baseURL: "https://host/v1/", chat: { completions: { create: calls.reply } } },
    { model: "m", clock: noWait, ...options },
  );

const ADAPTERS: [
  string,
  (calls: ReturnType<typeof script>, options?: object) => ChatModel,
  unknown,
  string,
][] = [
  ["fromAiSdk", aiSdk, aiSdkReply, "m@here.chat"],
  ["fromLangChain", langChain, langChainReply, "m@langchain"],
  ["fromOpenAI", openAi, openAiReply, "m@host/v1"],
];

test.each(ADAPTERS)("%s reads text, tool calls, tokens and finish reason", async (name, make, reply, id) => {
  const price = { inputUsdPerMillionTokens: 10_000, outputUsdPerMillionTokens: 0 };
  const model = make(script(reply), { price });
  expect(model.id).toBe(id);
  const result = await model.generate(REQUEST);
  expect(result).toMatchObject({
    text: "hi",
    toolCalls: [{ id: "c1", name: "f", arguments: '{"a":1}' }],
    usage: { inputTokens: 5, outputTokens: 7 },
    finishReason: "tool-calls",
    requestId: "gen-1",
    attempts: 1,
  });
  expect(result.costUsd).toBeCloseTo(name === "fromLangChain" ? 0.05 : 0.25, 12);
});

test.each(ADAPTERS)(
  "%s repeats a rate-limited call, counts it, and leaks no prompt when it gives up",
  async (_, make, reply) => {
    const limited = new RateLimitError({
      statusCode: 429,
      status: 429,
      responseHeaders: { "retry-after": "0" },
    });
    const calls = script(limited, reply);
    expect(await make(calls, { maxAttempts: 2 }).generate(REQUEST)).toMatchObject({ attempts: 2 });

    const error = await make(script(limited), { maxAttempts: 3 })
      .generate(REQUEST)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "model/rate-limited", details: { attempts: 3 } });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(PROMPT);
  },
);

test.each(ADAPTERS)("%s does not repeat a refusal and gives broken replies a name", async (_, make) => {
  const refused = script(new RateLimitError({ statusCode: 401, status: 401 }));
  await expect(make(refused).generate(REQUEST)).rejects.toMatchObject({ code: "model/authentication" });
  expect(refused.seen).toHaveLength(1);
  await expect(make(script({ odd: true }), { maxAttempts: 1 }).generate(REQUEST)).rejects.toMatchObject({
    code: "model/unusable-answer",
  });
});

test.each(ADAPTERS)("%s keeps nothing of a foreign error that has no status", async (_, make) => {
  const error = await make(script(new RateLimitError({})))
    .generate(REQUEST)
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "model/failed" });
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(PROMPT);
});

test.each(ADAPTERS)("%s passes the caller's abort on", async (_, make) => {
  const controller = new AbortController();
  const hanging = {
    seen: [],
    reply: (...input: unknown[]) => {
      const given = input as { signal?: AbortSignal; abortSignal?: AbortSignal }[];
      const signal = given.map((one) => one?.signal ?? one?.abortSignal).find((one) => one !== undefined);
      return new Promise<unknown>((_, reject) =>
        signal?.addEventListener("abort", () => reject(new Error("aborted"))),
      );
    },
  };
  const answer = make(hanging).generate(REQUEST, { signal: controller.signal });
  controller.abort(new Error("enough"));
  await expect(answer).rejects.toThrow("enough");
});

test("fromAiSdk writes the prompt of the language model specification", async () => {
  const calls = script(aiSdkReply);
  await aiSdk(calls).generate({
    ...REQUEST,
    temperature: 0,
    maxOutputTokens: 5,
    stop: ["\n"],
    extraBody: { top_k: 1 },
  });
  expect(calls.seen[0]?.[0]).toMatchObject({
    prompt: [
      { role: "system", content: "s" },
      { role: "user", content: [{ type: "text", text: PROMPT }] },
      {
        role: "assistant",
        content: [{ type: "tool-call", toolCallId: "c0", toolName: "f", input: { a: 2 } }],
      },
      {
        role: "tool",
        content: [
          { type: "tool-result", toolCallId: "c0", toolName: "f", output: { type: "text", value: "done" } },
        ],
      },
    ],
    temperature: 0,
    maxOutputTokens: 5,
    stopSequences: ["\n"],
    tools: [{ type: "function", name: "f", inputSchema: TOOL.parameters }],
    providerOptions: { here: { top_k: 1 } },
  });
});

test("fromOpenAI turns the client's own retries off", async () => {
  const calls = script(openAiReply);
  await openAi(calls).generate(REQUEST);
  expect(calls.seen[0]?.[1]).toMatchObject({ maxRetries: 0, timeout: 60_000 });
});

test("fromLangChain refuses a setting it would have to ignore", async () => {
  const calls = script(langChainReply);
  await expect(langChain(calls).generate({ ...REQUEST, temperature: 0 })).rejects.toMatchObject({
    code: "model/unsupported-setting",
    details: { settings: ["temperature"] },
  });
  expect(calls.seen).toHaveLength(0);
});
