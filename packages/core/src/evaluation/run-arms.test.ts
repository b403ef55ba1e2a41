import { expect, test } from "vitest";
import { completion, sendJson, startServer } from "../chat-models/__fixtures__/test-server.ts";
import { openAICompatible } from "../chat-models/openai-compatible.ts";
import type { ChatModel } from "../contract/chat-model.ts";
import { memoryStore } from "../registry/memory-store.ts";
import { completeRuntime } from "../runtime.ts";
import { temporaryHome } from "./__fixtures__/temporary-home.ts";
import { Evaluator } from "./evaluator.ts";
import { accuracy } from "./metrics/accuracy.ts";

const evaluator = () => new Evaluator(completeRuntime({ store: memoryStore(), home: temporaryHome() }));
const rows = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    id: `e${index}`,
    inputs: { prompt: `${index}` },
    outputs: { text: `${index}` },
    metadata: {},
  }));

/** A model whose answers wait until they are let out, and a list of what it was asked. */
function waitingModel(id: string) {
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  const model: ChatModel = {
    contract: "chat-model/v1",
    id,
    async generate({ messages }) {
      const text = messages.at(-1)?.content ?? "";
      asked.push(text);
      await new Promise<void>((resolve) => waiting.push(resolve));
      return {
        text,
        toolCalls: [],
        usage: { inputTokens: 1, outputTokens: 1 },
        costUsd: null,
        latencyMs: 1,
        finishReason: "stop",
        requestId: null,
        attempts: 1,
      };
    },
  };
  return { model, asked, letOut: () => waiting.splice(0).forEach((go) => void go()) };
}

test("each model has its own concurrency, and both are asked for the same examples at the same time", async () => {
  const [candidate, baseline] = [waitingModel("c"), waitingModel("b")];
  const comparing = evaluator().compare({
    agent: "support",
    candidate: { version: "v2", model: candidate.model },
    baseline: { version: "v1", model: baseline.model },
    dataset: rows(12),
    metrics: [accuracy()],
    concurrency: 3,
  });
  for (const round of [1, 2, 3, 4]) {
    const expected = rows(3 * round).map(({ inputs }) => inputs.prompt);
    await expect
      .poll(() => [...candidate.asked, "|", ...baseline.asked])
      .toEqual([...expected, "|", ...expected]);
    candidate.letOut();
    baseline.letOut();
  }
  expect((await comparing).coverage).toMatchObject({ complete: 12 });
});

test("a failure that ends the run ends the other model's call, too", async () => {
  const baseline = waitingModel("b");
  let signal: AbortSignal | undefined;
  const listening: ChatModel = {
    ...baseline.model,
    generate(request, options) {
      signal = options?.signal;
      return baseline.model.generate(request);
    },
  };
  const comparing = evaluator().compare({
    agent: "support",
    candidate: { version: "v2", model: { ...waitingModel("c").model, id: "c" } },
    baseline: { version: "v1", model: listening },
    dataset: rows(6),
    metrics: [accuracy()],
    concurrency: 1,
    run: async (example, model, options) =>
      model.id === "c"
        ? (null as never)
        : model.generate({ messages: [{ role: "user", content: example.id }] }, options),
  });
  await expect(comparing).rejects.toMatchObject({ code: "evaluation/run-result" });
  expect(signal?.aborted).toBe(true);
});

test("a server that asks for patience gets it: the runner waits as long as it says and counts no failure", async () => {
  const arrivedMs: number[] = [];
  let refusedMs = 0;
  const server = await startServer((response, { body }, count) => {
    const question = String((body.messages as { content: string }[])[0]?.content);
    arrivedMs.push(performance.now());
    if (count === 9) {
      refusedMs = performance.now();
      sendJson(response, 429, { error: { message: "slow down" } }, { "retry-after": "1" });
      return;
    }
    setTimeout(() => sendJson(response, 200, completion(question)), 2);
  });
  try {
    const model = openAICompatible({ baseUrl: server.baseUrl, model: "m" });
    const report = await evaluator().evaluate({
      agent: "support",
      model,
      dataset: rows(40),
      metrics: [accuracy()],
      concurrency: 8,
    });
    expect(report).toMatchObject({ score: 1, errors: [], coverage: { asked: 40, answered: 40, failed: 0 } });
    expect(server.seen).toHaveLength(41);
    // Calls on their way when the server refused may still arrive; then nothing does until the time is over.
    const after = arrivedMs.filter((time) => time > refusedMs);
    const early = after.filter((time) => time < refusedMs + 990);
    expect(early.length).toBeLessThan(8);
    expect(after.length - early.length).toBeGreaterThanOrEqual(25);
  } finally {
    await server.close();
  }
});
