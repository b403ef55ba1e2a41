import type { Clock } from "@modelops/core";
import { VirtualClock } from "./clock/virtual-clock.ts";
import {
  type EndpointsTwin,
  type EndpointsTwinOptions,
  startEndpointsTwin,
} from "./endpoints/endpoints-twin.ts";
import { FaultScript } from "./faults/fault-script.ts";
import { type HubTwin, type HubTwinOptions, startHubTwin } from "./hub/start-hub-twin.ts";
import {
  type LangSmithTwin,
  type LangSmithTwinOptions,
  startLangSmithTwin,
} from "./langsmith/langsmith-twin.ts";
import { type ModelsTwin, type ModelsTwinOptions, startModelsTwin } from "./models/models-twin.ts";
import {
  type OpenRouterTwin,
  type OpenRouterTwinOptions,
  startOpenRouterTwin,
} from "./openrouter/openrouter-twin.ts";
import { RequestLog } from "./request-log/request-log.ts";
import { SecretGuard } from "./request-log/secret-guard.ts";
import { type SpaceTwin, type SpaceTwinOptions, startSpaceTwin } from "./space/space-twin.ts";
import type { Twin, TwinOptions } from "./twin/twin.ts";

/** What all twins share. */
type Own<Options extends TwinOptions> = Omit<Options, keyof TwinOptions>;

export interface StartTwinsOptions<OwnClock extends Clock = VirtualClock> extends TwinOptions {
  /** Time of all twins; `systemClock` for clients that are no part of this process. @default a new virtual clock */
  readonly clock?: OwnClock;
  readonly hub?: Own<HubTwinOptions>;
  readonly endpoints?: Own<EndpointsTwinOptions>;
  readonly space?: Own<SpaceTwinOptions>;
  readonly langsmith?: Own<LangSmithTwinOptions>;
  readonly openrouter?: Own<OpenRouterTwinOptions>;
  readonly models?: Own<ModelsTwinOptions>;
}

/** All services, with one clock, one script of faults, one request log and one guard. */
export interface Twins<OwnClock extends Clock = VirtualClock> {
  readonly hub: HubTwin;
  readonly endpoints: EndpointsTwin;
  readonly space: SpaceTwin;
  readonly langsmith: LangSmithTwin;
  readonly openrouter: OpenRouterTwin;
  readonly models: ModelsTwin;
  /** Base addresses as clients of each service take them. */
  readonly urls: {
    readonly hub: string;
    readonly endpoints: string;
    readonly space: string;
    readonly langsmith: string;
    readonly openrouter: string;
    readonly models: string;
  };
  /** Answers requests to every twin in this process, without sockets; others reject. */
  readonly fetch: typeof globalThis.fetch;
  readonly clock: OwnClock;
  readonly faults: FaultScript;
  readonly requests: RequestLog;
  readonly secrets: SecretGuard;
  /** Ends all twins. Rejects with `testing/secret-leaked` when a secret was seen where it does not belong. */
  close(): Promise<void>;
}

/** Starts a twin of every service, on a virtual clock unless another one is given. */
export async function startTwins(options?: StartTwinsOptions): Promise<Twins>;
export async function startTwins<OwnClock extends Clock>(
  options: StartTwinsOptions<OwnClock> & { readonly clock: OwnClock },
): Promise<Twins<OwnClock>>;
export async function startTwins(options: StartTwinsOptions<Clock> = {}): Promise<Twins<Clock>> {
  const clock = options.clock ?? new VirtualClock();
  const faults = options.faults ?? new FaultScript();
  const requests = options.requests ?? new RequestLog();
  const secrets = options.secrets ?? new SecretGuard();
  const { isLogged } = options;
  const shared: TwinOptions = {
    clock,
    faults,
    requests,
    secrets,
    ...(isLogged !== undefined && { isLogged }),
  };
  const [hub, endpoints, space, langsmith, openrouter, models] = await Promise.all([
    startHubTwin({ ...options.hub, ...shared }),
    startEndpointsTwin({ ...options.endpoints, ...shared }),
    startSpaceTwin({ ...options.space, ...shared }),
    startLangSmithTwin({ ...options.langsmith, ...shared }),
    startOpenRouterTwin({ ...options.openrouter, ...shared }),
    startModelsTwin({ ...options.models, ...shared }),
  ]);
  const all: readonly Twin[] = [hub, endpoints, space, langsmith, openrouter, models];
  const byOrigin = new Map(all.map((twin) => [new URL(twin.url).origin, twin]));
  return {
    hub,
    endpoints,
    space,
    langsmith,
    openrouter,
    models,
    urls: {
      hub: hub.url,
      endpoints: endpoints.managementUrl,
      space: space.url,
      langsmith: langsmith.apiUrl,
      openrouter: openrouter.baseUrl,
      models: models.baseUrl,
    },
    fetch: async (input, init) => {
      const url = new URL(input instanceof Request ? input.url : input);
      const twin = byOrigin.get(url.origin);
      if (!twin) throw new TypeError(`fetch failed: no twin answers at ${url.origin}`);
      return twin.fetch(input, init);
    },
    clock,
    faults,
    requests,
    secrets,
    async close() {
      // All end, even when one of them has a leak to tell of.
      const ends = await Promise.allSettled(all.map((twin) => twin.close()));
      const failed = ends.find((end) => end.status === "rejected");
      if (failed) throw failed.reason;
    },
  };
}
