import { inspect } from "node:util";
import { afterEach, expect, test } from "vitest";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { Clock } from "../time/clock.ts";
import { completion, sendJson, startServer } from "./__fixtures__/test-server.ts";
import { type OpenAICompatibleOptions, openAICompatible } from "./openai-compatible.ts";

const PROMPT = "Restart the payment service of customer 4711";
const REQUEST = { messages: [{ role: "user" as const, content: PROMPT }] };
const KEY = "sk-test-0123456789abcdef";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Time that passes only in sleeps, and remembers them. */
function virtualClock(): Clock & { readonly waits: number[] } {
  let now = Date.parse("2026-11-23T12:00:00Z");
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    async sleep(durationMs, { signal } = {}) {
      signal?.throwIfAborted();
      waits.push(durationMs);
      now += durationMs;
    },
  };
}

async function setUp(
  reply: Parameters<typeof startServer>[0],
  options: Partial<OpenAICompatibleOptions> = {},
) {
  const server = await startServer(reply);
  closing.push(server.close);
  const clock = virtualClock();
  const model = openAICompatible({
    baseUrl: server.baseUrl,
    model: "m",
    apiKey: KEY,
    clock,
    random: () => 0.5,
    ...options,
  });
  return { server, clock, model };
}

async function failureOf(promise: Promise<unknown>): Promise<ModelOpsError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!ModelOpsError.isInstance(error)) throw new Error(`expected a ModelOpsError, got ${String(error)}`);
  // No error of a model shows the key or the prompt, whichever way it is printed.
  for (const shown of [error.message, JSON.stringify(error), inspect(error, { depth: 10 })]) {
    expect(shown).not.toContain(KEY);
    expect(shown).not.toContain(PROMPT);
  }
  return error;
}

test("sends the request and reads the whole answer", async () => {
  const { server, model } = await setUp((response) =>
    sendJson(response, 200, {
      ...completion("done"),
      choices: [
        {
          finish_reason: "tool_calls",
          message: {
            content: null,
            tool_calls: [
              { id: "c1", type: "function", function: { name: "restart", arguments: '{"service":"pay"}' } },
              { type: "function", function: { name: "log", arguments: { level: 1 } } },
            ],
          },
        },
      ],
      usage: { prompt_tokens: 100, completion_tokens: 20, cost: "0.00012" },
    }),
  );
  const result = await model.generate({
    messages: [
      { role: "system", content: "Be short." },
      { role: "assistant", content: "", toolCalls: [{ id: "c0", name: "look", arguments: "{}" }] },
      { role: "tool", content: "up", toolCallId: "c0" },
    ],
    maxOutputTokens: 50,
    temperature: 0,
    seed: 7,
    stop: ["\n"],
    tools: [{ name: "restart", parameters: { type: "object" } }],
    extraBody: { provider: { order: ["x"] }, stream: true, messages: "no" },
  });

  expect(result).toMatchObject({
    text: "",
    toolCalls: [
      { id: "c1", name: "restart", arguments: '{"service":"pay"}' },
      { id: null, name: "log", arguments: '{"level":1}' },
    ],
    usage: { inputTokens: 100, outputTokens: 20 },
    costUsd: 0.00012,
    finishReason: "tool-calls",
    requestId: "gen-1",
    attempts: 1,
  });
  expect(result.latencyMs).toBeGreaterThan(0);
  expect(model.id).toBe(`m@${server.baseUrl.slice("http://".length)}`);
  expect(server.seen[0]).toMatchObject({
    path: "/v1/chat/completions",
    headers: { authorization: `Bearer ${KEY}` },
    body: {
      model: "m",
      stream: false,
      max_tokens: 50,
      temperature: 0,
      seed: 7,
      stop: ["\n"],
      provider: { order: ["x"] },
      tools: [{ type: "function", function: { name: "restart" } }],
      messages: [
        { role: "system", content: "Be short." },
        {
          role: "assistant",
          tool_calls: [{ id: "c0", type: "function", function: { name: "look", arguments: "{}" } }],
        },
        { role: "tool", content: "up", tool_call_id: "c0" },
      ],
    },
  });
});

test.each([
  ["a number in usage.cost", { prompt_tokens: 100, completion_tokens: 20, cost: 0.5 }, 0.5],
  ["a decimal string in usage.cost", { prompt_tokens: 100, completion_tokens: 20, cost: "1.5e-3" }, 0.0015],
  ["nothing: the price table", { prompt_tokens: 1_000_000, completion_tokens: 500_000 }, 2 + 2],
  ["a cost of zero", { prompt_tokens: 100, completion_tokens: 20, cost: 0 }, 0],
  ["nonsense: the price table", { prompt_tokens: 1_000_000, completion_tokens: 0, cost: "much" }, 2],
  ["no usage at all: unknown", null, null],
])("takes the cost from %s", async (_, usage, expected) => {
  const { model } = await setUp((response) => sendJson(response, 200, completion("ok", { usage })), {
    price: { inputUsdPerMillionTokens: 2, outputUsdPerMillionTokens: 4 },
  });
  const result = await model.generate(REQUEST);
  if (expected === null) expect(result.costUsd).toBeNull();
  else expect(result.costUsd).toBeCloseTo(expected, 12);
});

test.each([
  [{ "retry-after-ms": "1200" }, 1200],
  [{ "retry-after": "3" }, 3000],
  [{ "retry-after": "Mon, 23 Nov 2026 12:00:10 GMT" }, 10_000],
])("waits as long as the server asks: %o", async (headers, asked) => {
  const { clock, model, server } = await setUp((response, _, count) =>
    count === 1
      ? sendJson(
          response,
          429,
          { error: { code: 429, message: "slow down" } },
          headers as Record<string, string>,
        )
      : sendJson(response, 200, completion("ok")),
  );
  const result = await model.generate(REQUEST);
  expect(result.attempts).toBe(2);
  expect(server.seen).toHaveLength(2);
  const waited = clock.waits.reduce((sum, wait) => sum + wait, 0);
  expect(waited).toBeGreaterThanOrEqual(asked);
  expect(waited).toBeLessThanOrEqual(asked + 500);
});

test("gives up at once when the server asks for more than the longest wait", async () => {
  const { model, server, clock } = await setUp((response) =>
    sendJson(response, 429, { error: { message: "come back tomorrow" } }, { "retry-after": "3600" }),
  );
  const error = await failureOf(model.generate(REQUEST));
  expect(error).toMatchObject({
    code: "model/rate-limited",
    details: { retryAfterMs: 3_600_000, attempts: 1 },
  });
  expect(server.seen).toHaveLength(1);
  expect(clock.waits).toEqual([]);
});

test("a rate limit holds back the other calls of the same model, too", async () => {
  let now = 0;
  const sleeping: { readonly untilMs: number; readonly wake: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    sleep: (durationMs) => new Promise((wake) => sleeping.push({ untilMs: now + durationMs, wake })),
  };
  const { model, server } = await setUp(
    (response, _, count) =>
      count === 1
        ? sendJson(response, 429, {}, { "retry-after": "5" })
        : sendJson(response, 200, completion("ok")),
    { clock },
  );
  const first = model.generate(REQUEST);
  await expect.poll(() => sleeping.length).toBe(1);
  // It starts while the first one waits, and has not been told anything itself.
  const second = model.generate(REQUEST);
  await expect.poll(() => sleeping.length).toBe(2);
  expect(server.seen).toHaveLength(1);
  expect(sleeping[1]?.untilMs).toBe(sleeping[0]?.untilMs);
  now = 6000;
  for (const { wake } of sleeping) wake();
  expect(await Promise.all([first, second])).toMatchObject([{ attempts: 2 }, { attempts: 1 }]);
});

test("retries server errors with growing full jitter and counts the calls", async () => {
  const { clock, model, server } = await setUp(
    (response) => sendJson(response, 503, { error: { message: "busy" } }),
    { maxAttempts: 4 },
  );
  const error = await failureOf(model.generate(REQUEST));
  expect(error).toMatchObject({ code: "model/server-error", details: { status: 503, attempts: 4 } });
  expect(server.seen).toHaveLength(4);
  expect(clock.waits).toEqual([250, 500, 1000]);
});

test.each([
  [400, { error: { message: "bad" } }, "model/invalid-request"],
  [
    400,
    { error: { message: "long", metadata: { error_type: "context_length_exceeded" } } },
    "model/context-too-long",
  ],
  [401, { error: { message: `No such key ${KEY}` } }, "model/authentication"],
  [402, { error: { message: "no credits" } }, "model/payment-required"],
  [403, { error: { message: "moderated" } }, "model/forbidden"],
  [404, "<html>not here</html>", "model/not-found"],
  [422, { detail: `field messages: ${PROMPT}` }, "model/invalid-request"],
  [429, { error: { code: "insufficient_quota", message: "quota" } }, "model/payment-required"],
])("does not repeat a call refused with %s", async (status, body, code) => {
  const { model, server } = await setUp((response) => sendJson(response, status, body));
  expect((await failureOf(model.generate(REQUEST))).code).toBe(code);
  expect(server.seen).toHaveLength(1);
});

test.each([
  [
    "an error in a 200 body",
    completion("x", { choices: undefined, error: { code: 502, message: "upstream" } }),
    "model/server-error",
  ],
  [
    "an error in the choice",
    completion("x", { choices: [{ message: null, error: { code: 429, message: "limit" } }] }),
    "model/rate-limited",
  ],
  [
    "a finish reason of error",
    completion("x", { choices: [{ finish_reason: "error", message: { content: "par" } }] }),
    "model/server-error",
  ],
  ["an empty list of choices", completion("x", { choices: [] }), "model/unusable-answer"],
  ["JSON of another kind", { hello: "world" }, "model/unusable-answer"],
  ["usage of the wrong type", completion("x", { usage: { prompt_tokens: "many" } }), "model/unusable-answer"],
])("does not take %s for an answer", async (_, body, code) => {
  const { model } = await setUp((response) => sendJson(response, 200, body), { maxAttempts: 1 });
  expect((await failureOf(model.generate(REQUEST))).code).toBe(code);
});

test("reports broken JSON, and recovers when the next answer is whole", async () => {
  const { model } = await setUp((response, _, count) => {
    if (count === 1) response.writeHead(200).end('{"choices": [');
    else sendJson(response, 200, completion("ok"));
  });
  expect(await model.generate(REQUEST)).toMatchObject({ text: "ok", attempts: 2 });
});

test("reports an answer cut off in the middle", async () => {
  const { model } = await setUp(
    (response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write('{"choices": [');
      setTimeout(() => response.destroy(), 20);
    },
    { maxAttempts: 1 },
  );
  expect((await failureOf(model.generate(REQUEST))).code).toBe("model/interrupted");
});

test("ends a call whose headers or body take too long", async () => {
  const silent = await setUp(() => undefined, { timeoutMs: 50, maxAttempts: 2 });
  expect(await failureOf(silent.model.generate(REQUEST))).toMatchObject({
    code: "model/timeout",
    details: { attempts: 2 },
  });
  const dripping = await setUp((response) => void response.writeHead(200).write("{"), {
    timeoutMs: 50,
    maxAttempts: 1,
  });
  expect((await failureOf(dripping.model.generate(REQUEST))).code).toBe("model/timeout");
});

test("reports a server that is not there", async () => {
  const { model, server } = await setUp(() => undefined, { maxAttempts: 2 });
  await server.close();
  expect(await failureOf(model.generate(REQUEST))).toMatchObject({
    code: "model/unreachable",
    details: { networkCode: "ECONNREFUSED", attempts: 2 },
  });
});

test("an abort closes the connection, rejects with the signal's reason and is never retried", async () => {
  const controller = new AbortController();
  let closed = false;
  const { model, server } = await setUp((response) => {
    response.on("close", () => {
      closed = true;
    });
    controller.abort(new Error("enough"));
  });
  await expect(model.generate(REQUEST, { signal: controller.signal })).rejects.toThrow("enough");
  await expect.poll(() => closed).toBe(true);
  expect(server.seen).toHaveLength(1);
  await expect(model.generate(REQUEST, { signal: controller.signal })).rejects.toThrow("enough");
  expect(server.seen).toHaveLength(1);
});

test("does not carry the key along a redirect", async () => {
  const { model, server } = await setUp(
    (response) => void response.writeHead(307, { location: "/v1/elsewhere" }).end(),
  );
  expect((await failureOf(model.generate(REQUEST))).code).toBe("model/redirected");
  expect(server.seen).toHaveLength(1);
});

test("printing a model shows no key", () => {
  const model = openAICompatible({
    baseUrl: "http://127.0.0.1:1/v1",
    model: "m",
    apiKey: KEY,
    headers: { "x-api-key": KEY },
  });
  expect(inspect(model, { depth: 10, showHidden: true })).not.toContain(KEY);
});

test.each([
  [{ baseUrl: "not a url" }, "input/base-url"],
  [{ baseUrl: "ftp://host" }, "input/base-url"],
  [{ baseUrl: "http://user:pass@host/v1" }, "input/base-url"],
  [{ timeout: 5 }, "input/chat-model"],
  [{ model: "" }, "input/chat-model"],
  [{ price: { inputUsdPerMillionTokens: -1, outputUsdPerMillionTokens: 1 } }, "input/chat-model"],
])("refuses the options %o", (change, code) => {
  expect(() =>
    openAICompatible({ baseUrl: "http://127.0.0.1:1/v1", model: "m", ...change } as OpenAICompatibleOptions),
  ).toThrow(expect.objectContaining({ code }));
});
