import { type ChatFailure, contentText, type WireChatRequest } from "./chat-request.ts";
import type { Latency, ScriptedAnswer, ScriptedFailure, ScriptedModel } from "./scripted-model.ts";
import { drawLogNormal, seededRandom } from "./seeded-random.ts";
import { countTokens, firstTokens } from "./tokens.ts";

/** What a model said, before it is written in a server's dialect. */
export interface ChatOutcome {
  readonly text: string;
  readonly toolCalls: readonly { readonly name: string; readonly arguments: string }[];
  readonly finishReason: "stop" | "length" | "tool_calls";
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Null when the model has no price. */
  readonly costUsd: number | null;
  readonly promptCostUsd: number | null;
  readonly completionCostUsd: number | null;
  readonly latencyMs: number;
  /** The generation breaks after this many tokens. */
  readonly failAfterTokens: number | null;
}

export type EngineResult =
  | { readonly outcome: ChatOutcome; readonly failure: null; readonly latencyMs: number }
  | { readonly outcome: null; readonly failure: ChatFailure; readonly latencyMs: number };

/** What a model has done so far. */
export interface ModelTotals {
  readonly requests: number;
  readonly failures: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly costUsd: number;
}

interface PlayedModel {
  readonly script: ScriptedModel;
  readonly random: () => number;
  totals: { -readonly [Key in keyof ModelTotals]: ModelTotals[Key] };
}

/** Plays scripted models: chooses answers, counts tokens and money, fails as often as it was told. */
export class ChatEngine {
  readonly #models = new Map<string, PlayedModel>();

  /** Adds a model, or replaces it: its totals and its random numbers start again. */
  set(script: ScriptedModel): void {
    const totals = { requests: 0, failures: 0, promptTokens: 0, completionTokens: 0, costUsd: 0 };
    this.#models.set(script.id, { script, random: seededRandom(script.seed ?? 1), totals });
  }

  remove(id: string): boolean {
    return this.#models.delete(id);
  }

  script(id: string): ScriptedModel | null {
    return this.#models.get(id)?.script ?? null;
  }

  get ids(): readonly string[] {
    return [...this.#models.keys()];
  }

  totals(id: string): ModelTotals | null {
    const played = this.#models.get(id);
    return played ? { ...played.totals } : null;
  }

  async ask(id: string, request: WireChatRequest): Promise<EngineResult> {
    const played = this.#models.get(id);
    if (!played) {
      const message = `The model \`${id}\` does not exist or you do not have access to it.`;
      return fail({ status: 404, message, kind: "model_not_found", param: "model" });
    }
    const { script, random, totals } = played;
    totals.requests += 1;
    // Drawn for each request, so that a failure does not shift the draws of the requests after it.
    const failureDraw = random();
    const latencyMs = drawLatency(script.latencyMs ?? 0, random);
    const count = (failure: ChatFailure, failureLatencyMs = 0) => {
      totals.failures += 1;
      return fail(failure, failureLatencyMs);
    };

    const messages = request.messages.map(({ role, content }) => ({ role, content: contentText(content) }));
    const promptTokens = messages.reduce((sum, message) => sum + countTokens(message.content), 0);
    const contextLength = script.contextLength ?? 131_072;
    if (promptTokens > contextLength) {
      const message = `This model's maximum context length is ${contextLength} tokens. However, your messages resulted in ${promptTokens} tokens.`;
      return count({ status: 400, message, kind: "context_length_exceeded", param: "messages" });
    }
    if (failureDraw < (script.errorRate ?? 0)) return count(scriptedFailure(script.failure), latencyMs);

    const answer = await chooseAnswer(script, {
      model: id,
      prompt: messages.findLast((message) => message.role === "user")?.content ?? "",
      messages,
      call: totals.requests,
      body: request,
    });
    if (answer.error) return count(scriptedFailure(answer.error), answer.latencyMs ?? latencyMs);
    const outcome = complete(script, request, answer, {
      promptTokens: answer.promptTokens ?? promptTokens,
      latencyMs: answer.latencyMs ?? latencyMs,
    });
    totals.promptTokens += outcome.promptTokens;
    totals.completionTokens += outcome.completionTokens;
    totals.costUsd += outcome.costUsd ?? 0;
    return { outcome, failure: null, latencyMs: outcome.latencyMs };
  }
}

function fail(failure: ChatFailure, latencyMs = 0): EngineResult {
  return { outcome: null, failure, latencyMs };
}

function scriptedFailure(failure: ScriptedFailure = { status: 500 }): ChatFailure {
  const {
    status,
    message = "The server had an error while processing your request.",
    retryAfterSeconds,
  } = failure;
  return {
    status,
    message,
    kind: status === 429 ? "rate_limit_exceeded" : "server_error",
    retryAfterSeconds,
  };
}

async function chooseAnswer(
  script: ScriptedModel,
  question: Parameters<Extract<ScriptedModel["answers"], (...values: never) => unknown>>[0],
): Promise<ScriptedAnswer> {
  const { answers } = script;
  const found =
    typeof answers === "function"
      ? await answers(question)
      : answers && Object.hasOwn(answers, question.prompt)
        ? answers[question.prompt]
        : undefined;
  const answer = found ?? script.otherwise ?? "I do not know.";
  return typeof answer === "string" ? { text: answer } : answer;
}

function complete(
  script: ScriptedModel,
  request: WireChatRequest,
  answer: ScriptedAnswer,
  known: { readonly promptTokens: number; readonly latencyMs: number },
): ChatOutcome {
  const whole = beforeStop(answer.text ?? "", request.stop);
  const limit = request.max_completion_tokens ?? request.max_tokens ?? Number.POSITIVE_INFINITY;
  const isCut = countTokens(whole) > limit;
  const text = isCut ? firstTokens(whole, limit) : whole;
  const toolCalls = answer.toolCalls ?? [];
  const argumentTokens = toolCalls.reduce((sum, call) => sum + countTokens(call.name + call.arguments), 0);
  // A cut character may make one token more than was allowed.
  const completionTokens =
    answer.completionTokens ??
    Math.min(countTokens(text), isCut ? limit : Number.POSITIVE_INFINITY) + argumentTokens;
  return {
    text,
    toolCalls,
    finishReason: isCut ? "length" : toolCalls.length > 0 ? "tool_calls" : "stop",
    promptTokens: known.promptTokens,
    completionTokens,
    costUsd: costOf(script, known.promptTokens, completionTokens),
    promptCostUsd: costOf(script, known.promptTokens, 0),
    completionCostUsd: costOf(script, 0, completionTokens),
    latencyMs: known.latencyMs,
    failAfterTokens: answer.failAfterTokens ?? null,
  };
}

function beforeStop(text: string, stop: WireChatRequest["stop"]): string {
  const words = typeof stop === "string" ? [stop] : (stop ?? []);
  const places = words.map((word) => text.indexOf(word)).filter((place) => place >= 0);
  return places.length === 0 ? text : text.slice(0, Math.min(...places));
}

function costOf(script: ScriptedModel, promptTokens: number, completionTokens: number): number | null {
  const { price } = script;
  if (!price) return null;
  const micros =
    promptTokens * price.inputUsdPerMillionTokens + completionTokens * price.outputUsdPerMillionTokens;
  return Number((micros / 1e6).toPrecision(12));
}

function drawLatency(latency: Latency, random: () => number): number {
  if (typeof latency === "number") return latency;
  return drawLogNormal(latency.medianMs, latency.p95Ms, random);
}
