import type { ChatOutcome } from "../models/chat-engine.ts";

/** The body of `GET /generation?id=`. */
export function generationBody(options: {
  readonly id: string;
  readonly model: string;
  readonly provider: string;
  readonly outcome: ChatOutcome;
  readonly createdAtMs: number;
  readonly isStreamed: boolean;
  readonly sessionId: string | null;
}): object {
  const { outcome } = options;
  const cost = outcome.costUsd ?? 0;
  const broke = outcome.failAfterTokens !== null;
  const finishReason = broke ? "error" : outcome.finishReason;
  return {
    data: {
      id: options.id,
      api_type: "completions",
      app_id: null,
      cache_discount: null,
      cancelled: false,
      created_at: new Date(options.createdAtMs).toISOString(),
      data_region: "global",
      external_user: null,
      finish_reason: finishReason,
      generation_time: Math.round(outcome.latencyMs),
      http_referer: null,
      is_byok: false,
      latency: Math.round(outcome.latencyMs),
      model: options.model,
      moderation_latency: null,
      native_finish_reason: finishReason,
      native_tokens_prompt: outcome.promptTokens,
      native_tokens_completion: outcome.completionTokens,
      native_tokens_completion_images: null,
      native_tokens_reasoning: 0,
      native_tokens_cached: 0,
      num_fetches: null,
      num_input_audio_prompt: null,
      num_media_completion: null,
      num_media_prompt: null,
      num_search_results: null,
      origin: "",
      preset_id: null,
      provider_name: options.provider,
      provider_responses: null,
      router: null,
      service_tier: null,
      session_id: options.sessionId,
      streamed: options.isStreamed,
      tokens_prompt: outcome.promptTokens,
      tokens_completion: outcome.completionTokens,
      total_cost: cost,
      upstream_id: null,
      upstream_inference_cost: null,
      usage: cost,
      user_agent: null,
      web_search_engine: null,
      workspace_id: null,
    },
  };
}
