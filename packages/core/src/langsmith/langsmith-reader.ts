import { z } from "zod";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { requestJson } from "../http/request-json.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import { isUuid } from "./langsmith-ids.ts";
import {
  compileLangSmithOptions,
  type LangSmithOptions,
  type LangSmithSettings,
} from "./langsmith-options.ts";

/** How the readers of datasets and traced runs reach LangSmith. */
export interface LangSmithReaderOptions extends Pick<LangSmithOptions, "apiKey" | "apiUrl" | "fetch"> {
  /** For one page of examples or runs. @default 60_000 */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

const RETRY = { maxAttempts: 4, baseWaitMs: 500, maxWaitMs: 30_000 };
const DEFAULT_TIMEOUT_MS = 60_000;

const namedSchema = z.looseObject({ id: z.string(), start_time: z.string().nullish() });

/**
 * Questions to LangSmith. The client library takes no abort signal for them, does not honour `Retry-After`, and announces
 * the end of its run listing, so requests are made here.
 */
export class LangSmithReader {
  readonly clock: Clock;
  readonly #options: LangSmithReaderOptions;
  #settings: LangSmithSettings | null = null;

  constructor(options: LangSmithReaderOptions = {}) {
    this.#options = options;
    this.clock = options.clock ?? systemClock;
  }

  get<Schema extends z.ZodType>(path: string, schema: Schema, signal?: AbortSignal) {
    return this.#send({ path, schema, signal });
  }

  post<Schema extends z.ZodType>(path: string, body: object, schema: Schema, signal?: AbortSignal) {
    return this.#send({ path, schema, body, signal });
  }

  /** As `post`; paths of version 2 start at the host, wherever `apiUrl` points. */
  postV2<Schema extends z.ZodType>(path: string, body: object, schema: Schema, signal?: AbortSignal) {
    const host = this.#open().apiUrl.replace(/\/api(\/v1)?$/, "");
    return this.#send({ path, schema, body, signal, base: `${host}/api/v2` });
  }

  /** The record of a dataset or project by its name or id. */
  async find(
    kind: "datasets" | "sessions",
    name: string,
    signal?: AbortSignal,
  ): Promise<z.output<typeof namedSchema>> {
    const [found] = isUuid(name)
      ? [await this.get(`/${kind}/${name}`, namedSchema, signal)]
      : await this.get(`/${kind}?${new URLSearchParams({ limit: "1", name })}`, z.array(namedSchema), signal);
    if (found) return found;
    const what = kind === "datasets" ? "dataset" : "project";
    throw new ModelOpsError({
      code: "langsmith/not-found",
      message: `LangSmith knows no ${what} ${JSON.stringify(name).slice(0, 120)}.`,
      fix: "check the spelling, and that the key belongs to the workspace that has it.",
    });
  }

  /** The settings are completed at the first question: a source that is never asked needs no key. */
  #open(): LangSmithSettings {
    const { apiKey, apiUrl, fetch, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    this.#settings ??= compileLangSmithOptions({
      timeoutMs,
      ...(apiKey !== undefined && { apiKey }),
      ...(apiUrl !== undefined && { apiUrl }),
      ...(fetch !== undefined && { fetch }),
    });
    return this.#settings;
  }

  async #send<Schema extends z.ZodType>(request: {
    readonly path: string;
    readonly schema: Schema;
    readonly body?: object;
    readonly base?: string;
    readonly signal: AbortSignal | undefined;
  }): Promise<z.output<Schema>> {
    const settings = this.#open();
    const key = settings.apiKey.reveal();
    return await requestJson({
      fetch: settings.fetch,
      url: `${request.base ?? settings.apiUrl}${request.path}`,
      method: request.body ? "POST" : "GET",
      headers: { "x-api-key": key, ...(request.body && { "content-type": "application/json" }) },
      ...(request.body && { body: JSON.stringify(request.body) }),
      schema: request.schema,
      timeoutMs: settings.timeoutMs,
      clock: this.clock,
      // Both only read, so they may be repeated.
      retry: RETRY,
      area: "langsmith",
      subject: "LangSmith",
      secrets: [key],
      ...(request.signal && { signal: request.signal }),
    });
  }
}
