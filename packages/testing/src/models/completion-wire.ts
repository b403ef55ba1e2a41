import type { ChatOutcome } from "./chat-engine.ts";
import { tokenPieces } from "./tokens.ts";

/** Names and stamps of one completion. */
export interface CompletionFrame {
  readonly id: string;
  readonly model: string;
  /** Seconds since the epoch. */
  readonly created: number;
  /** More top-level fields (`provider` …). */
  readonly extra?: Readonly<Record<string, unknown>>;
}

type Usage = Readonly<Record<string, unknown>>;

/** The body of an answer that is not streamed. */
export function completionBody(frame: CompletionFrame, outcome: ChatOutcome, usage: Usage): object {
  return {
    id: frame.id,
    object: "chat.completion",
    created: frame.created,
    model: frame.model,
    ...frame.extra,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: outcome.toolCalls.length > 0 && outcome.text === "" ? null : outcome.text,
          refusal: null,
          ...(outcome.toolCalls.length > 0 && { tool_calls: wireToolCalls(frame.id, outcome) }),
        },
        logprobs: null,
        finish_reason: outcome.finishReason,
      },
    ],
    usage,
    system_fingerprint: null,
  };
}

export function plainUsage(outcome: ChatOutcome): Usage {
  return {
    prompt_tokens: outcome.promptTokens,
    completion_tokens: outcome.completionTokens,
    total_tokens: outcome.promptTokens + outcome.completionTokens,
    ...(outcome.costUsd !== null && { cost: outcome.costUsd }),
  };
}

export interface StreamOptions {
  /** Null = no usage is sent. */
  readonly usage: Usage | null;
  /** Usage in the last chunk with a choice (OpenRouter) or in a chunk of its own (OpenAI). */
  readonly usagePlace: "last-chunk" | "own-chunk";
  /** A comment line before the first chunk. */
  readonly comment?: string;
  /** The chunk sent where the generation breaks. */
  readonly errorChunk: (frame: CompletionFrame) => object;
}

/** The server-sent events of a streamed answer, one text per event. */
export function* completionEvents(
  frame: CompletionFrame,
  outcome: ChatOutcome,
  options: StreamOptions,
): Generator<string> {
  const chunk = (delta: object, finishReason: string | null, more: object = {}) =>
    `data: ${JSON.stringify({
      id: frame.id,
      object: "chat.completion.chunk",
      created: frame.created,
      model: frame.model,
      ...frame.extra,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
      ...more,
    })}\n\n`;
  if (options.comment !== undefined) yield `: ${options.comment}\n\n`;
  yield chunk({ role: "assistant", content: "" }, null);
  const pieces = tokenPieces(outcome.text);
  for (const [index, piece] of pieces.entries()) {
    if (outcome.failAfterTokens !== null && index >= outcome.failAfterTokens) break;
    yield chunk({ content: piece }, null);
  }
  if (outcome.failAfterTokens !== null) {
    yield `data: ${JSON.stringify(options.errorChunk(frame))}\n\n`;
    return;
  }
  if (outcome.toolCalls.length > 0) {
    const calls = wireToolCalls(frame.id, outcome).map((call, index) => ({ index, ...call }));
    yield chunk({ tool_calls: calls }, null);
  }
  const { usage, usagePlace } = options;
  yield chunk({}, outcome.finishReason, usage && usagePlace === "last-chunk" ? { usage } : {});
  if (usage && usagePlace === "own-chunk") {
    const { id, created, model } = frame;
    yield `data: ${JSON.stringify({ id, object: "chat.completion.chunk", created, model, choices: [], usage })}\n\n`;
  }
  yield "data: [DONE]\n\n";
}

/** A response whose body is these events; each is sent when the reader asks for it. */
export function eventStream(
  events: Iterable<string>,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const iterator = events[Symbol.iterator]();
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = iterator.next();
      if (next.done) controller.close();
      else controller.enqueue(encoder.encode(next.value));
    },
  });
  return new Response(body, {
    headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", ...headers },
  });
}

function wireToolCalls(id: string, outcome: ChatOutcome) {
  return outcome.toolCalls.map((call, index) => ({
    id: `call_${id.slice(-8)}_${index}`,
    type: "function",
    function: { name: call.name, arguments: call.arguments },
  }));
}
