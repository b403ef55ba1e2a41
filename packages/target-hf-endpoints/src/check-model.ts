import type { ModelReference, TargetCheck } from "@modelops/core";
import { adoptedName, otherModel } from "./adopted-endpoint.ts";
import { wantedModel } from "./endpoint-body.ts";
import { endpointName } from "./endpoint-name.ts";
import type { HfEndpointsApi } from "./hf-endpoints-api.ts";
import type { HfEndpointsSettings } from "./hf-endpoints-options.ts";
import type { Compute } from "./hf-endpoints-wire.ts";
import { computeOf, findCompute } from "./price-list.ts";

type Problem = TargetCheck["problems"][number];

/** Price, quota and what else would stand in the way, before anything is created. */
export async function checkModel(
  api: HfEndpointsApi,
  settings: HfEndpointsSettings,
  model: ModelReference,
  signal?: AbortSignal,
): Promise<TargetCheck> {
  const computes = await api.computes(signal);
  const adopted = adoptedName(settings, model);
  if (adopted !== null) return checkAdopted(api, { settings, model, computes, name: adopted, signal });
  const compute = findCompute(computes, settings.compute);
  const problems = [...repositoryProblems(model), ...machineProblems(compute, settings)];
  const quota = compute && quotaProblem(compute, settings);
  // An endpoint that runs already is counted in the quota: adopting it needs no more.
  if (quota && !(await holdsQuota(api, model, signal))) problems.push(quota);
  return {
    canServe: problems.length === 0,
    problems,
    price: hourPrice(compute, settings),
    contextLength: null,
    notes: notesOf(compute, settings),
  };
}

async function checkAdopted(
  api: HfEndpointsApi,
  options: {
    readonly settings: HfEndpointsSettings;
    readonly model: ModelReference;
    readonly computes: readonly Compute[];
    readonly name: string;
    readonly signal?: AbortSignal;
  },
): Promise<TargetCheck> {
  const { settings, model, computes, name, signal } = options;
  const endpoint = await api.get(name, signal);
  const message = endpoint
    ? otherModel(endpoint, model)
    : `There is no endpoint ${name} in ${settings.namespace} to adopt.`;
  const fix = "name the right endpoint in adopt, or take it out: deploy then makes an endpoint.";
  return {
    canServe: message === null,
    problems: message === null ? [] : [{ message, fix }],
    price: hourPrice(endpoint && computeOf(endpoint, computes), settings),
    contextLength: null,
    notes: [`Served from the endpoint ${name}, which is not ours to change, pause or remove.`],
  };
}

function hourPrice(compute: Compute | null, settings: HfEndpointsSettings): TargetCheck["price"] {
  return {
    inputUsdPerMillionTokens: null,
    outputUsdPerMillionTokens: null,
    usdPerHour: compute?.pricePerHour ?? null,
    source: `Inference Endpoints price list, read ${new Date(settings.clock.now()).toISOString()}`,
  };
}

function notesOf(compute: Compute | null, settings: HfEndpointsSettings): readonly string[] {
  const { minimumReplicas, maximumReplicas, scaleToZeroAfterMinutes } = settings;
  const notes = [
    minimumReplicas === 0
      ? `Costs nothing while idle: it scales to zero after ${scaleToZeroAfterMinutes} minutes.`
      : `${minimumReplicas} of at most ${maximumReplicas} replicas always run; the price is per replica.`,
  ];
  if (compute?.status === "low_availability")
    notes.push("This machine is scarce at the moment: the start may take long.");
  return notes;
}

function machineProblems(compute: Compute | null, settings: HfEndpointsSettings): Problem[] {
  const { vendor, region, instanceType, instanceSize } = settings.compute;
  const machine = `${vendor}/${region} ${instanceType} ${instanceSize}`;
  if (compute === null) {
    const message = `${machine} is not offered to this account.`;
    return [{ message, fix: "choose a machine from the price list." }];
  }
  const problems: Problem[] = [];
  if (compute.status === "not_available" || compute.status === "deprecated") {
    problems.push({
      message: `${machine} is ${compute.status.replace("_", " ")}.`,
      fix: "choose another machine or region.",
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
}

function quotaProblem({ quota, numAccelerators }: Compute, settings: HfEndpointsSettings): Problem | null {
  if (!quota) return null;
  const wanted = (numAccelerators ?? 1) * settings.maximumReplicas;
  if (quota.usedAccelerators + wanted <= quota.maxAccelerators) return null;
  return {
    message: `The quota is used up: ${quota.usedAccelerators} of ${quota.maxAccelerators} accelerators, ${wanted} more needed.`,
    fix: "pause or remove an endpoint (one scaled to zero still counts) or ask for more quota.",
  };
}

async function holdsQuota(
  api: HfEndpointsApi,
  model: ModelReference,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const endpoint = await api.get(endpointName(model, wantedModel(model).revision), signal);
  return endpoint !== null && endpoint.status.state !== "paused";
}

function repositoryProblems(model: ModelReference): Problem[] {
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
