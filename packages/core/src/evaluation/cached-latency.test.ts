import { afterAll, expect, test } from "vitest";
import type { ChatModel } from "../contract/chat-model.ts";
import { memoryStore } from "../registry/memory-store.ts";
import { completeRuntime } from "../runtime.ts";
import { temporaryHome } from "./__fixtures__/temporary-home.ts";
import { Evaluator } from "./evaluator.ts";
import { accuracy } from "./metrics/accuracy.ts";
import { latencyThreshold } from "./metrics/latency-threshold.ts";
import { sqliteAnswerCache } from "./sqlite-answer-cache.ts";

const cache = sqliteAnswerCache({ path: ":memory:" });
afterAll(() => cache.close());

function model(id: string): ChatModel & { calls: number } {
  const own = {
    contract: "chat-model/v1" as const,
    id,
    calls: 0,
    async generate({ messages }: { readonly messages: readonly { readonly content: string }[] }) {
      own.calls += 1;
      return {
        text: messages.at(-1)?.content ?? "",
        toolCalls: [],
        usage: { inputTokens: 1, outputTokens: 1 },
        costUsd: null,
        // Long ago, on a slow day: what a cache would give back.
        latencyMs: 700,
        finishReason: "stop" as const,
        requestId: null,
        attempts: 1,
      };
    },
  };
  return own;
}

const rows = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    id: `e${index}`,
    inputs: { prompt: `${index}` },
    outputs: { text: `${index}` },
    metadata: {},
  }));
const [candidate, baseline] = [model("c"), model("b")];
const options = (count: number) => ({
  agent: "support",
  candidate: { version: "v2", model: candidate },
  baseline: { version: "v1", model: baseline },
  dataset: rows(count),
  metrics: [accuracy()],
  cache,
  reuse: false,
});

test("a latency out of the cache counts for nothing", async () => {
  const evaluator = new Evaluator(completeRuntime({ store: memoryStore(), home: temporaryHome() }));
  const first = await evaluator.compare(options(8));
  expect(first.latency.candidate).toMatchObject({ count: 8, p50Ms: 700 });

  const second = await evaluator.compare(options(10));
  expect(candidate.calls).toBe(10);
  expect(second.coverage.candidate).toMatchObject({ answered: 10, fromCache: 8 });
  expect(second.latency.candidate).toMatchObject({ count: 2 });

  const third = await evaluator.compare(options(8));
  expect([candidate.calls, baseline.calls]).toEqual([10, 10]);
  expect(third.latency).toMatchObject({
    candidate: { count: 0, p50Ms: null, p95Ms: null, meanMs: null },
    baseline: { count: 0, meanMs: null },
  });

  // Where latency decides something, it is measured anew.
  const measured = await evaluator.compare({ ...options(8), guardrails: ["latency_ms"] });
  expect(measured.coverage.candidate).toMatchObject({ fromCache: 0 });
  expect(candidate.calls).toBe(18);
  await evaluator.compare({ ...options(8), metrics: [latencyThreshold({ thresholdMs: 1000 })] });
  expect(candidate.calls).toBe(26);
});
