import { Secret } from "@modelops/core";
import { parseOrThrow } from "@modelops/core/target-utils";
import { z } from "zod";

export interface VllmLorasOptions {
  /** Up to and without `/chat/completions`, such as `http://gpu-1:8000/v1`. */
  readonly baseUrl: string;
  /** @default `VLLM_API_KEY`, else none is sent */
  readonly apiKey?: string;
  /** For one request; loading an adapter is one. @default 60_000 */
  readonly timeoutMs?: number;
  readonly fetch?: typeof globalThis.fetch;
}

const optionsSchema = z.strictObject({
  baseUrl: z.url({ protocol: /^https?$/ }),
  apiKey: z.string().min(1).optional(),
  timeoutMs: z.int().positive().default(60_000),
  fetch: z.custom<typeof globalThis.fetch>((value) => typeof value === "function").optional(),
});

export interface VllmLorasSettings {
  readonly baseUrl: string;
  readonly apiKey: Secret | null;
  readonly timeoutMs: number;
  readonly fetch: typeof globalThis.fetch;
}

/** Checks what the user wrote and fills the defaults. A misspelt key is refused, not ignored. */
export function compileOptions(options: VllmLorasOptions): VllmLorasSettings {
  const given = parseOrThrow(optionsSchema, options, {
    code: "config/vllm-loras-options",
    subject: "The options of vllmLoras",
  });
  const apiKey = given.apiKey ?? process.env.VLLM_API_KEY;
  return {
    baseUrl: given.baseUrl.replace(/\/+$/, ""),
    apiKey: apiKey === undefined ? null : new Secret(apiKey),
    timeoutMs: given.timeoutMs,
    fetch: given.fetch ?? globalThis.fetch,
  };
}
