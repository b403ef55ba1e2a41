import { createHash } from "node:crypto";
import {
  type DeployTarget,
  ModelOpsError,
  type ModelReference,
  openAICompatible,
  type TargetCheck,
} from "@modelops/core";
import { createVllmLorasApi } from "./vllm-loras-api.ts";
import { compileOptions, type VllmLorasOptions } from "./vllm-loras-options.ts";

/**
 * A running vLLM server as a deployment target: each version is a LoRA adapter that is loaded beside the base model,
 * while the server goes on answering.
 */
export function vllmLoras(options: VllmLorasOptions): DeployTarget {
  const settings = compileOptions(options);
  const api = createVllmLorasApi(settings);

  const check = async (model: ModelReference, signal?: AbortSignal): Promise<TargetCheck> => {
    const problems = problemsOf(model, await api.models(signal));
    return {
      canServe: problems.length === 0,
      problems,
      price: {
        inputUsdPerMillionTokens: null,
        outputUsdPerMillionTokens: null,
        usdPerHour: null,
        source: "the host's own server",
      },
      contextLength: null,
      notes: [],
    };
  };

  return {
    contract: "deploy-target/v1",
    id: "vllm-loras",
    capabilities: { servesArtifacts: true, removable: false, scaleToZero: false },
    check: (model, { signal } = {}) => check(model, signal),
    async deploy({ model }, { signal } = {}) {
      const { canServe, problems } = await check(model, signal);
      const path = adapterPath(model);
      if (!canServe || path === null) {
        throw new ModelOpsError({
          code: "target/cannot-serve",
          message: `The server cannot serve ${model.modelId}.`,
          reason: problems.map((problem) => problem.message).join(" "),
          fix: problems.map((problem) => problem.fix).join(" "),
        });
      }
      const name = adapterName(model);
      await api.load(name, path, signal);
      return {
        targetId: "vllm-loras",
        deploymentId: name,
        modelId: model.modelId,
        agent: model.agent,
        version: model.version,
        configValue: name,
        baseUrl: settings.baseUrl,
        details: { path },
      };
    },
    async status(deployment, { signal } = {}) {
      const isLoaded = (await api.models(signal)).includes(deployment.deploymentId);
      // A server that was restarted has forgotten its adapters; deploying again loads them.
      return { state: isLoaded ? "ready" : "absent", message: null, costUsdPerHour: null };
    },
    remove: (deployment, { signal } = {}) => api.unload(deployment.deploymentId, signal),
    chatModel: async (deployment) =>
      openAICompatible({
        baseUrl: settings.baseUrl,
        apiKey: settings.apiKey ?? undefined,
        model: deployment.deploymentId,
        timeoutMs: settings.timeoutMs,
        fetch: settings.fetch,
      }),
  };
}

/** The same version always gets the same name, so that a repeated deployment finds what the first one made. */
function adapterName(model: ModelReference): string {
  const facts = JSON.stringify([model.agent, model.version, model.modelId, adapterPath(model)]);
  const hash = createHash("sha256").update(facts).digest("hex").slice(0, 8);
  return `${model.agent}-${model.version}-${hash}`;
}

/** A folder the server can read, or a repository on the Hub. */
function adapterPath(model: ModelReference): string | null {
  const { artifact } = model;
  if (artifact?.kind !== "adapter") return null;
  return artifact.location.type === "folder" ? artifact.location.path : artifact.location.repoId;
}

function problemsOf(model: ModelReference, served: readonly string[]): { message: string; fix: string }[] {
  const { artifact } = model;
  if (artifact?.kind !== "adapter") {
    return [
      {
        message: `${model.modelId} is no adapter.`,
        fix: "train with a LoRA adapter, or use selfHosted for what the server has already.",
      },
    ];
  }
  if (served.includes(artifact.baseModel)) return [];
  return [
    {
      message: `The server does not run ${artifact.baseModel}, the base of this adapter; it runs ${served.join(", ")}.`,
      fix: `start it with: vllm serve ${artifact.baseModel} --enable-lora`,
    },
  ];
}
