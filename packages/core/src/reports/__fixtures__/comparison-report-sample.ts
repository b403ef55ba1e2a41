import type { ChatModel, ChatRequest } from "../../contract/chat-model.ts";
import type { ComparisonReport } from "../../evaluation/comparison-report.ts";
import { temporaryHome } from "../../evaluation/__fixtures__/temporary-home.ts";
import { Evaluator } from "../../evaluation/evaluator.ts";
import { accuracy } from "../../evaluation/metrics/accuracy.ts";
import { tokenEfficiency } from "../../evaluation/metrics/token-efficiency.ts";
import { validJson } from "../../evaluation/metrics/valid-json.ts";
import { memoryStore } from "../../registry/memory-store.ts";
import { completeRuntime } from "../../runtime.ts";

/** What a hostile model may answer: every way out of HTML, SVG, Markdown and a table that we could think of. */
export const HOSTILE_TEXT =
  "</pre><script>alert(1)</script><img src=x onerror=alert(2)> | a | ``` @here [x](javascript:alert(3)) \u202egnp.exe \u0000 &amp;";

function model(id: string, answer: (index: number) => string): ChatModel {
  return {
    contract: "chat-model/v1",
    id,
    async generate(request: ChatRequest) {
      const index = Number(request.messages[0]?.content.replace(/\D/g, ""));
      const text = answer(index);
      if (text === "fail") throw new Error("down");
      return {
        text,
        toolCalls: [],
        usage: { inputTokens: 40, outputTokens: 10 + (index % 7) },
        costUsd: id === "tuned" ? 0.00012 : 0.0009,
        latencyMs: (id === "tuned" ? 80 : 190) + (index % 13) * 9,
        finishReason: "stop",
        requestId: null,
        attempts: 1,
      };
    },
  };
}

/** A real comparison of two small functions, for the tests of its reports. */
export async function sampleReport(): Promise<ComparisonReport> {
  const right = (index: number) => JSON.stringify({ tool: "restart_service", service: `api-${index}` });
  const wrong = (index: number) =>
    index % 2 === 0 ? HOSTILE_TEXT : JSON.stringify({ tool: "restart", service: "?" });
  const evaluator = new Evaluator(completeRuntime({ store: memoryStore(), home: temporaryHome() }));
  return evaluator.compare({
    agent: "feature_dev",
    evaluationId: "sample",
    candidate: {
      version: "v1.1.0",
      model: model("tuned", (index) =>
        index === 7 ? "fail" : index % 11 === 0 ? wrong(index) : right(index),
      ),
    },
    baseline: {
      version: "v1.0.0",
      model: model("base", (index) => (index % 3 === 0 ? wrong(index) : right(index))),
    },
    dataset: Array.from({ length: 120 }, (_, index) => ({
      id: `request-${index}`,
      inputs: { question: `Restart service number ${index} <b>now</b>` },
      outputs: { text: right(index) },
      metadata: {},
    })),
    metrics: [accuracy({ mode: "json-equal" }), validJson(), tokenEfficiency({ budgetTokens: 12 })],
    weights: { accuracy: 0.7, valid_json: 0.2, token_efficiency: 0.1 },
    guardrails: ["latency_ms"],
  });
}
