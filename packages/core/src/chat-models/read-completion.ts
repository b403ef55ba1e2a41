import type { ChatRequest, ChatResult } from "../contract/chat-model.ts";
import { retryAfterMs } from "../http/retry-after.ts";
import { type ChatPrice, costFromPrice, costFromWire } from "./chat-cost.ts";
import { modelHttpError, unusableAnswer } from "./model-errors.ts";
import {
  type Completion,
  completionSchema,
  errorBodySchema,
  finishReasonOf,
  textOf,
  toolCallsOf,
} from "./openai-wire.ts";

/** An exchange whose body is the text of a completion, or what a client has made of it. */
export interface CompletionResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
  readonly latencyMs: number;
}

/** The answer in a completion; whatever is not one rejects with a typed error. */
export function readCompletion(
  response: CompletionResponse,
  context: {
    readonly subject: string;
    readonly price: ChatPrice | null;
    readonly secrets: readonly string[];
    readonly request: ChatRequest;
    readonly nowMs: number;
  },
): Omit<ChatResult, "attempts"> {
  const { subject } = context;
  const headerId = response.headers.get("x-request-id") ?? response.headers.get("x-generation-id");
  const completion = parseBody(response.body);
  const requestId = completion?.id ?? headerId;
  const choice = completion?.choices?.[0];
  const failure = errorBodySchema.safeParse(completion?.error ?? choice?.error).data ?? null;

  if (response.status >= 400 || failure !== null) {
    throw modelHttpError({
      subject,
      // Failures after generation began arrive as 200 with the status in the body.
      status: response.status >= 400 ? response.status : bodyStatus(failure?.code),
      body: failure ?? plainErrorBody(response.body, completion),
      retryAfterMs: retryAfterMs(response.headers, context.nowMs),
      requestId: requestId ?? null,
      secrets: context.secrets,
      prompts: context.request.messages.map((message) => message.content),
    });
  }
  if (completion === null) {
    throw unusableAnswer({
      subject,
      requestId: headerId,
      reason: "Its body is not the JSON of a chat completion.",
    });
  }
  if (!choice?.message) {
    throw unusableAnswer({
      subject,
      requestId: requestId ?? null,
      reason: "It holds no choices[0].message.",
    });
  }
  if (choice.finish_reason === "error") {
    throw modelHttpError({
      ...context,
      status: 502,
      body: null,
      retryAfterMs: null,
      requestId: requestId ?? null,
      prompts: [],
    });
  }
  const toolCalls = toolCallsOf(choice.message);
  const usage = {
    inputTokens: completion.usage?.prompt_tokens ?? null,
    outputTokens: completion.usage?.completion_tokens ?? null,
  };
  return {
    text: textOf(choice.message),
    toolCalls,
    usage,
    costUsd: costFromWire(completion.usage?.cost) ?? costFromPrice(usage, context.price),
    latencyMs: response.latencyMs,
    finishReason: finishReasonOf(choice.finish_reason),
    requestId: requestId ?? null,
  };
}

function parseBody(body: unknown): Completion | null {
  try {
    const value: unknown = typeof body === "string" ? JSON.parse(body) : body;
    return completionSchema.safeParse(value).data ?? null;
  } catch {
    return null;
  }
}

function bodyStatus(code: string | number | null | undefined): number {
  const status = Number(code);
  return Number.isInteger(status) && status >= 400 && status < 600 ? status : 500;
}

/** Errors that are not `{ error: { … } }`: `{ error: "text" }`, `{ message }`, `{ detail }`. HTML is dropped. */
function plainErrorBody(body: unknown, completion: Completion | null): { message: string } | null {
  if (typeof completion?.error === "string") return { message: completion.error };
  const fields = completion as Record<string, unknown> | null;
  for (const name of ["message", "detail"]) {
    const value = fields?.[name];
    if (typeof value === "string") return { message: value };
  }
  const text = typeof body === "string" ? body : "";
  return completion === null && !/^\s*</.test(text) && text.length > 0 && text.length < 300
    ? { message: text }
    : null;
}
