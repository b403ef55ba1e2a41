import { expect, test } from "vitest";
import type { ChatModel, ChatRequest, ChatResult } from "../contract/chat-model.ts";
import type { EvaluationExample } from "../contract/dataset-source.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { ModelOpsEvent } from "../events/event.ts";
import { memoryStore } from "../registry/memory-store.ts";
import { completeRuntime } from "../runtime.ts";
import { temporaryHome } from "./__fixtures__/temporary-home.ts";
import { Evaluator } from "./evaluator.ts";
import type { Metric } from "./metric.ts";
import { accuracy } from "./metrics/accuracy.ts";
import { latencyThreshold } from "./metrics/latency-threshold.ts";
import { pairwiseJudge } from "./metrics/pairwise-judge.ts";
import { tokenEfficiency } from "./metrics/token-efficiency.ts";
import { validJson } from "./metrics/valid-json.ts";
import { workflowCompleteness } from "./metrics/workflow-completeness.ts";

const QUICKSTART_METRICS = [
  accuracy({ mode: "json-equal" }),
  validJson(),
  tokenEfficiency({ budgetTokens: 20 }),
  latencyThreshold({ thresholdMs: 10_000 }),
];
const QUICKSTART_WEIGHTS = { accuracy: 0.7, valid_json: 0.1, token_efficiency: 0.1, latency_threshold: 0.1 };

function examples(count: number): EvaluationExample[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `e${index}`,
    inputs: { question: `number ${index}` },
    outputs: { text: JSON.stringify({ tool: "count", value: index }) },
    metadata: {},
  }));
}

function answering(
  id: string,
  answer: (prompt: string, call: number) => string | Error | Promise<string>,
): ChatModel & { calls: number } {
  const model = {
    contract: "chat-model/v1" as const,
    id,
    calls: 0,
    async generate(request: ChatRequest): Promise<ChatResult> {
      model.calls += 1;
      const text = await answer(request.messages.at(-1)?.content ?? "", model.calls);
      if (text instanceof Error) throw text;
      return {
        text,
        toolCalls: [],
        usage: { inputTokens: 5, outputTokens: 10 },
        costUsd: 0.001,
        latencyMs: 12,
        finishReason: "stop",
        requestId: null,
        attempts: 1,
      };
    },
  };
  return model;
}

const numberIn = (prompt: string) => Number(prompt.replace(/\D/g, ""));
const right = (prompt: string) => JSON.stringify({ value: numberIn(prompt), tool: "count" });
const rightUpTo = (share: number) => (prompt: string) =>
  numberIn(prompt) % 100 < share * 100 ? right(prompt) : "no";

function evaluatorWithEvents() {
  const store = memoryStore();
  const evaluator = new Evaluator(completeRuntime({ store, home: temporaryHome() }));
  const events: ModelOpsEvent[] = [];
  evaluator.onAny((event) => void events.push(event));
  return { store, evaluator, events };
}

test("recommends deploying a model that is better by far, with its evidence", async () => {
  const { evaluator, events } = evaluatorWithEvents();
  const report = await evaluator.compare({
    agent: "feature-dev",
    candidate: { version: "v1.1.0", model: answering("tuned", right) },
    baseline: { version: "v1.0.0", model: answering("base", rightUpTo(0.4)) },
    dataset: examples(200),
    metrics: QUICKSTART_METRICS,
    weights: QUICKSTART_WEIGHTS,
  });

  expect(report.agent).toBe("feature_dev");
  expect(report.recommendation).toBe("deploy");
  expect(report.candidateScore).toBeCloseTo(1, 9);
  // 0.7·0.4 + 0.1·0.4 + 0.1 + 0.1
  expect(report.baselineScore).toBeCloseTo(0.52, 9);
  expect(report.improvementPct).toBeCloseTo((1 / 0.52 - 1) * 100, 6);
  expect(report.interval?.lowPct).toBeGreaterThan(15);
  expect(report.metrics.map((metric) => [metric.name, metric.wins, metric.losses])).toEqual([
    ["accuracy", 120, 0],
    ["valid_json", 120, 0],
    ["token_efficiency", 0, 0],
    ["latency_threshold", 0, 0],
  ]);
  expect(report.cost.candidate.usd).toBeCloseTo(0.2, 9);
  expect(report.latency.candidate).toMatchObject({ p50Ms: 12, p95Ms: 12, count: 200 });
  expect(report.sentence).toContain("200 examples");
  expect(report.evidenceHash).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(events[0]?.type).toBe("evaluation.started");
  expect(events.at(-1)?.type).toBe("evaluation.completed");
  expect(events.filter((event) => /completed|failed/.test(event.type))).toHaveLength(1);
});

test("counts failed calls as failures of the model that failed and shows them apart", async () => {
  const { evaluator } = evaluatorWithEvents();
  const broken = new ModelOpsError({
    code: "model/server-error",
    message: "The model failed.",
    fix: "wait.",
  });
  const report = await evaluator.compare({
    agent: "feature_dev",
    candidate: {
      version: "v2",
      model: answering("tuned", (prompt) => (numberIn(prompt) < 10 ? broken : right(prompt))),
    },
    baseline: { version: "v1", model: answering("base", right) },
    dataset: examples(50),
    metrics: [accuracy({ mode: "json-equal" })],
  });
  expect(report.candidateScore).toBeCloseTo(0.8, 9);
  expect(report.coverage.candidate).toMatchObject({ asked: 50, answered: 40, failed: 10 });
  expect(report.errors).toEqual([
    {
      arm: "candidate",
      code: "model/server-error",
      message: "The model failed.",
      count: 10,
      exampleIds: ["e0", "e1", "e2", "e3", "e4"],
    },
  ]);
  expect(report.recommendation).toBe("reject");
  expect(report.regressions).toHaveLength(10);
  expect(report.regressions[0]?.candidate.failure).toBe("model/server-error");
});

test("claims no gain over a baseline that did not answer", async () => {
  const { evaluator } = evaluatorWithEvents();
  const report = await evaluator.compare({
    agent: "feature_dev",
    candidate: { version: "v2", model: answering("tuned", right) },
    baseline: { version: "v1", model: answering("base", () => new Error("down")) },
    dataset: examples(60),
    metrics: [accuracy({ mode: "json-equal" })],
  });
  expect(report.recommendation).toBe("insufficient_data");
  expect(report.improvementPct).toBeNull();
  expect(report.sentence).toContain("60 of 60");
});

test("needs a review when there is no baseline", async () => {
  const { evaluator } = evaluatorWithEvents();
  const report = await evaluator.compare({
    agent: "feature_dev",
    candidate: { version: "v1", model: answering("tuned", right) },
    dataset: examples(20),
    metrics: [accuracy({ mode: "json-equal" })],
  });
  expect(report).toMatchObject({
    recommendation: "needs_review",
    improvementPct: null,
    interval: null,
    baseline: null,
  });
});

test("counts a metric that throws as missing and does not recommend from the rest", async () => {
  const { evaluator } = evaluatorWithEvents();
  const shaky: Metric = {
    name: "shaky",
    version: "1",
    description: "throws on every tenth",
    score({ example }) {
      if (Number(example.id.slice(1)) % 10 === 0) throw new TypeError("nope");
      return { score: Number(example.id.slice(1)) % 10 === 1 ? Number.NaN : 1 };
    },
  };
  const report = await evaluator.compare({
    agent: "feature_dev",
    candidate: { version: "v2", model: answering("tuned", right) },
    baseline: { version: "v1", model: answering("base", right) },
    dataset: examples(100),
    metrics: [accuracy({ mode: "json-equal" }), shaky],
    weights: { accuracy: 0.5, shaky: 0.5 },
  });
  expect(report.recommendation).toBe("insufficient_data");
  expect(report.coverage.complete).toBe(80);
  expect(report.coverage.missing.filter((entry) => entry.arm === "candidate")).toEqual([
    { arm: "candidate", metric: "shaky", reason: "threw TypeError: nope", count: 10 },
    {
      arm: "candidate",
      metric: "shaky",
      reason: "returned NaN, which is not a number from 0 to 1",
      count: 10,
    },
  ]);
});

test("a score outside of 0 to 1 is missing, not cut to fit", async () => {
  const { evaluator } = evaluatorWithEvents();
  const wild: Metric = { name: "wild", version: "1", description: "7", score: () => ({ score: 7 }) };
  const report = await evaluator.evaluate({
    agent: "feature_dev",
    model: answering("m", right),
    dataset: examples(5),
    metrics: [wild],
  });
  expect(report.score).toBeNull();
  expect(report.coverage.missing).toMatchObject([
    { count: 5, reason: "returned 7, which is not a number from 0 to 1" },
  ]);
});

test("a judge compares both answers once, in both orders, and is not paid again on resume", async () => {
  const { evaluator } = evaluatorWithEvents();
  const judge = answering("judge", (prompt) =>
    JSON.stringify({ better: prompt.indexOf('"first": "no"') === -1 ? "first" : "second" }),
  );
  const options = {
    agent: "feature_dev",
    evaluationId: "judged",
    // Example 3 has no answer of the candidate: the baseline wins it without a judge.
    candidate: {
      version: "v2",
      model: answering("tuned", (prompt) => (numberIn(prompt) === 3 ? new Error("down") : right(prompt))),
    },
    baseline: { version: "v1", model: answering("base", () => "no") },
    dataset: examples(10),
    metrics: [pairwiseJudge({ model: judge, rubric: "Be right." })],
  };
  const report = await evaluator.compare(options);
  expect(judge.calls).toBe(18);
  expect(report.candidateScore).toBeCloseTo(0.9, 9);
  expect(report.baselineScore).toBeCloseTo(0.1, 9);
  expect(report.cost.metricsUsd).toBeCloseTo(0.018, 9);

  const again = await evaluator.resume("judged", options);
  // Only example 3 is asked again; it fails again and needs no judge.
  expect(judge.calls).toBe(18);
  expect(again.candidateScore).toBeCloseTo(0.9, 9);
  expect(again.cost.metricsUsd).toBeCloseTo(0.018, 9);
});

test("does not run unchanged work again, and says whose result it is", async () => {
  const { evaluator, events } = evaluatorWithEvents();
  const model = answering("tuned", right);
  const options = {
    agent: "feature_dev",
    candidate: { version: "v2", model },
    baseline: { version: "v1", model: answering("base", rightUpTo(0.5)) },
    dataset: examples(30),
    metrics: [accuracy({ mode: "json-equal" })],
  };
  const first = await evaluator.compare(options);
  const second = await evaluator.compare(options);
  expect(model.calls).toBe(30);
  expect(second.reusedFrom).toBe(first.evaluationId);
  expect(second.evidenceHash).toBe(first.evidenceHash);
  await evaluator.compare({ ...options, dataset: examples(31) });
  expect(model.calls).toBe(61);
  await evaluator.compare({ ...options, reuse: false });
  expect(model.calls).toBe(91);
  expect(events.filter((event) => event.type === "evaluation.completed")).toHaveLength(4);
});

test("scores stored answers with other metrics without calling a model", async () => {
  const { evaluator } = evaluatorWithEvents();
  const model = answering("tuned", right);
  const dataset = examples(30);
  const first = await evaluator.compare({
    agent: "feature_dev",
    candidate: { version: "v2", model },
    baseline: { version: "v1", model: answering("base", rightUpTo(0.1)) },
    dataset,
    metrics: [accuracy()],
  });
  // `exact` fails on the key order.
  expect(first.candidateScore).toBe(0);
  const again = await evaluator.rescore(first.evaluationId, {
    agent: "feature_dev",
    dataset,
    metrics: [accuracy({ mode: "json-equal" })],
  });
  expect(again.candidateScore).toBe(1);
  expect(again.coverage.candidate.resumed).toBe(30);
  expect(model.calls).toBe(30);
  await expect(
    evaluator.rescore(first.evaluationId, {
      agent: "feature_dev",
      dataset: examples(29),
      metrics: [accuracy()],
    }),
  ).rejects.toMatchObject({ code: "evaluation/resume-mismatch" });
});

test("a resumed evaluation asks again only for what has no answer", async () => {
  const { evaluator } = evaluatorWithEvents();
  let isDown = true;
  const model = answering("tuned", (prompt) =>
    isDown && numberIn(prompt) >= 20 ? new Error("down") : right(prompt),
  );
  const options = {
    agent: "feature_dev",
    evaluationId: "run-1",
    candidate: { version: "v2", model },
    baseline: { version: "v1", model: answering("base", rightUpTo(0.1)) },
    dataset: examples(30),
    metrics: [accuracy({ mode: "json-equal" })],
  };
  const first = await evaluator.compare(options);
  expect(first.coverage.candidate.failed).toBe(10);
  isDown = false;
  await expect(evaluator.compare({ ...options, reuse: false })).rejects.toMatchObject({
    code: "evaluation/id-exists",
  });
  const second = await evaluator.resume("run-1", options);
  expect(model.calls).toBe(40);
  expect(second.coverage.candidate).toMatchObject({ answered: 30, failed: 0, resumed: 20 });
  expect(second.candidateScore).toBe(1);
});

test("stops when a model cannot answer at all, and keeps what was paid for", async () => {
  const { evaluator, events } = evaluatorWithEvents();
  const expired = new ModelOpsError({
    code: "model/authentication",
    message: "The key expired.",
    fix: "renew it.",
  });
  const model = answering("tuned", (_, call) => (call > 40 ? expired : right("number 1")));
  await expect(
    evaluator.compare({
      agent: "feature_dev",
      evaluationId: "run-2",
      candidate: { version: "v2", model },
      baseline: null,
      dataset: examples(500),
      metrics: [accuracy()],
    }),
  ).rejects.toMatchObject({ code: "evaluation/model-unavailable" });
  expect(model.calls).toBeLessThan(60);
  expect(events.at(-1)).toMatchObject({ type: "evaluation.failed", data: { isResumable: true } });
});

test("an abort ends every running call and rejects with the signal's reason", async () => {
  const { evaluator, events } = evaluatorWithEvents();
  const controller = new AbortController();
  const reason = new Error("enough");
  const model = answering("tuned", (_, call) => {
    if (call === 8) controller.abort(reason);
    return new Promise<string>(() => undefined);
  });
  await expect(
    evaluator.compare({
      agent: "feature_dev",
      candidate: { version: "v2", model },
      dataset: examples(100),
      metrics: [accuracy()],
      signal: controller.signal,
    }),
  ).rejects.toBe(reason);
  expect(events.at(-1)).toMatchObject({ type: "evaluation.failed", data: { code: "evaluation/aborted" } });
});

test("a call that never ends is a failure after the time limit", async () => {
  const { evaluator } = evaluatorWithEvents();
  const report = await evaluator.compare({
    agent: "feature_dev",
    candidate: {
      version: "v2",
      model: answering("slow", (prompt) =>
        numberIn(prompt) === 3 ? new Promise<string>(() => undefined) : right(prompt),
      ),
    },
    dataset: examples(10),
    metrics: [accuracy({ mode: "json-equal" })],
    exampleTimeoutMs: 50,
  });
  expect(report.errors).toMatchObject([{ code: "evaluation/example-timeout", count: 1, exampleIds: ["e3"] }]);
  expect(report.candidateScore).toBeCloseTo(0.9, 9);
});

test("averages trials and keeps each model's share of the calls", async () => {
  const { evaluator } = evaluatorWithEvents();
  const model = answering("sampled", (prompt, call) => (call % 2 === 0 ? right(prompt) : "no"));
  const report = await evaluator.evaluate({
    agent: "feature_dev",
    model,
    dataset: examples(10),
    metrics: [accuracy({ mode: "json-equal" })],
    trials: 2,
    concurrency: 1,
  });
  expect(report.score).toBeCloseTo(0.5, 9);
  expect(report.coverage).toMatchObject({ examples: 10, asked: 20, answered: 20 });
});

test.each([
  ["no example", { dataset: [] }, "evaluation/empty-dataset"],
  ["two examples with one id", { dataset: [...examples(3), ...examples(1)] }, "evaluation/duplicate-id"],
  [
    "rows of two shapes",
    {
      dataset: [
        ...examples(2),
        { messages: [{ role: "user", content: "hi" }] } as unknown as EvaluationExample,
      ],
    },
    "evaluation/mixed-shapes",
  ],
  [
    "a row that is no example",
    { dataset: [{ text: "hello" } as unknown as EvaluationExample] },
    "evaluation/example-shape",
  ],
  [
    "an example without a prompt",
    { dataset: [{ id: "1", inputs: { a: 1 }, outputs: { text: "x" }, metadata: {} }] },
    "evaluation/no-prompt",
  ],
  [
    "an example with NaN",
    {
      dataset: [
        { id: "1", inputs: { question: "x" }, outputs: { text: "x" }, metadata: { weight: Number.NaN } },
      ],
    },
    "evaluation/example-shape",
  ],
  ["weights that do not add up", { weights: { accuracy: 0.9 } }, "evaluation/weights"],
  ["weights for another metric", { weights: { speed: 1 } }, "evaluation/weights"],
  [
    "no weights for metrics that are not the standard ones",
    { metrics: [accuracy(), validJson()], weights: undefined },
    "evaluation/weights",
  ],
  ["two metrics of one name", { metrics: [accuracy(), accuracy()] }, "evaluation/weights"],
  [
    "a weighted metric the dataset cannot feed",
    { metrics: [accuracy(), workflowCompleteness()], weights: { accuracy: 0.5, workflow_completeness: 0.5 } },
    "evaluation/metric-not-computable",
  ],
  ["an unknown option", { modle: "x" }, "input/evaluation"],
  ["no metric", { metrics: [] }, "input/evaluation"],
  ["a dataset reference nobody reads", { dataset: "ftp:rows" }, "evaluation/dataset-source"],
])("refuses %s before a model is called", async (_, change, code) => {
  const { evaluator } = evaluatorWithEvents();
  const model = answering("tuned", right);
  await expect(
    evaluator.compare({
      agent: "feature_dev",
      candidate: { version: "v2", model },
      dataset: examples(5),
      metrics: [accuracy()],
      ...change,
    }),
  ).rejects.toMatchObject({ code });
  expect(model.calls).toBe(0);
});
