import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ChatModel } from "../contract/chat-model.ts";
import { memoryStore } from "../registry/memory-store.ts";
import { sqliteStore } from "../registry/sqlite/sqlite-store.ts";
import { completeRuntime } from "../runtime.ts";
import { temporaryHome } from "./__fixtures__/temporary-home.ts";
import { Evaluator } from "./evaluator.ts";
import type { Metric } from "./metric.ts";
import { accuracy } from "./metrics/accuracy.ts";

const LONG = 5 * 2 ** 20;
const dataset = Array.from({ length: 8 }, (_, index) => ({
  id: `e${index}`,
  inputs: { prompt: `${index}` },
  outputs: { text: `${index}` },
  metadata: {},
}));

function answering(id: string, answer: (prompt: string) => string): ChatModel & { calls: number } {
  const model = {
    contract: "chat-model/v1" as const,
    id,
    calls: 0,
    async generate({ messages }: { readonly messages: readonly { readonly content: string }[] }) {
      model.calls += 1;
      return {
        text: answer(messages.at(-1)?.content ?? ""),
        toolCalls: [],
        usage: { inputTokens: 1, outputTokens: 1 },
        costUsd: 0.5,
        latencyMs: 1,
        finishReason: "stop" as const,
        requestId: null,
        attempts: 1,
      };
    },
  };
  return model;
}

test("an answer that no record can hold is a failed example with its cost, and the run goes on", async () => {
  const folder = await mkdtemp(join(tmpdir(), "modelops-large-"));
  const store = sqliteStore({ path: join(folder, "modelops.db") });
  const evaluator = new Evaluator(completeRuntime({ store, home: folder }));
  try {
    const report = await evaluator.compare({
      agent: "support",
      candidate: { version: "v2", model: answering("c", (text) => (text === "3" ? "x".repeat(LONG) : text)) },
      baseline: { version: "v1", model: answering("b", (text) => text) },
      dataset,
      metrics: [accuracy()],
    });
    expect(report.errors).toEqual([
      {
        arm: "candidate",
        code: "model/answer-too-large",
        message: expect.stringContaining("bytes"),
        count: 1,
        exampleIds: ["e3"],
      },
    ]);
    expect(report.coverage.candidate).toMatchObject({ asked: 8, answered: 7, failed: 1 });
    expect(report.candidateScore).toBeCloseTo(7 / 8, 9);
    expect(report.cost.candidate).toMatchObject({ usd: 4, known: 8 });
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
});

test.each([
  ["letters", "x"],
  ["quotes, which take four places in a record", '"'],
  ["characters of three bytes", "€"],
])(
  "close to the limit an answer of %s is either stored or counted, never the end of the run",
  async (_, character) => {
    const evaluator = new Evaluator(completeRuntime({ store: memoryStore(), home: temporaryHome() }));
    const bytes = character === '"' ? 4 : Buffer.byteLength(character);
    const room = Math.floor((4 * 2 ** 20) / bytes);
    const model = answering("m", (text) => character.repeat(room - 350 + 50 * Number(text)));
    const options = { agent: "support", evaluationId: "edge", model, dataset, metrics: [accuracy()] };
    const { coverage } = await evaluator.evaluate(options);
    expect(coverage.answered).toBeGreaterThan(0);
    expect(coverage.failed).toBeGreaterThan(0);
    expect(coverage.answered + coverage.failed).toBe(8);
    const { evaluationId, ...resumed } = options;
    expect((await evaluator.resume(evaluationId, resumed)).coverage.resumed).toBe(coverage.answered);
  },
);

test("scores whose reasons no record can hold are not kept; the answer is", async () => {
  const evaluator = new Evaluator(completeRuntime({ store: memoryStore(), home: temporaryHome() }));
  const talkative: Metric = {
    name: "talkative",
    version: "1",
    description: "d",
    score: async () => ({ score: 1, reason: "x".repeat(LONG), costUsd: 0.1 }),
  };
  const model = answering("m", (text) => text);
  const options = {
    agent: "support",
    model,
    dataset: dataset.slice(0, 2),
    metrics: [talkative],
    evaluationId: "long",
  };
  expect(await evaluator.evaluate(options)).toMatchObject({ score: 1, errors: [] });
  const { evaluationId, ...resumed } = options;
  expect((await evaluator.resume(evaluationId, resumed)).coverage).toMatchObject({ resumed: 2 });
  expect(model.calls).toBe(2);
});
