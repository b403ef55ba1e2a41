import { expect, test } from "vitest";
import type { ChatModel } from "../contract/chat-model.ts";
import type { EvaluationExample } from "../contract/dataset-source.ts";
import { memoryStore } from "../registry/memory-store.ts";
import { completeRuntime } from "../runtime.ts";
import { temporaryHome } from "./__fixtures__/temporary-home.ts";
import { Evaluator } from "./evaluator.ts";
import type { CompareOptions } from "./evaluator-options.ts";
import type { Metric, MetricScore } from "./metric.ts";
import { accuracy } from "./metrics/accuracy.ts";

const COUNT = 20;
const examples: readonly EvaluationExample[] = Array.from({ length: COUNT }, (_, index) => ({
  id: `e${index}`,
  inputs: { prompt: String(index) },
  outputs: { text: String(index) },
  metadata: {},
}));

/** What a host without types could hand over. */
function model(generate: (prompt: string) => unknown): ChatModel & { calls: number } {
  const counted = {
    contract: "chat-model/v1" as const,
    id: "host",
    calls: 0,
    async generate(request: { readonly messages: readonly { readonly content: string }[] }) {
      counted.calls += 1;
      return generate(request.messages[0]?.content ?? "") as never;
    },
  };
  return counted;
}
const answered = (text: string) => ({
  text,
  toolCalls: [],
  usage: { inputTokens: 1, outputTokens: 1 },
  costUsd: null,
  latencyMs: 1,
  finishReason: "stop",
  requestId: null,
  attempts: 1,
});
const metric = (score: () => unknown): Metric => ({
  name: "quality",
  version: "1",
  description: "of the host",
  score: () => score() as MetricScore,
});

function compare(more: Partial<CompareOptions>) {
  const evaluator = new Evaluator(completeRuntime({ store: memoryStore(), home: temporaryHome() }));
  const right = model(answered);
  return evaluator.compare({
    agent: "feature_dev",
    candidate: { version: "v2", model: right },
    baseline: { version: "v1", model: right },
    dataset: examples,
    metrics: [accuracy()],
    ...more,
  });
}

test("a metric may return the promise of another library", async () => {
  // biome-ignore lint/suspicious/noThenProperty: that is what such a promise looks like
  const thenable = { then: (resolve: (score: MetricScore) => void) => resolve({ score: 0.75 }) };
  expect((await compare({ metrics: [metric(() => thenable)] })).candidateScore).toBeCloseTo(0.75, 12);
});

test.each([
  ["nothing", undefined, "text"],
  ["no tool calls", { text: "x", usage: {} }, "toolCalls"],
  ["no latency", { ...answered("x"), latencyMs: Number.NaN }, "latencyMs"],
])("a model that returns %s has not answered", async (_, result, field) => {
  const report = await compare({ candidate: { version: "v2", model: model(() => result) } });
  expect(report.errors).toMatchObject([{ arm: "candidate", code: "model/unusable-answer", count: COUNT }]);
  expect(report.errors[0]?.message).toContain(field);
  expect(report.recommendation).toBe("reject");
});

const fails = () => {
  throw new RangeError("of the host");
};
test.each([
  ["cluster", { cluster: fails }, 'cluster threw RangeError on example "e0"'],
  ["cluster", { cluster: () => undefined as never }, "cluster returned undefined"],
])("%s that fails is named before a model is called", async (_, more, message) => {
  const asked = model(answered);
  await expect(compare({ candidate: { version: "v2", model: asked }, ...more })).rejects.toMatchObject({
    code: "evaluation/host-function",
    message: expect.stringContaining(message),
  });
  expect(asked.calls).toBe(0);
});
