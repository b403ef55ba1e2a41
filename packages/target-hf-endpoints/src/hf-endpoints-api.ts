import { ModelOpsError } from "@modelops/core";
import { requestJson } from "@modelops/core/target-utils";
import { z } from "zod";
import type { HfEndpointsSettings } from "./hf-endpoints-options.ts";
import {
  type Compute,
  type Endpoint,
  endpointListSchema,
  endpointSchema,
  providersSchema,
} from "./hf-endpoints-wire.ts";

export type EndpointAction = "pause" | "resume" | "scale-to-zero";

export interface HfEndpointsApi {
  /** All machines of the account's price list, with live prices and quotas. */
  computes(signal?: AbortSignal): Promise<readonly Compute[]>;
  /** Null when there is none of that name. */
  get(name: string, signal?: AbortSignal): Promise<Endpoint | null>;
  list(signal?: AbortSignal): Promise<readonly Endpoint[]>;
  /** Costs money from now on. Never repeated by itself: a name that is taken means that it exists. */
  create(body: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<Endpoint>;
  /** Sends only the given fields: others keep their values, nulls would wipe them. */
  update(name: string, changes: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<Endpoint>;
  act(name: string, action: EndpointAction, signal?: AbortSignal): Promise<void>;
  /** Calm about a name that is gone. */
  remove(name: string, signal?: AbortSignal): Promise<void>;
}

interface Call<Schema extends z.ZodType> {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly schema: Schema;
  readonly body?: unknown;
  readonly mayRepeat: boolean;
  readonly signal?: AbortSignal;
}

const READ_RETRY = { maxAttempts: 4, baseWaitMs: 500, maxWaitMs: 30_000 };

export function createHfEndpointsApi(settings: HfEndpointsSettings): HfEndpointsApi {
  const call = async <Schema extends z.ZodType>(options: Call<Schema>): Promise<z.output<Schema>> => {
    const { token } = settings;
    if (token === null) throw noToken();
    try {
      return await requestJson({
        fetch: settings.fetch,
        clock: settings.clock,
        url: `${settings.managementUrl}${options.path}`,
        method: options.method,
        headers: {
          authorization: `Bearer ${token.reveal()}`,
          ...(options.body === undefined ? {} : { "content-type": "application/json" }),
        },
        body: options.body === undefined ? undefined : JSON.stringify(options.body),
        timeoutMs: settings.timeoutMs,
        area: "target",
        subject: "The Inference Endpoints API",
        secrets: [token.reveal()],
        schema: options.schema,
        signal: options.signal,
        retry: options.mayRepeat ? READ_RETRY : undefined,
      });
    } catch (error) {
      throw isQuotaRefusal(error) ? quotaExceeded(error) : error;
    }
  };
  const namespacePath = `/endpoint/${encodeURIComponent(settings.namespace)}`;
  const endpointPath = (name: string) => `${namespacePath}/${encodeURIComponent(name)}`;

  return {
    async computes(signal) {
      const path = `/provider/${encodeURIComponent(settings.namespace)}`;
      const reply = await call({ method: "GET", path, schema: providersSchema, mayRepeat: true, signal });
      return reply.vendors.flatMap((vendor) =>
        vendor.regions.flatMap((region) =>
          region.computes.map((compute) => ({ ...compute, vendor: vendor.name, region: region.name })),
        ),
      );
    },
    async get(name, signal) {
      try {
        const path = endpointPath(name);
        return await call({ method: "GET", path, schema: endpointSchema, mayRepeat: true, signal });
      } catch (error) {
        if (isCode(error, "target/not-found")) return null;
        throw error;
      }
    },
    async list(signal) {
      const path = namespacePath;
      return (await call({ method: "GET", path, schema: endpointListSchema, mayRepeat: true, signal })).items;
    },
    create: (body, signal) =>
      call({ method: "POST", path: namespacePath, schema: endpointSchema, body, mayRepeat: false, signal }),
    update: (name, changes, signal) =>
      call({
        method: "PUT",
        path: endpointPath(name),
        schema: endpointSchema,
        body: changes,
        mayRepeat: true,
        signal,
      }),
    async act(name, action, signal) {
      try {
        const path = `${endpointPath(name)}/${action}`;
        await call({ method: "POST", path, schema: z.unknown(), mayRepeat: true, signal });
      } catch (error) {
        // Resuming what runs is refused with these words; the wish is fulfilled.
        const isRunning = ModelOpsError.isInstance(error) && /already running/i.test(error.reason ?? "");
        if (action !== "resume" || !isRunning) throw error;
      }
    },
    async remove(name, signal) {
      try {
        const path = endpointPath(name);
        await call({ method: "DELETE", path, schema: z.unknown(), mayRepeat: true, signal });
      } catch (error) {
        if (!isCode(error, "target/not-found")) throw error;
      }
    },
  };
}

export function isCode(error: unknown, code: string): error is ModelOpsError {
  return ModelOpsError.isInstance(error) && error.code === code;
}

function noToken(): ModelOpsError {
  return new ModelOpsError({
    code: "target/no-token",
    message: "Inference Endpoints cannot be managed without a token.",
    fix: "set HF_TOKEN or pass token (it needs write access to Inference Endpoints).",
  });
}

/** The service has no status of its own for it, only words. */
function isQuotaRefusal(error: unknown): error is ModelOpsError {
  const isRefusal = isCode(error, "target/refused") || isCode(error, "target/forbidden");
  return isRefusal && /quota/i.test(error.reason ?? "");
}

function quotaExceeded(cause: ModelOpsError): ModelOpsError {
  return new ModelOpsError({
    code: "target/quota-exceeded",
    message: "The account's quota of machines is used up.",
    reason: cause.reason ?? undefined,
    fix: "pause or remove an endpoint (one scaled to zero still counts), or ask for more quota.",
    details: cause.details,
    cause,
  });
}
