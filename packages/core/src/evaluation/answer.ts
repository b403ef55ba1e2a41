import type { ChatResult, ChatToolCall, ChatUsage, FinishReason } from "../contract/chat-model.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";

/**
 * What a model, or an agent around it, gave for one example. Metrics read nothing else about it. Null means that
 * nobody said: a metric that needs it then gives no score.
 */
export interface EvaluationAnswer {
  readonly text: string;
  readonly toolCalls: readonly ChatToolCall[];
  readonly usage: ChatUsage;
  readonly costUsd: number | null;
  readonly latencyMs: number;
  readonly finishReason: FinishReason;
  readonly requestId: string | null;
  readonly attempts: number;
  /** Names of the workflow steps an agent completed, in order. */
  readonly steps: readonly string[] | null;
  /** The agent or route that was chosen. */
  readonly route: string | null;
  /** Whatever else the host's own metrics want to read. JSON only. */
  readonly details: Readonly<Record<string, unknown>>;
  /** True when the answer came from the cache: its latency says nothing about the model. */
  readonly fromCache: boolean;
}

/** What a host function `run(example, model)` returns for a multi-step agent: at least the text. */
export type AgentRunResult = { readonly text: string } & Partial<Omit<EvaluationAnswer, "fromCache">>;

export function answerFromChat(result: ChatResult, fromCache: boolean): EvaluationAnswer {
  return { ...result, steps: null, route: null, details: {}, fromCache };
}

/** A host's model without types may return anything: what is no `ChatResult` is no answer. */
export function requireChatResult(result: ChatResult): ChatResult {
  const wrong = wrongField(result);
  if (wrong === null) return result;
  throw new ModelOpsError({
    code: "model/unusable-answer",
    message: `The model's generate returned no ChatResult: ${wrong}.`,
    fix: "return { text, toolCalls, usage, costUsd, latencyMs, finishReason, requestId, attempts }; null where unknown.",
  });
}

function wrongField(result: ChatResult | null | undefined): string | null {
  if (typeof result?.text !== "string") return "text is no string";
  if (!Array.isArray(result.toolCalls)) return "toolCalls is no list";
  if (typeof result.usage !== "object" || result.usage === null) return "usage is no object";
  return Number.isFinite(result.latencyMs) ? null : "latencyMs is no number";
}

/** `wallTimeMs` stands in when the host's function did not measure its own latency. */
export function answerFromRun(result: AgentRunResult, wallTimeMs: number): EvaluationAnswer {
  return {
    text: result.text,
    toolCalls: result.toolCalls ?? [],
    usage: result.usage ?? { inputTokens: null, outputTokens: null },
    costUsd: result.costUsd ?? null,
    latencyMs: result.latencyMs ?? wallTimeMs,
    finishReason: result.finishReason ?? "unknown",
    requestId: result.requestId ?? null,
    attempts: result.attempts ?? 1,
    steps: result.steps ?? null,
    route: result.route ?? null,
    details: result.details ?? {},
    fromCache: false,
  };
}
