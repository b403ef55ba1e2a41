import type { ModelReference, ServingPrice, TargetCheck } from "@modelops/core";
import { type FoundModel, findModel } from "./find-model.ts";
import { nearestNames } from "./nearest-names.ts";
import type { CatalogueModel, OpenRouterApi, ProviderEndpoint } from "./openrouter-api.ts";
import type { OpenRouterSettings } from "./openrouter-options.ts";

type Problem = TargetCheck["problems"][number];

/** Whether the catalogue has the model, somebody serves it now, and the key may pay for it. */
export async function checkModel(
  api: OpenRouterApi,
  settings: OpenRouterSettings,
  model: ModelReference,
  signal?: AbortSignal,
): Promise<TargetCheck> {
  const models = await api.models(signal);
  const found = findModel(models, model.modelId);
  if (!found) return unknownModel(model, models);
  const endpoints = await api.endpoints(found.entry.id, signal);
  const problems = [...healthProblems(endpoints), ...(await budgetProblems(api, settings, signal))];
  return {
    canServe: problems.length === 0,
    problems,
    price: priceOf(found.entry, new Date(settings.clock.now()).toISOString()),
    contextLength: found.entry.context_length ?? null,
    notes: notesOf(found, model.modelId, endpoints),
  };
}

/** Negative statuses mark providers that are down or not to be used now. */
export function isServed(endpoints: readonly ProviderEndpoint[]): boolean {
  return endpoints.some((endpoint) => (endpoint.status ?? 0) >= 0);
}

function healthProblems(endpoints: readonly ProviderEndpoint[]): Problem[] {
  if (isServed(endpoints)) return [];
  return [
    {
      message: "No provider serves this model at the moment.",
      fix: "wait, or choose another model; its page on OpenRouter shows the providers' health.",
    },
  ];
}

async function budgetProblems(
  api: OpenRouterApi,
  settings: OpenRouterSettings,
  signal: AbortSignal | undefined,
): Promise<Problem[]> {
  if (settings.apiKey === null)
    return [{ message: "There is no API key.", fix: "set OPENROUTER_API_KEY or pass apiKey." }];
  const remainingUsd = await api.remainingUsd(signal);
  const { minimumRemainingUsd } = settings;
  if (remainingUsd === null || (remainingUsd > 0 && remainingUsd >= minimumRemainingUsd)) return [];
  return [
    {
      message: `The key may spend only $${remainingUsd} more; at least $${minimumRemainingUsd} is asked for.`,
      fix: "raise the key's limit on OpenRouter, or lower minimumRemainingUsd.",
    },
  ];
}

function unknownModel(model: ModelReference, models: readonly CatalogueModel[]): TargetCheck {
  const names = nearestNames(
    model.modelId,
    models.map((entry) => entry.id),
  );
  const alternatives = names.length > 0 ? [`the nearest names are ${names.join(", ")}`] : [];
  const advice = model.artifact
    ? "serve your own fine-tune with target-hf-endpoints, target-gguf or selfHosted, and keep OpenRouter for the baseline (OpenRouter lists private models only by arrangement)"
    : "check the spelling (author/name)";
  const parts = model.artifact ? [advice, ...alternatives] : [...alternatives, advice];
  return {
    canServe: false,
    problems: [
      {
        message: `OpenRouter's catalogue has no ${model.modelId}.`,
        fix: `${parts.join("; ")}.`,
      },
    ],
    price: {
      inputUsdPerMillionTokens: null,
      outputUsdPerMillionTokens: null,
      usdPerHour: null,
      source: "not in the catalogue",
    },
    contextLength: null,
    notes: names.map((name) => `nearest name: ${name}`),
  };
}

function priceOf(model: CatalogueModel, readAt: string): ServingPrice {
  return {
    inputUsdPerMillionTokens: perMillion(model.pricing?.prompt),
    outputUsdPerMillionTokens: perMillion(model.pricing?.completion),
    usdPerHour: null,
    source: `OpenRouter model list, read ${readAt}`,
  };
}

/** Decimal dollars per token → dollars per million tokens. Negative prices mark variable ones: unknown. */
function perMillion(decimal: string | null | undefined): number | null {
  if (decimal === null || decimal === undefined) return null;
  const value = Number(decimal);
  return value < 0 ? null : Number((value * 1e6).toPrecision(12));
}

function notesOf(
  { entry, callName }: FoundModel,
  modelId: string,
  endpoints: readonly ProviderEndpoint[],
): readonly string[] {
  const notes = endpoints.map(describeProvider);
  if (callName !== modelId) notes.push(`alias: ${modelId} is pinned to ${callName}`);
  else if (entry.canonical_slug && entry.canonical_slug !== entry.id)
    notes.push(`pinned name: ${entry.canonical_slug}`);
  if (entry.expiration_date) notes.push(`leaves OpenRouter on ${entry.expiration_date}`);
  return notes;
}

function describeProvider(endpoint: ProviderEndpoint): string {
  const facts = [endpoint.provider_name ?? "unnamed provider"];
  if ((endpoint.status ?? 0) < 0) facts.push(`not to be used now (status ${endpoint.status})`);
  if (endpoint.quantization) facts.push(endpoint.quantization);
  if (typeof endpoint.uptime_last_30m === "number")
    facts.push(`uptime ${endpoint.uptime_last_30m.toFixed(1)} % in the last 30 min`);
  const { p50, p99 } = endpoint.latency_last_30m ?? {};
  if (typeof p50 === "number" && typeof p99 === "number") facts.push(`latency p50 ${p50}, p99 ${p99}`);
  return facts.join(", ");
}
