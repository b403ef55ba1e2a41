import { type DeployTarget, ModelOpsError, openAICompatible, type TargetDeployment } from "@modelops/core";
import { checkModel, isServed } from "./check-model.ts";
import { findModel } from "./find-model.ts";
import { createOpenRouterApi } from "./openrouter-api.ts";
import { compileOptions, type OpenRouterOptions } from "./openrouter-options.ts";

/**
 * OpenRouter as a deployment target. It serves the models of its catalogue, so nothing is created or paid for by
 * `deploy`: it checks that the model, the providers and the key's budget are there, and the host's configuration
 * names the model. A fine-tune of your own is not in the catalogue: `check` says where it can be served instead.
 */
export function openRouter(options: OpenRouterOptions = {}): DeployTarget {
  const settings = compileOptions(options);
  const api = createOpenRouterApi(settings);

  return {
    contract: "deploy-target/v1",
    id: "openrouter",
    capabilities: { servesArtifacts: false, removable: false, scaleToZero: false },
    check: (model, { signal } = {}) => checkModel(api, settings, model, signal),
    async deploy({ model }, { signal } = {}) {
      const result = await checkModel(api, settings, model, signal);
      if (!result.canServe) {
        throw new ModelOpsError({
          code: "target/cannot-serve",
          message: `OpenRouter cannot serve ${model.modelId}.`,
          reason: result.problems.map((problem) => problem.message).join(" "),
          fix: result.problems.map((problem) => problem.fix).join(" "),
          details: { modelId: model.modelId, problems: result.problems },
        });
      }
      const { inputUsdPerMillionTokens, outputUsdPerMillionTokens } = result.price;
      return {
        targetId: "openrouter",
        deploymentId: `openrouter:${model.modelId}`,
        modelId: model.modelId,
        agent: model.agent,
        version: model.version,
        configValue: findModel(await api.models(signal), model.modelId)?.callName ?? model.modelId,
        baseUrl: settings.baseUrl,
        details: { inputUsdPerMillionTokens, outputUsdPerMillionTokens },
      };
    },
    async status(deployment, { signal } = {}) {
      const models = await api.models(signal);
      const found = findModel(models, deployment.configValue);
      if (!found || !findModel(models, deployment.modelId))
        return { state: "absent", message: "The model left the catalogue.", costUsdPerHour: 0 };
      const isUp = isServed(await api.endpoints(found.entry.id, signal));
      return {
        state: isUp ? "ready" : "failed",
        message: isUp ? null : "No provider serves it at the moment.",
        costUsdPerHour: 0,
      };
    },
    // Nothing was created, so there is nothing to remove.
    async remove() {},
    async chatModel(deployment: TargetDeployment) {
      const { apiKey, baseUrl, fetch, clock, timeoutMs, provider } = settings;
      if (apiKey === null) {
        throw new ModelOpsError({
          code: "target/no-api-key",
          message: "OpenRouter cannot be called without an API key.",
          fix: "set OPENROUTER_API_KEY or pass apiKey.",
        });
      }
      const model = deployment.configValue;
      const chat = openAICompatible({ baseUrl, apiKey, model, fetch, clock, timeoutMs });
      if (provider === null) return chat;
      return {
        ...chat,
        generate: (request, callOptions) =>
          chat.generate({ ...request, extraBody: { provider, ...request.extraBody } }, callOptions),
      };
    },
  };
}
