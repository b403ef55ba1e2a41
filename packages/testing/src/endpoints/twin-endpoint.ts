import { type EndpointConfig, shownConfig } from "./endpoint-config.ts";
import type { EndpointLife, EndpointState } from "./endpoint-life.ts";

/** An endpoint as the twin keeps it. */
export interface TwinEndpoint {
  readonly namespace: string;
  readonly name: string;
  readonly life: EndpointLife;
  readonly createdAtMs: number;
  config: EndpointConfig;
  updatedAtMs: number;
}

const MESSAGES: Readonly<Record<EndpointState, string>> = {
  pending: "Endpoint waiting to be scheduled",
  initializing: "Endpoint is initializing",
  running: "Endpoint is ready",
  updating: "Endpoint is updating",
  updateFailed: "Endpoint failed to update",
  failed: "Endpoint failed to deploy",
  paused: "Endpoint is paused",
  scaledToZero: "Endpoint is scaled to zero",
};

const WITH_ADDRESS: readonly EndpointState[] = ["running", "updating", "updateFailed", "scaledToZero"];

/** An endpoint as the management API shows it. */
export function endpointBody(
  endpoint: TwinEndpoint,
  options: { readonly nowMs: number; readonly url: string; readonly failureMessage: string },
): object {
  const state = endpoint.life.state(options.nowMs);
  const isUp = endpoint.life.isServing(options.nowMs);
  const by = { id: "5e9ecfc04957053f60648a3e", name: endpoint.namespace };
  const isFailed = state === "failed" || state === "updateFailed";
  return {
    ...shownConfig(endpoint.config),
    healthRoute: "/health",
    status: {
      state,
      message: MESSAGES[state],
      ...(isFailed && { errorMessage: options.failureMessage }),
      ...(WITH_ADDRESS.includes(state) && { url: options.url }),
      readyReplica: isUp ? 1 : 0,
      targetReplica: state === "paused" || state === "scaledToZero" ? 0 : 1,
      createdAt: new Date(endpoint.createdAtMs).toISOString(),
      createdBy: by,
      updatedAt: new Date(endpoint.updatedAtMs).toISOString(),
      updatedBy: by,
      private: null,
    },
  };
}
