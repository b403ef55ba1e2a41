import { ModelOpsError } from "@modelops/core";
import { requestJson } from "@modelops/core/target-utils";
import { z } from "zod";
import type { HfEndpointsSettings } from "./hf-endpoints-options.ts";

const endpointSchema = z.object({
  name: z.string(),
  model: z.object({ repository: z.string().nullish(), revision: z.string().nullish() }).nullish(),
  status: z.object({
    state: z.string(),
    message: z.string().nullish(),
    errorMessage: z.string().nullish(),
    url: z.string().nullish(),
  }),
  tags: z.array(z.string()).nullish(),
});
export type Endpoint = z.infer<typeof endpointSchema>;

const computeSchema = z.object({
  accelerator: z.string(),
  instanceType: z.string(),
  instanceSize: z.string(),
  pricePerHour: z.number().nullish(),
  status: z.string().nullish(),
  numAccelerators: z.number().nullish(),
  quota: z.object({ maxAccelerators: z.number(), usedAccelerators: z.number() }).nullish(),
});
export type Compute = z.infer<typeof computeSchema>;

const providersSchema = z.object({
  vendors: z.array(
    z.object({
      name: z.string(),
      regions: z.array(z.object({ name: z.string(), computes: z.array(computeSchema) })),
    }),
  ),
});

export interface HfEndpointsApi {
  /** The configured machine as the service lists it now, null when it is not listed. */
  compute(signal?: AbortSignal): Promise<Compute | null>;
  get(name: string, signal?: AbortSignal): Promise<Endpoint | null>;
  /** Costs money from now on. Never repeated by itself: a name that is taken means that it exists. */
  create(body: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<Endpoint>;
  /** Sends only the given fields: others keep their values, nulls would wipe them. */
  update(name: string, changes: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<Endpoint>;
  act(name: string, action: "pause" | "resume" | "scale-to-zero", signal?: AbortSignal): Promise<void>;
  remove(name: string, signal?: AbortSignal): Promise<void>;
}

const READ_RETRY = { maxAttempts: 4, baseWaitMs: 500, maxWaitMs: 30_000 };

export function createHfEndpointsApi(settings: HfEndpointsSettings): HfEndpointsApi {
  const call = <Schema extends z.ZodType>(options: {
    readonly method: "GET" | "POST" | "PUT" | "DELETE";
    readonly path: string;
    readonly schema: Schema;
    readonly body?: unknown;
    readonly mayRepeat: boolean;
    readonly signal?: AbortSignal;
  }) => {
    const { token } = settings;
    if (token === null) {
      throw new ModelOpsError({
        code: "target/no-token",
        message: "Inference Endpoints cannot be managed without a token.",
        fix: "set HF_TOKEN or pass token (it needs write access to Inference Endpoints).",
      });
    }
    return requestJson({
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
  };
  const namespacePath = `/endpoint/${encodeURIComponent(settings.namespace)}`;
  const endpointPath = (name: string) => `${namespacePath}/${encodeURIComponent(name)}`;

  return {
    async compute(signal) {
      const path = `/provider/${encodeURIComponent(settings.namespace)}`;
      const reply = await call({ method: "GET", path, schema: providersSchema, mayRepeat: true, signal });
      const wanted = settings.compute;
      const region = reply.vendors
        .find((vendor) => vendor.name === wanted.vendor)
        ?.regions.find((entry) => entry.name === wanted.region);
      return (
        region?.computes.find(
          (compute) =>
            compute.accelerator === wanted.accelerator &&
            compute.instanceType === wanted.instanceType &&
            compute.instanceSize === wanted.instanceSize,
        ) ?? null
      );
    },
    async get(name, signal) {
      try {
        return await call({
          method: "GET",
          path: endpointPath(name),
          schema: endpointSchema,
          mayRepeat: true,
          signal,
        });
      } catch (error) {
        if (isCode(error, "target/not-found")) return null;
        throw error;
      }
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
        if (
          action === "resume" &&
          ModelOpsError.isInstance(error) &&
          /already running/i.test(error.reason ?? "")
        )
          return;
        throw error;
      }
    },
    async remove(name, signal) {
      try {
        await call({
          method: "DELETE",
          path: endpointPath(name),
          schema: z.unknown(),
          mayRepeat: true,
          signal,
        });
      } catch (error) {
        if (!isCode(error, "target/not-found")) throw error;
      }
    },
  };
}

export function isCode(error: unknown, code: string): error is ModelOpsError {
  return ModelOpsError.isInstance(error) && error.code === code;
}
