import { expect, test } from "vitest";
import type { ChatModel } from "../contract/chat-model.ts";
import { memoryStore } from "../registry/memory-store.ts";
import { completeRuntime } from "../runtime.ts";
import { temporaryHome } from "./__fixtures__/temporary-home.ts";
import { Evaluator } from "./evaluator.ts";
import { accuracy } from "./metrics/accuracy.ts";
import { validJson } from "./metrics/valid-json.ts";

function counting(
  id: string,
  wrongEvery: number,
): ChatModel & { calls: number; running: number; most: number } {
  const model = {
    contract: "chat-model/v1" as const,
    id,
    calls: 0,
    running: 0,
    most: 0,
    async generate(request: { messages: readonly { content: string }[] }) {
      model.calls += 1;
      model.running += 1;
      model.most = Math.max(model.most, model.running);
      await null;
      model.running -= 1;
      const index = Number(request.messages[0]?.content);
      return {
        text: index % wrongEvery === 0 ? "no" : String(index),
        toolCalls: [],
        usage: { inputTokens: 1, outputTokens: 1 },
        costUsd: 0,
        latencyMs: 1,
        finishReason: "stop" as const,
        requestId: null,
        attempts: 1,
      };
    },
  };
  return model;
}

test("10,000 examples on two models: every call made once, every answer counted, concurrency kept", async () => {
  const evaluator = new Evaluator(completeRuntime({ store: memoryStore(), home: temporaryHome() }));
  const [candidate, baseline] = [counting("c", 50), counting("b", 4)];
  let progress = 0;
  evaluator.on("evaluation.progress", () => {
    progress += 1;
  });
  const report = await evaluator.compare({
    agent: "feature_dev",
    candidate: { version: "v2", model: candidate },
    baseline: { version: "v1", model: baseline },
    dataset: Array.from({ length: 10_000 }, (_, index) => ({
      id: `e${index}`,
      inputs: { prompt: String(index) },
      outputs: { text: String(index) },
      metadata: {},
    })),
    metrics: [accuracy(), validJson()],
    weights: { accuracy: 0.5, valid_json: 0.5 },
    concurrency: 32,
  });
  expect([candidate.calls, baseline.calls]).toEqual([10_000, 10_000]);
  expect(candidate.most).toBeLessThanOrEqual(32);
  expect(report.candidateScore).toBeCloseTo(0.98, 9);
  expect(report.baselineScore).toBeCloseTo(0.75, 9);
  expect(report.coverage).toMatchObject({ examples: 10_000, complete: 10_000 });
  expect(report.recommendation).toBe("deploy");
  expect(progress).toBeGreaterThan(0);
});
