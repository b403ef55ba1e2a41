import { z } from "zod";
import type { ChatModel, ChatRequest, ChatResult } from "../contract/chat-model.ts";
import { parseOrThrow } from "../errors/from-zod.ts";
import type { ModelOpsError } from "../errors/modelops-error.ts";
import { requestText } from "../http/request-text.ts";
import { withRetries } from "../http/retry.ts";
import { Secret } from "../model/secret.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import { type ChatPrice, chatPriceSchema } from "./chat-cost.ts";
import { normalisedBaseUrl } from "./chat-model-id.ts";
import { completionBody } from "./openai-wire.ts";
import { readCompletion } from "./read-completion.ts";

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
  price: chatPriceSchema.optional(),
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
    return readCompletion(
      {
        status: response.status,
        headers: response.headers,
        body: response.text,
        latencyMs: response.durationMs,
      },
      { subject, price, secrets, request, nowMs: clock.now() },
    );
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
