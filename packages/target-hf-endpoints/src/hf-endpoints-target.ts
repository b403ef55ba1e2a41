import {
  type ChatModel,
  type DeployRequest,
  type DeployTarget,
  ModelOpsError,
  type ModelReference,
  openAICompatible,
  type TargetCheck,
  type TargetDeployment,
  type TargetDeploymentState,
} from "@modelops/core";
import { endpointName } from "./endpoint-name.ts";
import { type Compute, createHfEndpointsApi, type Endpoint, isCode } from "./hf-endpoints-api.ts";
import { compileOptions, type HfEndpointsOptions } from "./hf-endpoints-options.ts";

const TAG = "modelops";

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

/**
 * Hugging Face Inference Endpoints as a deployment target: one endpoint per model version. Price and quota are read
 * before anything is created; the name is derived from the version, so a repeated deployment adopts the endpoint that
 * is there. `deploy` resolves when the endpoint has answered a chat request, else it removes what it created.
 */
export function hfEndpoints(options: HfEndpointsOptions): DeployTarget {
  const settings = compileOptions(options);
  const api = createHfEndpointsApi(settings);
  const { clock } = settings;

  const check = async (
    model: ModelReference,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<TargetCheck> => {
    const compute = await api.compute(signal);
    const problems = [...repositoryProblems(model), ...computeProblems(compute)];
    return {
      canServe: problems.length === 0,
      problems,
      price: {
        inputUsdPerMillionTokens: null,
        outputUsdPerMillionTokens: null,
        usdPerHour: compute?.pricePerHour ?? null,
        source: `Inference Endpoints price list, read ${new Date(clock.now()).toISOString()}`,
      },
      contextLength: null,
      notes:
        compute?.status === "low_availability"
          ? ["This machine is scarce at the moment: the start may take long."]
          : [],
    };
  };

  const computeProblems = (compute: Compute | null): { message: string; fix: string }[] => {
    const { vendor, region, instanceType, instanceSize } = settings.compute;
    const machine = `${vendor}/${region} ${instanceType} ${instanceSize}`;
    if (compute === null) {
      return [
        {
          message: `${machine} is not offered to this account.`,
          fix: "choose a machine from the price list.",
        },
      ];
    }
    const problems: { message: string; fix: string }[] = [];
    if (compute.status === "not_available" || compute.status === "deprecated") {
      problems.push({
        message: `${machine} is ${compute.status.replace("_", " ")}.`,
        fix: "choose another machine or region.",
      });
    }
    const { quota } = compute;
    if (quota && quota.usedAccelerators + (compute.numAccelerators ?? 1) > quota.maxAccelerators) {
      problems.push({
        message: `The quota is used up: ${quota.usedAccelerators} of ${quota.maxAccelerators} accelerators.`,
        fix: "remove an endpoint (one scaled to zero still counts) or ask for more quota.",
      });
    }
    const price = compute.pricePerHour ?? null;
    if (settings.maximumUsdPerHour !== null && (price === null || price > settings.maximumUsdPerHour)) {
      problems.push({
        message:
          price === null
            ? `The price of ${machine} is unknown.`
            : `${machine} costs $${price} per hour; at most $${settings.maximumUsdPerHour} is allowed.`,
        fix: "choose a cheaper machine or raise maximumUsdPerHour.",
      });
    }
    return problems;
  };

  const waitUntilReady = async (name: string, signal: AbortSignal | undefined): Promise<Endpoint> => {
    const deadlineMs = clock.now() + settings.readyTimeoutMs;
    while (true) {
      const endpoint = await api.get(name, signal);
      const state = endpoint?.status.state ?? "absent";
      if (endpoint?.status.url && state === "running") return endpoint;
      if (state === "failed" || state === "updateFailed" || state === "absent") {
        throw new ModelOpsError({
          code: "target/endpoint-failed",
          message: `The endpoint ${name} did not start (${state}).`,
          reason: endpoint?.status.errorMessage ?? endpoint?.status.message ?? undefined,
          fix: "read the endpoint's log on its page; often the model does not fit the machine or the engine does not know it.",
        });
      }
      if (clock.now() >= deadlineMs) {
        throw new ModelOpsError({
          code: "target/endpoint-not-ready",
          message: `The endpoint ${name} was still ${state} after ${Math.round(settings.readyTimeoutMs / 60_000)} minutes.`,
          fix: "look at its log; raise readyTimeoutMs for large models.",
          isRetryable: true,
        });
      }
      await clock.sleep(settings.pollIntervalMs, { signal, keepAlive: true });
    }
  };

  const chatAt = (url: string, name: string): ChatModel =>
    openAICompatible({
      baseUrl: `${url.replace(/\/+$/, "")}/v1`,
      apiKey: settings.token ?? undefined,
      // The endpoint's name is the model name its server answers to.
      model: name,
      // Asks the proxy to hold the request while the endpoint wakes up.
      headers: { "x-scale-up-timeout": "600" },
      fetch: settings.fetch,
      clock,
      timeoutMs: settings.timeoutMs,
    });

  const toDeployment = (endpoint: Endpoint, model: ModelReference): TargetDeployment => ({
    targetId: "hf-endpoints",
    deploymentId: endpoint.name,
    modelId: model.modelId,
    agent: model.agent,
    version: model.version,
    configValue: endpoint.name,
    baseUrl: endpoint.status.url ? `${endpoint.status.url.replace(/\/+$/, "")}/v1` : null,
    details: { namespace: settings.namespace, repository: endpoint.model?.repository ?? null },
  });

  return {
    contract: "deploy-target/v1",
    id: "hf-endpoints",
    capabilities: { servesArtifacts: true, removable: true, scaleToZero: true },
    check,
    async deploy({ model }: DeployRequest, { signal } = {}) {
      const { repository, revision } = repositoryOf(model);
      const name = endpointName(model, revision);
      const existing = await api.get(name, signal);
      let isOurs = false;
      if (existing === null) {
        const result = await check(model, { signal });
        if (!result.canServe) throw cannotServe(model, result);
        isOurs = await createEndpoint(name, repository, revision, signal);
      } else if (existing.status.state === "paused" || existing.status.state === "scaledToZero") {
        await api.act(name, "resume", signal);
      }
      try {
        const endpoint = await waitUntilReady(name, signal);
        await chatAt(endpoint.status.url ?? "", name).generate(
          { messages: [{ role: "user", content: "Reply with OK." }], maxOutputTokens: 4 },
          { signal },
        );
        return toDeployment(endpoint, model);
      } catch (error) {
        // What this call created must not go on costing money; what was there before stays.
        if (isOurs) await api.remove(name);
        throw error;
      }
    },
    async status(deployment, { signal } = {}) {
      const endpoint = await api.get(deployment.deploymentId, signal);
      if (endpoint === null) return { state: "absent", message: null, costUsdPerHour: 0 };
      const state = STATES[endpoint.status.state] ?? "starting";
      const price = state === "paused" ? 0 : ((await api.compute(signal))?.pricePerHour ?? null);
      return {
        state,
        message: endpoint.status.errorMessage ?? endpoint.status.message ?? null,
        costUsdPerHour: price,
      };
    },
    remove: (deployment, { signal } = {}) => api.remove(deployment.deploymentId, signal),
    pause: (deployment, { signal } = {}) => api.act(deployment.deploymentId, "pause", signal),
    resume: (deployment, { signal } = {}) => api.act(deployment.deploymentId, "resume", signal),
    async chatModel(deployment, { signal } = {}) {
      const endpoint = await api.get(deployment.deploymentId, signal);
      if (!endpoint?.status.url) {
        throw new ModelOpsError({
          code: "target/endpoint-absent",
          message: `The endpoint ${deployment.deploymentId} has no address.`,
          reason: endpoint ? `It is ${endpoint.status.state}.` : "It does not exist.",
          fix: "deploy the version again.",
        });
      }
      return chatAt(endpoint.status.url, endpoint.name);
    },
  };

  /** True when this call created it. */
  async function createEndpoint(
    name: string,
    repository: string,
    revision: string | null,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const { vendor, region, accelerator, instanceType, instanceSize } = settings.compute;
    const body = {
      name,
      type: "authenticated",
      provider: { vendor, region },
      compute: {
        accelerator,
        instanceType,
        instanceSize,
        scaling: {
          minReplica: settings.minimumReplicas,
          maxReplica: settings.maximumReplicas,
          scaleToZeroTimeout: settings.scaleToZeroAfterMinutes,
        },
      },
      model: {
        repository,
        ...(revision === null ? {} : { revision }),
        framework: "pytorch",
        task: "text-generation",
        image: settings.image,
        env: settings.environment,
      },
      tags: [TAG],
    };
    try {
      await api.create(body, signal);
      return true;
    } catch (error) {
      // Another process was first, or the answer of an earlier try was lost: the endpoint is there.
      if (!isCode(error, "target/conflict")) throw error;
      return false;
    }
  }
}

function repositoryOf(model: ModelReference): {
  readonly repository: string;
  readonly revision: string | null;
} {
  const location = model.artifact?.location;
  if (location?.type === "hub") return { repository: location.repoId, revision: location.revision };
  return { repository: model.modelId, revision: null };
}

function repositoryProblems(model: ModelReference): { message: string; fix: string }[] {
  if (model.artifact?.location.type === "folder") {
    return [
      {
        message: "The model's files are only on this machine.",
        fix: "push them to a Hub repository (train with hub.push, or upload the folder), then deploy.",
      },
    ];
  }
  if (model.artifact?.kind === "adapter") {
    return [
      {
        message: "The repository holds an adapter, not a whole model.",
        fix: "merge it into its base and push the merged model, or serve base and adapter with target-gguf.",
      },
    ];
  }
  return [];
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
