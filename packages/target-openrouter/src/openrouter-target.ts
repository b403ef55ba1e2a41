import {
  type DeployRequest,
  type DeployTarget,
  ModelOpsError,
  type ModelReference,
  openAICompatible,
  type ServingPrice,
  type TargetCheck,
  type TargetDeployment,
} from "@modelops/core";
import { nearestNames } from "./nearest-names.ts";
import { type CatalogueModel, createOpenRouterApi, type ProviderEndpoint } from "./openrouter-api.ts";
import { compileOptions, type OpenRouterOptions } from "./openrouter-options.ts";

/**
 * OpenRouter as a deployment target. It serves the models of its catalogue, so nothing is created or paid for by
 * `deploy`: it checks that the model, the providers and the key's budget are there, and the host's configuration
 * names the model. A fine-tune of your own is not in the catalogue: `check` says where it can be served instead.
 */
export function openRouter(options: OpenRouterOptions = {}): DeployTarget {
  const settings = compileOptions(options);
  const api = createOpenRouterApi(settings);

  const check = async (
    model: ModelReference,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<TargetCheck> => {
    const models = await api.models(signal);
    const found = models.find(
      (entry) => entry.id === model.modelId || entry.canonical_slug === model.modelId,
    );
    if (!found) return unknownModel(model, models);
    const endpoints = await api.endpoints(found.id, signal);
    const problems = await problemsOf(endpoints, signal);
    return {
      canServe: problems.length === 0,
      problems,
      price: priceOf(found, new Date(settings.clock.now()).toISOString()),
      contextLength: found.context_length ?? null,
      notes: notesOf(found, endpoints),
    };
  };

  const problemsOf = async (endpoints: readonly ProviderEndpoint[], signal: AbortSignal | undefined) => {
    const problems: { message: string; fix: string }[] = [];
    // Negative statuses mark providers that are down or not to be used now.
    if (!endpoints.some((endpoint) => (endpoint.status ?? 0) >= 0)) {
      problems.push({
        message: "No provider serves this model at the moment.",
        fix: "wait, or choose another model; its page on OpenRouter shows the providers' health.",
      });
    }
    if (settings.apiKey === null) {
      problems.push({
        message: "There is no API key.",
        fix: "set OPENROUTER_API_KEY or pass apiKey.",
      });
      return problems;
    }
    const remainingUsd = await api.remainingUsd(signal);
    if (remainingUsd !== null && (remainingUsd <= 0 || remainingUsd < settings.minimumRemainingUsd)) {
      problems.push({
        message: `The key may spend only $${remainingUsd} more; at least $${settings.minimumRemainingUsd} is asked for.`,
        fix: "raise the key's limit on OpenRouter, or lower minimumRemainingUsd.",
      });
    }
    return problems;
  };

  return {
    contract: "deploy-target/v1",
    id: "openrouter",
    capabilities: { servesArtifacts: false, removable: false, scaleToZero: false },
    check,
    async deploy(request: DeployRequest, { signal } = {}) {
      const { model } = request;
      const result = await check(model, { signal });
      if (!result.canServe) {
        throw new ModelOpsError({
          code: "target/cannot-serve",
          message: `OpenRouter cannot serve ${model.modelId}.`,
          reason: result.problems.map((problem) => problem.message).join(" "),
          fix: result.problems.map((problem) => problem.fix).join(" "),
          details: { modelId: model.modelId, problems: result.problems },
        });
      }
      return {
        targetId: "openrouter",
        deploymentId: `openrouter:${model.modelId}`,
        modelId: model.modelId,
        agent: model.agent,
        version: model.version,
        configValue: model.modelId,
        baseUrl: settings.baseUrl,
        details: {
          inputUsdPerMillionTokens: result.price.inputUsdPerMillionTokens,
          outputUsdPerMillionTokens: result.price.outputUsdPerMillionTokens,
        },
      };
    },
    async status(deployment, { signal } = {}) {
      const models = await api.models(signal);
      const isListed = models.some(
        (entry) => entry.id === deployment.modelId || entry.canonical_slug === deployment.modelId,
      );
      if (!isListed) return { state: "absent", message: "The model left the catalogue.", costUsdPerHour: 0 };
      const endpoints = await api.endpoints(deployment.modelId, signal);
      const isServed = endpoints.some((endpoint) => (endpoint.status ?? 0) >= 0);
      return {
        state: isServed ? "ready" : "failed",
        message: isServed ? null : "No provider serves it at the moment.",
        costUsdPerHour: 0,
      };
    },
    // Nothing was created, so there is nothing to remove.
    async remove() {},
    async chatModel(deployment: TargetDeployment) {
      if (settings.apiKey === null) {
        throw new ModelOpsError({
          code: "target/no-api-key",
          message: "OpenRouter cannot be called without an API key.",
          fix: "set OPENROUTER_API_KEY or pass apiKey.",
        });
      }
      const chat = openAICompatible({
        baseUrl: settings.baseUrl,
        apiKey: settings.apiKey,
        model: deployment.modelId,
        fetch: settings.fetch,
        clock: settings.clock,
        timeoutMs: settings.timeoutMs,
      });
      const { provider } = settings;
      if (provider === null) return chat;
      return {
        ...chat,
        generate: (request, callOptions) =>
          chat.generate({ ...request, extraBody: { provider, ...request.extraBody } }, callOptions),
      };
    },
  };
}

function unknownModel(model: ModelReference, models: readonly CatalogueModel[]): TargetCheck {
  const names = nearestNames(
    model.modelId,
    models.map((entry) => entry.id),
  );
  const alternatives = names.length > 0 ? `the nearest names are ${names.join(", ")}; ` : "";
  return {
    canServe: false,
    problems: [
      {
        message: `OpenRouter's catalogue has no ${model.modelId}.`,
        fix: model.artifact
          ? `serve your own fine-tune with target-hf-endpoints, target-gguf or selfHosted, and keep OpenRouter for the baseline (OpenRouter lists private models only by arrangement); ${alternatives}`.replace(
              /; $/,
              ".",
            )
          : `${alternatives}check the spelling (author/name).`,
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

function notesOf(model: CatalogueModel, endpoints: readonly ProviderEndpoint[]): readonly string[] {
  const notes = endpoints.map((endpoint) => {
    const uptime =
      typeof endpoint.uptime_last_30m === "number"
        ? `, uptime ${endpoint.uptime_last_30m.toFixed(1)} % in the last 30 min`
        : "";
    const quantization = endpoint.quantization ? `, ${endpoint.quantization}` : "";
    return `${endpoint.provider_name ?? "unnamed provider"}${quantization}${uptime}`;
  });
  if (model.canonical_slug && model.canonical_slug !== model.id)
    notes.push(`pinned name: ${model.canonical_slug}`);
  if (model.expiration_date) notes.push(`leaves OpenRouter on ${model.expiration_date}`);
  return notes;
}
