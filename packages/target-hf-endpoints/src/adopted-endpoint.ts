import { ModelOpsError, type ModelReference, type TargetDeployment } from "@modelops/core";
import { wantedModel } from "./endpoint-body.ts";
import type { HfEndpointsApi } from "./hf-endpoints-api.ts";
import type { HfEndpointsSettings } from "./hf-endpoints-options.ts";
import type { Endpoint } from "./hf-endpoints-wire.ts";
import { waitUntilRunning, wakeEndpoint } from "./start-endpoint.ts";

/** The name of the endpoint that somebody else made for this model, null when the options name none. */
export function adoptedName(settings: HfEndpointsSettings, model: ModelReference): string | null {
  return settings.adopt[`${model.agent}@${model.version}`] ?? settings.adopt[model.modelId] ?? null;
}

/**
 * An endpoint that the options name instead of one of ours: checked for what it serves, awake, otherwise left as it is.
 * Errors: `target/endpoint-absent`, `target/endpoint-serves-another-model`.
 */
export async function adoptEndpoint(
  api: HfEndpointsApi,
  settings: HfEndpointsSettings,
  model: ModelReference,
  signal: AbortSignal | undefined,
): Promise<Endpoint | null> {
  const name = adoptedName(settings, model);
  if (name === null) return null;
  const endpoint = await api.get(name, signal);
  if (endpoint === null) {
    throw new ModelOpsError({
      code: "target/endpoint-absent",
      message: `There is no endpoint ${name} in ${settings.namespace} to adopt.`,
      fix: "correct the name in adopt, or take it out: deploy then makes an endpoint.",
    });
  }
  const problem = otherModel(endpoint, model);
  if (problem !== null) {
    throw new ModelOpsError({
      code: "target/endpoint-serves-another-model",
      message: `The endpoint ${name} does not serve ${model.version} of ${model.agent}.`,
      reason: problem,
      fix: "name the right endpoint in adopt, or take it out: deploy then makes an endpoint.",
    });
  }
  await wakeEndpoint(api, endpoint, signal);
  return waitUntilRunning(api, settings, name, signal);
}

/** Why it serves another model, null when it serves this one. */
export function otherModel({ model: served }: Endpoint, model: ModelReference): string | null {
  const { repository, revision } = wantedModel(model);
  if (served?.repository !== repository)
    return `It serves ${served?.repository ?? "an unknown repository"}, not ${repository}.`;
  if (revision !== null && served.revision !== revision)
    return `It serves revision ${served.revision ?? "unknown"}, not ${revision}.`;
  return null;
}

/** What it serves in place of what was deployed, null when it is that or the service does not say. */
export function servedInstead({ model: served }: Endpoint, deployment: TargetDeployment): string | null {
  const { repository, revision } = deployment.details;
  if (!served?.repository || typeof repository !== "string") return null;
  const isOther = served.repository !== repository;
  // A deployment that was noted without a revision serves whatever is the newest.
  const isOtherRevision = typeof revision === "string" && served.revision !== revision;
  if (!isOther && !isOtherRevision) return null;
  return isOther ? served.repository : `${repository} at revision ${served.revision ?? "unknown"}`;
}

export function isAdopted(deployment: TargetDeployment): boolean {
  return deployment.details.adopted === true;
}
