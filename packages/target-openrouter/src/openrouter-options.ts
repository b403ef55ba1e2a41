import { type Clock, Secret, systemClock } from "@modelops/core";
import { parseOrThrow } from "@modelops/core/target-utils";
import { z } from "zod";

export interface OpenRouterOptions {
  /** @default `OPENROUTER_API_KEY` */
  readonly apiKey?: string | Secret;
  /** @default `OPENROUTER_BASE_URL`, else OpenRouter's public API */
  readonly baseUrl?: string;
  /** Refuse to deploy when the key's remaining limit is below this. @default 0 (only an exhausted key is refused) */
  readonly minimumRemainingUsd?: number;
  /** How long a read catalogue is used. @default 300_000 */
  readonly catalogueMaxAgeMs?: number;
  /** For one request. @default 30_000 */
  readonly timeoutMs?: number;
  /** Sent as `provider` with each chat request, e.g. `{ only: ["deepinfra"] }` to pin one provider. */
  readonly provider?: Readonly<Record<string, unknown>>;
  readonly fetch?: typeof globalThis.fetch;
  readonly clock?: Clock;
}

const optionsSchema = z.strictObject({
  apiKey: z.union([z.string().min(1), z.instanceof(Secret)]).optional(),
  baseUrl: z.url({ protocol: /^https?$/ }).optional(),
  minimumRemainingUsd: z.number().nonnegative().optional(),
  catalogueMaxAgeMs: z.number().int().nonnegative().optional(),
  timeoutMs: z.number().int().positive().optional(),
  provider: z.record(z.string(), z.unknown()).optional(),
  fetch: z.custom<typeof globalThis.fetch>((value) => typeof value === "function").optional(),
  clock: z.custom<Clock>((value) => typeof value === "object" && value !== null).optional(),
});

export interface OpenRouterSettings {
  /** Null = no key: the public catalogue can be read, nothing can be called. */
  readonly apiKey: Secret | null;
  readonly baseUrl: string;
  readonly minimumRemainingUsd: number;
  readonly catalogueMaxAgeMs: number;
  readonly timeoutMs: number;
  readonly provider: Readonly<Record<string, unknown>> | null;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
}

const PUBLIC_BASE_URL = "https://openrouter.ai/api/v1";

/** Checks what the user wrote and fills the defaults. Rejects unknown keys with `config/openrouter-options`. */
export function compileOptions(options: OpenRouterOptions): OpenRouterSettings {
  const given = parseOrThrow(optionsSchema, options, {
    code: "config/openrouter-options",
    subject: "The options of openRouter",
  });
  const key = given.apiKey ?? process.env.OPENROUTER_API_KEY;
  return {
    apiKey: typeof key === "string" ? new Secret(key) : (key ?? null),
    baseUrl: (given.baseUrl ?? process.env.OPENROUTER_BASE_URL ?? PUBLIC_BASE_URL).replace(/\/+$/, ""),
    minimumRemainingUsd: given.minimumRemainingUsd ?? 0,
    catalogueMaxAgeMs: given.catalogueMaxAgeMs ?? 300_000,
    timeoutMs: given.timeoutMs ?? 30_000,
    provider: given.provider ?? null,
    fetch: given.fetch ?? globalThis.fetch,
    clock: given.clock ?? systemClock,
  };
}
