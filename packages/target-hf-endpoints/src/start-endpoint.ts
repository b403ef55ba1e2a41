import { ModelOpsError } from "@modelops/core";
import { createBody, neededChanges, TAG, type WantedModel } from "./endpoint-body.ts";
import { type HfEndpointsApi, isCode } from "./hf-endpoints-api.ts";
import type { HfEndpointsSettings } from "./hf-endpoints-options.ts";
import type { Endpoint } from "./hf-endpoints-wire.ts";

/** The service has said no: nothing was made. After any other error it may have been. */
const REFUSALS = [
  "target/refused",
  "target/quota-exceeded",
  "target/payment-required",
  "target/forbidden",
  "target/unauthorized",
  "target/not-found",
  "target/rate-limited",
];

/** Makes the endpoint. True when this call did; false when somebody else was first. */
export async function createEndpoint(
  api: HfEndpointsApi,
  settings: HfEndpointsSettings,
  options: {
    readonly name: string;
    readonly model: WantedModel;
    readonly owner: string | null;
    readonly signal?: AbortSignal;
  },
): Promise<boolean> {
  const { name, signal } = options;
  try {
    await api.create(createBody(settings, options), signal);
    return true;
  } catch (error) {
    if (isCode(error, "target/conflict")) return false;
    if (REFUSALS.some((code) => isCode(error, code))) throw error;
    // The answer was lost on the way: whether it exists, and costs, is known by its name only.
    if (!(await api.get(name).catch(() => null))) throw error;
    if (!signal?.aborted) return true;
    await api.remove(name);
    throw error;
  }
}

/** Brings an endpoint that was there before to what the options say, and wakes it. */
export async function reviveEndpoint(
  api: HfEndpointsApi,
  settings: HfEndpointsSettings,
  options: { readonly endpoint: Endpoint; readonly owner: string | null; readonly signal?: AbortSignal },
): Promise<void> {
  const { endpoint, owner, signal } = options;
  const { name } = endpoint;
  const { vendor, region } = settings.compute;
  if (endpoint.provider && (endpoint.provider.vendor !== vendor || endpoint.provider.region !== region)) {
    throw new ModelOpsError({
      code: "target/endpoint-elsewhere",
      message: `The endpoint ${name} is at ${endpoint.provider.vendor}/${endpoint.provider.region}, not at ${vendor}/${region}.`,
      reason: "An endpoint cannot be moved.",
      fix: "set compute to where it is, or remove it and deploy again.",
    });
  }
  // One without the mark has a life of its own: it is used as it is.
  if (endpoint.tags?.includes(TAG)) {
    const changes = neededChanges(endpoint, settings, owner);
    if (changes) await api.update(name, changes, signal);
  }
  await wakeEndpoint(api, endpoint, signal);
}

export async function wakeEndpoint(
  api: HfEndpointsApi,
  endpoint: Endpoint,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { state } = endpoint.status;
  if (state === "paused" || state === "scaledToZero") await api.act(endpoint.name, "resume", signal);
}

/** Waits until it runs and has an address. Errors: `target/endpoint-failed`, `target/endpoint-not-ready`. */
export async function waitUntilRunning(
  api: HfEndpointsApi,
  settings: HfEndpointsSettings,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Endpoint> {
  const { clock } = settings;
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
}
