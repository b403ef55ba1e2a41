import {
  type ChatModel,
  type DeployTarget,
  ModelOpsError,
  type ModelReference,
  openAICompatible,
  type TargetCheck,
  type TargetDeployment,
  type TargetDeploymentState,
} from "@modelops/core";
import { adoptEndpoint, isAdopted, servedInstead } from "./adopted-endpoint.ts";
import { checkModel } from "./check-model.ts";
import { ownerTag, TAG, wantedModel } from "./endpoint-body.ts";
import { endpointName } from "./endpoint-name.ts";
import { createHfEndpointsApi, type EndpointAction } from "./hf-endpoints-api.ts";
import { compileOptions, type HfEndpointsOptions } from "./hf-endpoints-options.ts";
import type { Endpoint } from "./hf-endpoints-wire.ts";
import { endpointCostUsdPerHour } from "./price-list.ts";
import { createEndpoint, reviveEndpoint, waitUntilRunning } from "./start-endpoint.ts";

const STATES: Readonly<Record<string, TargetDeploymentState>> = {
  pending: "starting",
  initializing: "starting",
  updating: "ready",
  running: "ready",
  scaledToZero: "paused",
  paused: "paused",
  updateFailed: "failed",
  failed: "failed",
};

/** Inference Endpoints, with what they can do beyond the contract. */
export interface HfEndpointsTarget extends DeployTarget {
  pause(deployment: TargetDeployment, options?: { readonly signal?: AbortSignal }): Promise<void>;
  resume(deployment: TargetDeployment, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Free like a pause, but the next request wakes it; it goes on holding quota. */
  scaleToZero(deployment: TargetDeployment, options?: { readonly signal?: AbortSignal }): Promise<void>;
}

/**
 * Hugging Face Inference Endpoints as a deployment target: one endpoint per model version, so a canary is a second one.
 * Price and quota are read before anything is created; the name is derived from the version, so a repeated deployment
 * adopts the endpoint that is there and changes of it only what the options say otherwise. `deploy` resolves when the
 * endpoint has answered a chat request, else it removes what it created.
 */
export function hfEndpoints(options: HfEndpointsOptions): HfEndpointsTarget {
  const settings = compileOptions(options);
  const api = createHfEndpointsApi(settings);
  const { clock } = settings;

  const check = (model: ModelReference, { signal }: { readonly signal?: AbortSignal } = {}) =>
    checkModel(api, settings, model, signal);

  const chatAt = (endpoint: Endpoint): ChatModel =>
    openAICompatible({
      baseUrl: `${(endpoint.status.url ?? "").replace(/\/+$/, "")}/v1`,
      apiKey: settings.token ?? undefined,
      // The endpoint's name is the model name its server answers to.
      model: endpoint.name,
      // Asks the proxy to hold the request while the endpoint wakes up.
      headers: { "x-scale-up-timeout": String(Math.ceil(settings.chatTimeoutMs / 1000)) },
      fetch: settings.fetch,
      clock,
      timeoutMs: settings.chatTimeoutMs,
    });

  const smokeCall = (endpoint: Endpoint, signal: AbortSignal | undefined) =>
    chatAt(endpoint).generate(
      { messages: [{ role: "user", content: "Reply with OK." }], maxOutputTokens: 4 },
      { signal },
    );

  const toDeployment = (endpoint: Endpoint, model: ModelReference, adopted: boolean): TargetDeployment => ({
    targetId: "hf-endpoints",
    deploymentId: endpoint.name,
    modelId: model.modelId,
    agent: model.agent,
    version: model.version,
    configValue: endpoint.name,
    baseUrl: endpoint.status.url ? `${endpoint.status.url.replace(/\/+$/, "")}/v1` : null,
    details: {
      namespace: settings.namespace,
      repository: endpoint.model?.repository ?? null,
      revision: endpoint.model?.revision ?? null,
      ...(adopted && { adopted }),
    },
  });

  /** Endpoints of others answer for us, but are not ours to stop. */
  const act =
    (action: EndpointAction) =>
    async (deployment: TargetDeployment, { signal }: { readonly signal?: AbortSignal } = {}) => {
      if (!isAdopted(deployment)) await api.act(deployment.deploymentId, action, signal);
    };

  return {
    contract: "deploy-target/v1",
    id: "hf-endpoints",
    capabilities: { servesArtifacts: true, removable: true, scaleToZero: true },
    check,
    async deploy({ model, owner = null }, { signal } = {}) {
      const adopted = await adoptEndpoint(api, settings, model, signal);
      if (adopted) {
        await smokeCall(adopted, signal);
        return toDeployment(adopted, model, true);
      }
      const wanted = wantedModel(model);
      const name = endpointName(model, wanted.revision);
      const existing = await liveEndpoint(name, signal);
      let isOurs = false;
      if (existing) await reviveEndpoint(api, settings, { endpoint: existing, owner, signal });
      else {
        const result = await check(model, { signal });
        if (!result.canServe) throw cannotServe(model, result);
        isOurs = await createEndpoint(api, settings, { name, model: wanted, owner, signal });
      }
      try {
        const endpoint = await waitUntilRunning(api, settings, name, signal);
        await smokeCall(endpoint, signal);
        return toDeployment(endpoint, model, false);
      } catch (error) {
        // What this call created must not go on costing money; what was there before stays.
        if (isOurs) await api.remove(name);
        throw error;
      }
    },
    async status(deployment, { signal } = {}) {
      const endpoint = await api.get(deployment.deploymentId, signal);
      if (endpoint === null) return { state: "absent", message: null, costUsdPerHour: 0 };
      return {
        state: STATES[endpoint.status.state] ?? "starting",
        message: endpoint.status.errorMessage ?? endpoint.status.message ?? null,
        costUsdPerHour: endpointCostUsdPerHour(endpoint, await api.computes(signal)),
        wakesOnRequest: endpoint.status.state === "scaledToZero",
        servesInstead: servedInstead(endpoint, deployment),
      };
    },
    async remove(deployment, { signal } = {}) {
      if (!isAdopted(deployment)) await api.remove(deployment.deploymentId, signal);
    },
    pause: act("pause"),
    resume: act("resume"),
    scaleToZero: act("scale-to-zero"),
    async list({ owner, signal }) {
      const marked = (await api.list(signal)).filter(({ tags }) => tags?.includes(ownerTag(owner)));
      if (marked.length === 0) return [];
      const computes = await api.computes(signal);
      return marked.map((endpoint) => ({
        deploymentId: endpoint.name,
        state: STATES[endpoint.status.state] ?? "starting",
        costUsdPerHour: endpointCostUsdPerHour(endpoint, computes),
        createdAt: endpoint.status.createdAt ?? null,
        remove: (call = {}) => api.remove(endpoint.name, call.signal),
      }));
    },
    async chatModel(deployment, { signal } = {}) {
      const endpoint = await api.get(deployment.deploymentId, signal);
      if (endpoint?.status.url) return chatAt(endpoint);
      throw new ModelOpsError({
        code: "target/endpoint-absent",
        message: `The endpoint ${deployment.deploymentId} has no address.`,
        reason: endpoint ? `It is ${endpoint.status.state}.` : "It does not exist.",
        fix: "deploy the version again.",
      });
    },
  };

  /** One of ours that failed has answered nobody and blocks the name: it makes room for a new one. */
  async function liveEndpoint(name: string, signal: AbortSignal | undefined): Promise<Endpoint | null> {
    const endpoint = await api.get(name, signal);
    if (endpoint?.status.state !== "failed" || !endpoint.tags?.includes(TAG)) return endpoint;
    await api.remove(name, signal);
    return null;
  }
}

function cannotServe(model: ModelReference, result: TargetCheck): ModelOpsError {
  return new ModelOpsError({
    code: "target/cannot-serve",
    message: `Inference Endpoints cannot serve ${model.modelId}.`,
    reason: result.problems.map((problem) => problem.message).join(" "),
    fix: result.problems.map((problem) => problem.fix).join(" "),
    details: { modelId: model.modelId, problems: result.problems },
  });
}
