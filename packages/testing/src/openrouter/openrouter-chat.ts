import type { Clock } from "@modelops/core";
import { z } from "zod";
import type { ChatEngine, ChatOutcome } from "../models/chat-engine.ts";
import { type ChatFailure, readChatRequest, type WireChatRequest } from "../models/chat-request.ts";
import { completionBody, completionEvents, eventStream } from "../models/completion-wire.ts";
import { waitWhileAnswering } from "../twin/twin.ts";
import { jsonReply } from "../twin/whole-reply.ts";
import { errorBody, type OpenRouterFailure, openRouterError } from "./openrouter-error.ts";
import { type OpenRouterModel, type OpenRouterProvider, providersOf } from "./openrouter-model.ts";

/** Fields that only OpenRouter knows; `model` may be missing when `models` is there. */
const routingSchema = z.looseObject({
  models: z.array(z.string()).nullish(),
  session_id: z.string().max(256).nullish(),
  metadata: z
    .record(z.string(), z.string())
    .refine((pairs) => Object.keys(pairs).length <= 16, "at most 16 pairs")
    .nullish(),
  provider: z
    .looseObject({
      order: z.array(z.string()).nullish(),
      only: z.array(z.string()).nullish(),
      ignore: z.array(z.string()).nullish(),
      allow_fallbacks: z.boolean().nullish(),
    })
    .nullish(),
});
type Routing = z.infer<typeof routingSchema>;

/** An answer as it was made, for the account and the generation record. */
export interface ServedGeneration {
  readonly id: string;
  readonly model: string;
  readonly provider: string;
  readonly outcome: ChatOutcome;
  readonly isStreamed: boolean;
  readonly sessionId: string | null;
}

interface Attempt {
  readonly model: string;
  readonly provider: string;
  readonly status: number;
}

/** Answers `POST /chat/completions` with fallbacks over models, usage with cost, and OpenRouter's ways to fail. */
export async function answerOpenRouterChat(
  body: string,
  options: {
    readonly engine: ChatEngine;
    readonly clock: Clock;
    readonly find: (id: string) => OpenRouterModel | null;
    readonly nextId: () => string;
    readonly withMetadata: boolean;
    readonly onServed: (generation: ServedGeneration) => void;
  },
): Promise<Response> {
  const { request, failure: refusal } = readChatRequest(body, { model: firstFallback(body) });
  if (refusal !== null) return openRouterError(translated(refusal, null));
  const routing = routingSchema.safeParse(request);
  if (!routing.success) {
    return openRouterError({
      status: 400,
      message: z.prettifyError(routing.error),
      errorType: "invalid_request",
    });
  }
  const names = [...new Set([request.model, ...(routing.data.models ?? [])])];
  const attempts: Attempt[] = [];
  let last: OpenRouterFailure | null = null;
  for (const name of names) {
    const model = options.find(name);
    if (!model) {
      last = { status: 404, message: `No endpoints found for ${name}.`, errorType: "not_found" };
      continue;
    }
    const provider = chooseProvider(model, routing.data.provider);
    if (!provider) {
      last = {
        status: 404,
        message: `No allowed providers are available for the selected model.`,
        errorType: "not_found",
      };
      continue;
    }
    const result = await options.engine.ask(model.id, request);
    if (result.latencyMs > 0) await waitWhileAnswering(options.clock, result.latencyMs);
    if (result.outcome === null) {
      last = translated(result.failure, provider.name);
      attempts.push({ model: model.id, provider: provider.name, status: last.status });
      // The next model is tried for what another one may do better.
      if (last.status < 500 && ![403, 408, 429].includes(last.status)) break;
      continue;
    }
    attempts.push({ model: model.id, provider: provider.name, status: 200 });
    const generation: ServedGeneration = {
      id: options.nextId(),
      model: model.id,
      provider: provider.name,
      outcome: result.outcome,
      isStreamed: request.stream === true,
      sessionId: routing.data.session_id ?? null,
    };
    options.onServed(generation);
    const metadata = options.withMetadata ? routerMetadata(request, model, attempts) : {};
    return respond(generation, request, options.clock, metadata);
  }
  return openRouterError(last ?? { status: 400, message: "No models provided" });
}

function respond(
  generation: ServedGeneration,
  request: WireChatRequest,
  clock: Clock,
  metadata: Readonly<Record<string, unknown>>,
): Response {
  const { id, model, provider, outcome } = generation;
  const extra = { provider, ...metadata };
  const frame = { id, model, created: Math.floor(clock.now() / 1000), extra };
  const headers = { "x-generation-id": id };
  const broken: OpenRouterFailure = {
    status: 502,
    message: "Provider disconnected.",
    metadata: { error_type: "provider_unavailable", provider_code: "disconnected" },
  };
  if (request.stream) {
    const events = completionEvents(frame, outcome, {
      usage: usageOf(outcome),
      usagePlace: "last-chunk",
      comment: "OPENROUTER PROCESSING",
      errorChunk: () => ({
        id,
        object: "chat.completion.chunk",
        created: frame.created,
        model,
        provider,
        ...errorBody(broken),
        choices: [{ index: 0, delta: { content: "" }, finish_reason: "error" }],
      }),
    });
    return eventStream(events, headers);
  }
  // Failures after the generation began come with status 200.
  if (outcome.failAfterTokens !== null) return jsonReply(errorBody(broken), { headers });
  return jsonReply(completionBody(frame, outcome, usageOf(outcome)), { headers });
}

function firstFallback(body: string): unknown {
  try {
    return (JSON.parse(body) as { readonly models?: readonly unknown[] }).models?.[0];
  } catch {
    return undefined;
  }
}

function chooseProvider(model: OpenRouterModel, wishes: Routing["provider"]): OpenRouterProvider | null {
  const matches = (names: readonly string[], provider: OpenRouterProvider) =>
    names.some((name) => name.toLowerCase() === provider.name.toLowerCase());
  const allowed = providersOf(model).filter(
    (provider) =>
      (provider.status ?? 0) >= 0 &&
      (!wishes?.only || matches(wishes.only, provider)) &&
      !(wishes?.ignore && matches(wishes.ignore, provider)),
  );
  for (const name of wishes?.order ?? []) {
    const found = allowed.find((provider) => matches([name], provider));
    if (found) return found;
  }
  if (wishes?.order && wishes.allow_fallbacks === false) return null;
  return allowed[0] ?? null;
}

const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request",
  402: "payment_required",
  403: "content_policy_violation",
  404: "not_found",
  408: "timeout",
  429: "rate_limit_exceeded",
  500: "server",
  502: "provider_unavailable",
  503: "provider_overloaded",
  529: "provider_overloaded",
};

function translated(failure: ChatFailure, provider: string | null): OpenRouterFailure {
  const { status, message, kind, retryAfterSeconds } = failure;
  const isUpstream = provider !== null && (status === 429 || status >= 500);
  return {
    status,
    message: isUpstream && status === 429 ? "Provider returned error" : message,
    errorType: kind === "context_length_exceeded" ? kind : (ERROR_TYPES[status] ?? "unmapped"),
    metadata: isUpstream ? { provider_name: provider, raw: message } : undefined,
    retryAfterSeconds,
  };
}

function usageOf(outcome: ChatOutcome): Record<string, unknown> {
  const cost = outcome.costUsd ?? 0;
  return {
    prompt_tokens: outcome.promptTokens,
    completion_tokens: outcome.completionTokens,
    total_tokens: outcome.promptTokens + outcome.completionTokens,
    cost,
    is_byok: false,
    prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0 },
    cost_details: {
      upstream_inference_cost: null,
      upstream_inference_prompt_cost: outcome.promptCostUsd ?? 0,
      upstream_inference_completions_cost: outcome.completionCostUsd ?? 0,
    },
  };
}

function routerMetadata(
  request: WireChatRequest,
  model: OpenRouterModel,
  attempts: readonly Attempt[],
): Record<string, unknown> {
  const last = attempts.at(-1);
  const available = providersOf(model).map(({ name }) => ({
    model: model.id,
    provider: name,
    selected: name === last?.provider,
  }));
  return {
    openrouter_metadata: {
      requested: request.model,
      strategy: attempts.length > 1 ? "fallback" : "direct",
      attempt: attempts.length,
      attempts,
      endpoints: { total: available.length, available },
      region: null,
      is_byok: false,
      summary: `available=${available.length}, selected=${last?.provider}`,
    },
  };
}
