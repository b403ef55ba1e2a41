import { z } from "zod";
import { parseOrThrow } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { Secret } from "../model/secret.ts";

/** What every connection to LangSmith has in common. */
export interface LangSmithConnection {
  /** @default the environment variable LANGSMITH_API_KEY */
  readonly apiKey?: string | Secret;
  /** @default the environment variable LANGSMITH_ENDPOINT, else https://api.smith.langchain.com */
  readonly apiUrl?: string;
  /** How long to look whether the service answers before anything is sent. @default 5_000 */
  readonly timeoutMs?: number;
  readonly fetch?: typeof globalThis.fetch;
  /**
   * Stands with every experiment and trace. Who runs them is not sent unless it is named here, such as
   * `{ author: "Ada" }`. @default nothing
   */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface LangSmithOptions extends LangSmithConnection {
  /** Send prompts and answers, or only scores, times and counts. @default true */
  readonly sendTexts?: boolean;
}

export interface LangSmithSettings {
  readonly apiKey: Secret;
  readonly apiUrl: string;
  readonly timeoutMs: number;
  readonly fetch: typeof globalThis.fetch;
  readonly metadata: Readonly<Record<string, string>>;
}

export const connectionShape = {
  apiKey: z.union([z.string().min(1), z.instanceof(Secret)]).optional(),
  apiUrl: z.url().optional(),
  timeoutMs: z.number().int().positive().optional(),
  fetch: z.custom<typeof globalThis.fetch>((value) => typeof value === "function").optional(),
  metadata: z.record(z.string(), z.string()).optional(),
};

const schema = z.strictObject({ ...connectionShape, sendTexts: z.boolean().optional() });

export function compileLangSmithOptions(
  options: LangSmithOptions,
): LangSmithSettings & { readonly sendTexts: boolean } {
  const given = parseOrThrow(schema, options, {
    code: "langsmith/options",
    subject: "The LangSmith options",
  });
  return { ...compileConnection(given), sendTexts: given.sendTexts ?? true };
}

/** Fills from the environment what was left out. Throws `langsmith/no-api-key`. */
export function compileConnection(given: LangSmithConnection): LangSmithSettings {
  const apiKey = given.apiKey ?? fromEnvironment("API_KEY");
  if (!apiKey) {
    throw new ModelOpsError({
      code: "langsmith/no-api-key",
      message: "There is no LangSmith API key.",
      fix: "pass apiKey, or set LANGSMITH_API_KEY.",
    });
  }
  const apiUrl = given.apiUrl ?? fromEnvironment("ENDPOINT") ?? "https://api.smith.langchain.com";
  return {
    apiKey: typeof apiKey === "string" ? new Secret(apiKey) : apiKey,
    apiUrl: apiUrl.replace(/\/+$/, ""),
    timeoutMs: given.timeoutMs ?? 5000,
    fetch: given.fetch ?? globalThis.fetch,
    metadata: given.metadata ?? {},
  };
}

/** LangSmith's own client reads these names in this order, too. */
export function fromEnvironment(name: string): string | undefined {
  return process.env[`LANGSMITH_${name}`] || process.env[`LANGCHAIN_${name}`] || undefined;
}
