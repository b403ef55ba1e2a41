import { expect, test } from "vitest";
import type { ChatModel } from "../contract/chat-model.ts";
import type { EvaluationExample } from "../contract/dataset-source.ts";
import { memoryStore } from "../registry/memory-store.ts";
import { completeRuntime } from "../runtime.ts";
import { temporaryHome } from "./__fixtures__/temporary-home.ts";
import { Evaluator } from "./evaluator.ts";
import type { CompareOptions } from "./evaluator-options.ts";
import type { Metric } from "./metric.ts";
import { accuracy } from "./metrics/accuracy.ts";
import { llmJudge } from "./metrics/llm-judge.ts";
import { metricFromFunction } from "./metrics/metric-from-function.ts";

const dataset: EvaluationExample[] = Array.from({ length: 8 }, (_, index) => ({
  id: `e${index}`,
  inputs: { prompt: `SECRET ${index}` },
  outputs: { text: `SECRET ${index}` },
  metadata: {},
}));

const echo = (id: string): ChatModel & { calls: number } => {
  const model = {
    contract: "chat-model/v1" as const,
    id,
    calls: 0,
    async generate({ messages }: { readonly messages: readonly { readonly content: string }[] }) {
      model.calls += 1;
      return {
        text: messages.at(-1)?.content ?? "",
        toolCalls: [],
        usage: { inputTokens: 1, outputTokens: 1 },
        costUsd: null,
        latencyMs: 1,
        finishReason: "stop" as const,
        requestId: null,
        attempts: 1,
      };
    },
  };
  return model;
};

function compare(change: Partial<CompareOptions>) {
  const evaluator = new Evaluator(completeRuntime({ store: memoryStore(), home: temporaryHome() }));
  return evaluator.compare({
    agent: "support",
    candidate: { version: "v2", model: echo("tuned") },
    baseline: { version: "v1", model: echo("base") },
    dataset,
    metrics: [accuracy()],
    ...change,
  });
}

const broken = () => {
  throw new RangeError("SECRET of the host");
};

test.each<[string, Partial<CompareOptions>, string]>([
  ["toRequest", { toRequest: broken }, "evaluation/host-function"],
  ["toRequest", { toRequest: () => ({}) as never }, "evaluation/no-prompt"],
  ["cluster", { cluster: broken }, "evaluation/host-function"],
  ["run", { run: async () => undefined as never }, "evaluation/run-result"],
])("a %s that fails or returns nothing usable ends the evaluation by name", async (name, change, code) => {
  const error = await compare(change).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code, message: expect.stringContaining(name) });
  expect(String(error)).not.toContain("SECRET");
});

test("a toRequest that fails is found before a model is called", async () => {
  const model = echo("tuned");
  const toRequest = ({ id }: EvaluationExample) => {
    if (id === "e7") throw new Error("no");
    return { messages: [{ role: "user" as const, content: "hi" }] };
  };
  await expect(compare({ candidate: { version: "v2", model }, toRequest })).rejects.toThrow('example "e7"');
  expect(model.calls).toBe(0);
});

test.each([null, "text", ["list"]])("a row that is %j is named, not run into", async (row) => {
  await expect(compare({ dataset: [row] as never })).rejects.toMatchObject({
    code: "evaluation/example-shape",
    details: { line: 1 },
  });
});

test("an agent that throws counts as failed calls under a name of its own", async () => {
  const report = await compare({
    run: async ({ id }, model) => {
      if (model.id === "tuned" && id === "e3") broken();
      return { text: "SECRET" };
    },
  });
  expect(report.errors).toMatchObject([
    { arm: "candidate", code: "model/run-failed", count: 1, exampleIds: ["e3"] },
  ]);
  expect(report.errors[0]?.message).toContain("run(example, model) threw RangeError");
});

test("when no model answers at all, the candidate is not blamed for it", async () => {
  const report = await compare({ run: broken });
  expect(report).toMatchObject({ recommendation: "insufficient_data", improvementPct: null });
  expect(report.sentence).toContain("Neither model answered");
});

test.each([
  [undefined, "returned undefined"],
  [null, "returned null"],
  ["0.5", "returned string"],
])("a metric that returns %j has no score", async (value, reason) => {
  const own: Metric = { name: "own", version: null, description: "d", score: () => value as never };
  const report = await compare({ metrics: [own] });
  expect(report.coverage.missing).toMatchObject([
    { arm: "candidate", count: 8, reason: expect.stringContaining(reason) },
    { arm: "baseline", count: 8 },
  ]);
  const wrapped = metricFromFunction({
    name: "wrapped",
    direction: "lower",
    description: "d",
    score: () => value as never,
  });
  expect((await compare({ metrics: [wrapped] })).candidateScore).toBeNull();
});

test("a judge that failed is asked again on resume, one that graded is not", async () => {
  const evaluator = new Evaluator(completeRuntime({ store: memoryStore(), home: temporaryHome() }));
  let isDown = true;
  const grade = echo("judge");
  const judge: ChatModel = {
    ...grade,
    async generate(request) {
      if (isDown && request.messages.at(-1)?.content.includes("SECRET 5")) throw new Error("down");
      return { ...(await grade.generate(request)), text: '{"grade": 4}', costUsd: 0.01 };
    },
  };
  const options: CompareOptions & { readonly evaluationId: string } = {
    agent: "support",
    evaluationId: "judged",
    candidate: { version: "v2", model: echo("tuned") },
    baseline: { version: "v1", model: echo("base") },
    dataset,
    metrics: [llmJudge({ model: judge, rubric: "Be right." })],
  };
  const first = await evaluator.compare(options);
  expect(first.coverage.missing).toMatchObject([{ count: 1 }, { count: 1 }]);
  expect(grade.calls).toBe(14);
  isDown = false;
  const second = await evaluator.resume("judged", options);
  expect(second.coverage).toMatchObject({ complete: 8, missing: [] });
  expect(grade.calls).toBe(16);
});

test("references that are no patterns are found before a model is called", async () => {
  const model = echo("tuned");
  await expect(
    compare({
      candidate: { version: "v2", model },
      metrics: [accuracy({ mode: "regex" })],
      dataset: dataset.map((example) => ({ ...example, outputs: { text: "(?=look ahead)" } })),
    }),
  ).rejects.toMatchObject({ code: "evaluation/metric-not-computable" });
  expect(model.calls).toBe(0);
});
