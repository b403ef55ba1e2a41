import { type OpenRouterModel, providersOf } from "./openrouter-model.ts";

const CREATED = 1_764_000_000;
const PARAMETERS = [
  "frequency_penalty",
  "max_tokens",
  "presence_penalty",
  "response_format",
  "seed",
  "stop",
  "temperature",
  "tool_choice",
  "tools",
  "top_p",
];

/** A row of `GET /models`. */
export function modelRow(model: OpenRouterModel): object {
  const contextLength = model.contextLength ?? 131_072;
  return {
    id: model.id,
    canonical_slug: model.canonicalSlug ?? model.id,
    hugging_face_id: null,
    name: model.id,
    created: CREATED,
    description: "A scripted model.",
    context_length: contextLength,
    architecture: architecture(),
    pricing: pricing(model),
    top_provider: { context_length: contextLength, max_completion_tokens: null, is_moderated: false },
    per_request_limits: null,
    supported_parameters: PARAMETERS,
    default_parameters: null,
    supported_voices: null,
    links: { details: `/api/v1/models/${model.canonicalSlug ?? model.id}/endpoints` },
    expiration_date: model.expirationDate ?? null,
    knowledge_cutoff: null,
  };
}

/** The body of `GET /models/{author}/{slug}/endpoints`. */
export function endpointsBody(model: OpenRouterModel): object {
  const endpoints = providersOf(model).map((provider) => ({
    name: `${provider.name} | ${model.canonicalSlug ?? model.id}`,
    model_id: model.id,
    model_name: model.id,
    context_length: model.contextLength ?? 131_072,
    pricing: { ...pricing(model), discount: 0 },
    provider_name: provider.name,
    tag: provider.name.toLowerCase(),
    quantization: provider.quantization ?? null,
    max_completion_tokens: null,
    max_prompt_tokens: null,
    supported_parameters: PARAMETERS,
    supports_tool_choice: { auto: true, function: true, none: true, required: true },
    supports_implicit_caching: false,
    status: provider.status ?? 0,
    uptime_last_5m: provider.uptimePercent ?? 100,
    uptime_last_30m: provider.uptimePercent ?? 100,
    uptime_last_1d: provider.uptimePercent ?? 100,
    latency_last_30m: null,
    throughput_last_30m: null,
  }));
  const { id } = model;
  return {
    data: {
      id,
      name: id,
      created: CREATED,
      description: "A scripted model.",
      architecture: architecture(),
      endpoints,
    },
  };
}

function architecture(): object {
  return {
    modality: "text->text",
    input_modalities: ["text"],
    output_modalities: ["text"],
    tokenizer: "Other",
    instruct_type: null,
  };
}

/** Prices are decimal strings in US dollars per token. */
function pricing(model: OpenRouterModel): { prompt: string; completion: string } {
  if (model.hasVariablePrice) return { prompt: "-1", completion: "-1" };
  return {
    prompt: perToken(model.price?.inputUsdPerMillionTokens ?? 0),
    completion: perToken(model.price?.outputUsdPerMillionTokens ?? 0),
  };
}

function perToken(usdPerMillionTokens: number): string {
  if (usdPerMillionTokens === 0) return "0";
  return (usdPerMillionTokens / 1e6).toFixed(15).replace(/0+$/, "");
}
