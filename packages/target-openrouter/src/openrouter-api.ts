import { requestJson } from "@modelops/core/target-utils";
import { z } from "zod";
import type { OpenRouterSettings } from "./openrouter-options.ts";

/** Prices are decimal strings in US dollars per token. */
const decimalSchema = z.string().regex(/^-?\d+(\.\d+)?(e-?\d+)?$/i);

const modelSchema = z.object({
  id: z.string(),
  canonical_slug: z.string().nullish(),
  name: z.string().nullish(),
  context_length: z.number().nullish(),
  pricing: z.object({ prompt: decimalSchema, completion: decimalSchema }).nullish(),
  expiration_date: z.string().nullish(),
  /** Marks a name whose meaning changes, such as `~latest`. */
  alias_target: z.object({ slug: z.string() }).nullish(),
});
const catalogueSchema = z.object({ data: z.array(modelSchema) });
export type CatalogueModel = z.infer<typeof modelSchema>;

const endpointsSchema = z.object({
  data: z.object({
    endpoints: z.array(
      z.object({
        provider_name: z.string().nullish(),
        status: z.number().nullish(),
        uptime_last_30m: z.number().nullish(),
        quantization: z.string().nullish(),
        latency_last_30m: z.object({ p50: z.number().nullish(), p99: z.number().nullish() }).nullish(),
      }),
    ),
  }),
});
export type ProviderEndpoint = z.infer<typeof endpointsSchema>["data"]["endpoints"][number];

const keySchema = z.object({
  data: z.object({ limit: z.number().nullish(), limit_remaining: z.number().nullish() }),
});

export interface OpenRouterApi {
  /** The whole catalogue, at most `catalogueMaxAgeMs` old. Concurrent callers share one request. */
  models(signal?: AbortSignal): Promise<readonly CatalogueModel[]>;
  /** Who serves a model, and how healthy it is right now. */
  endpoints(modelId: string, signal?: AbortSignal): Promise<readonly ProviderEndpoint[]>;
  /** What the key may still spend in US dollars; null = no limit. */
  remainingUsd(signal?: AbortSignal): Promise<number | null>;
}

export function createOpenRouterApi(settings: OpenRouterSettings): OpenRouterApi {
  let cached: { readonly readAtMs: number; readonly models: Promise<readonly CatalogueModel[]> } | null =
    null;

  const get = <Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    subject: string,
    signal?: AbortSignal,
  ) =>
    requestJson({
      fetch: settings.fetch,
      clock: settings.clock,
      url: `${settings.baseUrl}${path}`,
      method: "GET",
      headers: settings.apiKey ? { authorization: `Bearer ${settings.apiKey.reveal()}` } : {},
      timeoutMs: settings.timeoutMs,
      area: "target",
      subject,
      secrets: settings.apiKey ? [settings.apiKey.reveal()] : [],
      schema,
      signal,
      retry: { maxAttempts: 3, baseWaitMs: 500, maxWaitMs: 10_000 },
    });

  return {
    models(signal) {
      const nowMs = settings.clock.now();
      if (cached === null || nowMs - cached.readAtMs >= settings.catalogueMaxAgeMs) {
        // Shared by all callers, so one caller's abort must not end it for the others.
        const models = get("/models", catalogueSchema, "OpenRouter's model list").then((reply) => reply.data);
        cached = { readAtMs: nowMs, models };
        models.catch(() => {
          cached = null;
        });
      }
      return abortable(cached.models, signal);
    },
    async endpoints(modelId, signal) {
      const path = modelId.split("/").map(encodeURIComponent).join("/");
      const subject = `OpenRouter's provider list for ${modelId}`;
      const reply = await get(`/models/${path}/endpoints`, endpointsSchema, subject, signal);
      return reply.data.endpoints;
    },
    async remainingUsd(signal) {
      const reply = await get("/key", keySchema, "OpenRouter's key information", signal);
      return reply.data.limit_remaining ?? null;
    },
  };
}

async function abortable<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (!signal) return promise;
  signal.throwIfAborted();
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
