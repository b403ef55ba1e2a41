import { type Clock, Secret, systemClock } from "@modelops/core";
import { parseOrThrow } from "@modelops/core/target-utils";
import { z } from "zod";

export interface HfEndpointsOptions {
  /** User or organization that owns and pays for the endpoints. */
  readonly namespace: string;
  /** @default `HF_TOKEN` */
  readonly token?: string | Secret;
  /** Vendor, region and machine, as `/provider` lists them. */
  readonly compute: {
    readonly vendor: string;
    readonly region: string;
    readonly accelerator: "cpu" | "gpu" | "neuron";
    readonly instanceType: string;
    readonly instanceSize: string;
  };
  /** Keep at least this many replicas. 0 = scale to zero when idle. @default 0 */
  readonly minimumReplicas?: number;
  /** @default 1 */
  readonly maximumReplicas?: number;
  /** Idle minutes before scaling to zero. @default 15 */
  readonly scaleToZeroAfterMinutes?: number;
  /** Serving engine, as the API names it. @default `{ vLLM: {} }` */
  readonly image?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
  /**
   * Endpoints that somebody else made and looks after, by `agent@version` or model id: the version is then served from
   * there. They are checked for what they serve, but never changed, paused or removed.
   */
  readonly adopt?: Readonly<Record<string, string>>;
  /** Refuse machines that cost more than this per hour and replica. */
  readonly maximumUsdPerHour?: number;
  /** How long `deploy` waits until the endpoint answers. @default 1_800_000 */
  readonly readyTimeoutMs?: number;
  /** @default 5_000 */
  readonly pollIntervalMs?: number;
  /**
   * For one chat call. An endpoint that scaled to zero needs minutes to wake, and holds the call for as long as this.
   * @default 300_000
   */
  readonly chatTimeoutMs?: number;
  /** For one request to the management API. @default 60_000 */
  readonly timeoutMs?: number;
  /** @default Hugging Face's management API */
  readonly managementUrl?: string;
  readonly fetch?: typeof globalThis.fetch;
  readonly clock?: Clock;
}

const optionsSchema = z.strictObject({
  namespace: z.string().regex(/^[\w.-]{1,96}$/, "must be a user or organization name"),
  token: z.union([z.string().min(1), z.instanceof(Secret)]).optional(),
  compute: z.strictObject({
    vendor: z.string().min(1),
    region: z.string().min(1),
    accelerator: z.enum(["cpu", "gpu", "neuron"]),
    instanceType: z.string().min(1),
    instanceSize: z.string().min(1),
  }),
  minimumReplicas: z.number().int().nonnegative().optional(),
  maximumReplicas: z.number().int().positive().optional(),
  scaleToZeroAfterMinutes: z.number().int().positive().optional(),
  image: z.record(z.string(), z.unknown()).optional(),
  environment: z.record(z.string(), z.string()).optional(),
  adopt: z.record(z.string().min(1), z.string().min(1)).optional(),
  maximumUsdPerHour: z.number().positive().optional(),
  readyTimeoutMs: z.number().int().positive().optional(),
  pollIntervalMs: z.number().int().positive().optional(),
  chatTimeoutMs: z.number().int().positive().optional(),
  timeoutMs: z.number().int().positive().optional(),
  managementUrl: z.url({ protocol: /^https?$/ }).optional(),
  fetch: z.custom<typeof globalThis.fetch>((value) => typeof value === "function").optional(),
  clock: z.custom<Clock>((value) => typeof value === "object" && value !== null).optional(),
});

export interface HfEndpointsSettings {
  readonly namespace: string;
  readonly token: Secret | null;
  readonly compute: HfEndpointsOptions["compute"];
  readonly minimumReplicas: number;
  readonly maximumReplicas: number;
  readonly scaleToZeroAfterMinutes: number;
  readonly image: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly adopt: Readonly<Record<string, string>>;
  readonly maximumUsdPerHour: number | null;
  readonly readyTimeoutMs: number;
  readonly pollIntervalMs: number;
  readonly chatTimeoutMs: number;
  readonly timeoutMs: number;
  readonly managementUrl: string;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
}

const MANAGEMENT_URL = "https://api.endpoints.huggingface.cloud/v2";

/** Checks what the user wrote and fills the defaults. Rejects unknown keys with `config/hf-endpoints-options`. */
export function compileOptions(options: HfEndpointsOptions): HfEndpointsSettings {
  const given = parseOrThrow(optionsSchema, options, {
    code: "config/hf-endpoints-options",
    subject: "The options of hfEndpoints",
  });
  const token = given.token ?? process.env.HF_TOKEN;
  return {
    namespace: given.namespace,
    token: typeof token === "string" ? new Secret(token) : (token ?? null),
    compute: given.compute,
    minimumReplicas: given.minimumReplicas ?? 0,
    maximumReplicas: given.maximumReplicas ?? 1,
    scaleToZeroAfterMinutes: given.scaleToZeroAfterMinutes ?? 15,
    image: given.image ?? { vLLM: {} },
    environment: given.environment ?? {},
    adopt: given.adopt ?? {},
    maximumUsdPerHour: given.maximumUsdPerHour ?? null,
    readyTimeoutMs: given.readyTimeoutMs ?? 1_800_000,
    pollIntervalMs: given.pollIntervalMs ?? 5_000,
    chatTimeoutMs: given.chatTimeoutMs ?? 300_000,
    timeoutMs: given.timeoutMs ?? 60_000,
    managementUrl: (given.managementUrl ?? MANAGEMENT_URL).replace(/\/+$/, ""),
    fetch: given.fetch ?? globalThis.fetch,
    clock: given.clock ?? systemClock,
  };
}
