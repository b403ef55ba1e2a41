import { z } from "zod";
import type { ChatModel, ChatRequest, ChatResult } from "../contract/chat-model.ts";
import { parseOrThrow } from "../errors/from-zod.ts";
import type { ModelOpsError } from "../errors/modelops-error.ts";
import { requestText, type TextResponse } from "../http/request-text.ts";
import { withRetries } from "../http/retry.ts";
import { retryAfterMs } from "../http/retry-after.ts";
import { Secret } from "../model/secret.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import { type ChatPrice, costFromPrice, costFromWire } from "./chat-cost.ts";
import { normalisedBaseUrl } from "./chat-model-id.ts";
import { modelHttpError, unusableAnswer } from "./model-errors.ts";
import {
  type Completion,
  completionBody,
  completionSchema,
  errorBodySchema,
  finishReasonOf,
  textOf,
  toolCallsOf,
} from "./openai-wire.ts";

export interface OpenAICompatibleOptions {
  /** Up to and without `/chat/completions`, such as `https://openrouter.ai/api/v1`. */
  readonly baseUrl: string;
  /** Left out for servers without a key (a local vLLM). */
  readonly apiKey?: string | Secret;
  readonly model: string;
  /** Used when the server does not say what a call cost (`usage.cost`). */
  readonly price?: ChatPrice;
  /** For one call, its body included. @default 60_000 */
  readonly timeoutMs?: number;
  /** Calls in all for one answer. @default 4 */
  readonly maxAttempts?: number;
  /** Longest wait between two calls; a server that asks for more makes the call fail at once. @default 60_000 */
  readonly maxWaitMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Part of cache keys and records. @default `<model>@<host and path>` */
  readonly id?: string;
  /** Some newer models accept only `max_completion_tokens`. @default "max_tokens" */
  readonly maxTokensField?: "max_tokens" | "max_completion_tokens";
  readonly fetch?: typeof globalThis.fetch;
  readonly clock?: Clock;
  /** A number in [0, 1), for jitter. */
  readonly random?: () => number;
}

const optionsSchema = z.strictObject({
  baseUrl: z.string(),
  apiKey: z.union([z.string().min(1), z.instanceof(Secret)]).optional(),
  model: z.string().min(1),
  price: z
    .strictObject({
      inputUsdPerMillionTokens: z.number().nonnegative(),
      outputUsdPerMillionTokens: z.number().nonnegative(),
    })
    .optional(),
  timeoutMs: z.number().int().positive().optional(),
  maxAttempts: z.number().int().min(1).max(20).optional(),
  maxWaitMs: z.number().int().nonnegative().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  id: z.string().min(1).optional(),
  maxTokensField: z.enum(["max_tokens", "max_completion_tokens"]).optional(),
  fetch: z.custom<typeof globalThis.fetch>((value) => typeof value === "function").optional(),
  clock: z.custom<Clock>((value) => typeof value === "object" && value !== null).optional(),
  random: z.custom<() => number>((value) => typeof value === "function").optional(),
});

const BASE_WAIT_MS = 500;

/**
 * A chat model behind any OpenAI-compatible API (OpenRouter, vLLM, an inference endpoint, llama.cpp's server).
 * Retries timeouts, 408, 429, 5xx and broken answers with full jitter, obeys Retry-After, counts its attempts.
 * Cost comes from `usage.cost`, else from `price`, else it is null. Rejects with `model/...`; prompts and keys are
 * never part of an error.
 */
export function openAICompatible(options: OpenAICompatibleOptions): ChatModel {
  const settings = parseOrThrow(optionsSchema, options, {
    code: "input/chat-model",
    subject: "The options of openAICompatible",
  });
  const baseUrl = normalisedBaseUrl(settings.baseUrl);
  const id = settings.id ?? `${settings.model}@${baseUrl.replace(/^https?:\/\//, "")}`;
  const apiKey =
    typeof settings.apiKey === "string" ? new Secret(settings.apiKey) : (settings.apiKey ?? null);
  const secrets = [...(apiKey ? [apiKey.reveal()] : []), ...secretHeaders(settings.headers)];
  const clock = settings.clock ?? systemClock;
  const subject = `The model ${settings.model} at ${new URL(baseUrl).host}`;
  const price = settings.price ?? null;
  /** Until when a rate limit holds for every call of this model, not only the one that was told. */
  let pausedUntilMs = 0;

  async function callOnce(
    request: ChatRequest,
    signal: AbortSignal | undefined,
  ): Promise<Omit<ChatResult, "attempts">> {
    const pauseMs = pausedUntilMs - clock.now();
    if (pauseMs > 0) await clock.sleep(pauseMs, { signal, keepAlive: true });
    const response = await requestText({
      fetch: settings.fetch ?? globalThis.fetch,
      url: `${baseUrl}/chat/completions`,
      method: "POST",
      headers: {
        ...settings.headers,
        "content-type": "application/json",
        ...(apiKey && { authorization: `Bearer ${apiKey.reveal()}` }),
      },
      body: JSON.stringify(
        completionBody(request, {
          model: settings.model,
          maxTokensField: settings.maxTokensField ?? "max_tokens",
        }),
      ),
      timeoutMs: settings.timeoutMs ?? 60_000,
      signal,
      area: "model",
      subject,
      secrets,
    });
    return readCompletion(response, { subject, price, secrets, request, nowMs: clock.now() });
  }

  return {
    contract: "chat-model/v1",
    id,
    async generate(request, { signal } = {}) {
      const policy = {
        maxAttempts: settings.maxAttempts ?? 4,
        baseWaitMs: BASE_WAIT_MS,
        maxWaitMs: settings.maxWaitMs ?? 60_000,
      };
      const { value, attempts } = await withRetries(() => callOnce(request, signal), policy, {
        clock,
        random: settings.random ?? Math.random,
        signal,
        onWait: ({ error, waitMs }) => {
          if (isRateLimit(error)) pausedUntilMs = Math.max(pausedUntilMs, clock.now() + waitMs);
        },
      });
      return { ...value, attempts };
    },
  };
}

function isRateLimit(error: ModelOpsError): boolean {
  return error.code === "model/rate-limited" && typeof error.details.retryAfterMs === "number";
}

function secretHeaders(headers: Readonly<Record<string, string>> | undefined): readonly string[] {
  return Object.entries(headers ?? {})
    .filter(([name]) => /auth|key|token|secret|cookie/i.test(name))
    .map(([, value]) => value);
}

function readCompletion(
  response: TextResponse,
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
  const completion = parseBody(response.text);
  const requestId = completion?.id ?? headerId;
  const choice = completion?.choices?.[0];
  const failure = errorBodySchema.safeParse(completion?.error ?? choice?.error).data ?? null;

  if (response.status >= 400 || failure !== null) {
    throw modelHttpError({
      subject,
      // Failures after generation began arrive as 200 with the status in the body.
      status: response.status >= 400 ? response.status : bodyStatus(failure?.code),
      body: failure ?? plainErrorBody(response.text, completion),
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
    latencyMs: response.durationMs,
    finishReason: finishReasonOf(choice.finish_reason),
    requestId: requestId ?? null,
  };
}

function parseBody(text: string): Completion | null {
  try {
    return completionSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

function bodyStatus(code: string | number | null | undefined): number {
  const status = Number(code);
  return Number.isInteger(status) && status >= 400 && status < 600 ? status : 500;
}

/** Errors that are not `{ error: { … } }`: `{ error: "text" }`, `{ message }`, `{ detail }`. HTML is dropped. */
function plainErrorBody(text: string, completion: Completion | null): { message: string } | null {
  if (typeof completion?.error === "string") return { message: completion.error };
  const fields = completion as Record<string, unknown> | null;
  for (const name of ["message", "detail"]) {
    const value = fields?.[name];
    if (typeof value === "string") return { message: value };
  }
  return completion === null && !/^\s*</.test(text) && text.length > 0 && text.length < 300
    ? { message: text }
    : null;
}
