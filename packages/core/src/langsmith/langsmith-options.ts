import { z } from "zod";
import { parseOrThrow } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { Secret } from "../model/secret.ts";

export interface LangSmithOptions {
  /** @default the environment variable LANGSMITH_API_KEY */
  readonly apiKey?: string | Secret;
  /** @default the environment variable LANGSMITH_ENDPOINT, else https://api.smith.langchain.com */
  readonly apiUrl?: string;
  /** Send prompts and answers, or only scores, times and counts. @default true */
  readonly sendTexts?: boolean;
  /** How long to look whether the service answers before anything is sent. @default 5_000 */
  readonly timeoutMs?: number;
  readonly fetch?: typeof globalThis.fetch;
}

export interface LangSmithSettings {
  readonly apiKey: Secret;
  readonly apiUrl: string;
  readonly sendTexts: boolean;
  readonly timeoutMs: number;
  readonly fetch: typeof globalThis.fetch;
}

const schema = z.strictObject({
  apiKey: z.union([z.string().min(1), z.instanceof(Secret)]).optional(),
  apiUrl: z.url().optional(),
  sendTexts: z.boolean().optional(),
  timeoutMs: z.number().int().positive().optional(),
  fetch: z.custom<typeof globalThis.fetch>((value) => typeof value === "function").optional(),
});

export function compileLangSmithOptions(options: LangSmithOptions): LangSmithSettings {
  const given = parseOrThrow(schema, options, {
    code: "langsmith/options",
    subject: "The LangSmith options",
  });
  const apiKey = given.apiKey ?? process.env.LANGSMITH_API_KEY;
  if (!apiKey) {
    throw new ModelOpsError({
      code: "langsmith/no-api-key",
      message: "There is no LangSmith API key.",
      fix: "pass apiKey, or set LANGSMITH_API_KEY.",
    });
  }
  return {
    apiKey: typeof apiKey === "string" ? new Secret(apiKey) : apiKey,
    apiUrl: (given.apiUrl ?? process.env.LANGSMITH_ENDPOINT ?? "https://api.smith.langchain.com").replace(
      /\/+$/,
      "",
    ),
    sendTexts: given.sendTexts ?? true,
    timeoutMs: given.timeoutMs ?? 5000,
    fetch: given.fetch ?? globalThis.fetch,
  };
}
