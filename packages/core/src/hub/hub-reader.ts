import { createHash } from "node:crypto";
import { z } from "zod";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { headerTap, nextCursor } from "../http/link-cursor.ts";
import { requestJson } from "../http/request-json.ts";
import type { RetryPolicy } from "../http/retry.ts";
import { Secret } from "../model/secret.ts";
import type { Clock } from "../time/clock.ts";
import type { HubCache } from "./hub-cache.ts";
import { refusal } from "./hub-refusal.ts";
import { sameOriginRedirects } from "./same-origin-redirects.ts";

const READ_RETRIES: RetryPolicy = { maxAttempts: 4, baseWaitMs: 1000, maxWaitMs: 60_000 };

const cachedSchema = z.object({ value: z.unknown(), cursor: z.string().nullable() });

export interface HubRead<Schema extends z.ZodType> {
  /** With its query, from the root: `/api/models?search=x`. */
  readonly path: string;
  readonly schema: Schema;
  /** For messages: `model acme/base`. */
  readonly subject: string;
  /** Page of the repository, for people who have to ask for access. */
  readonly page?: string;
  readonly signal?: AbortSignal;
}

/** Reads JSON of the Hub: repeated when it may be, kept for a while, refusals explained. */
export class HubReader {
  readonly #token: Secret | null;
  readonly #fetch: typeof globalThis.fetch;
  readonly #clock: Clock;
  readonly #cache: HubCache;
  readonly #maxAgeMs: number;
  readonly #timeoutMs: number;
  readonly #identity: string;
  readonly hubUrl: string;

  constructor(options: {
    readonly hubUrl: string;
    readonly token: string | null;
    readonly fetch: typeof globalThis.fetch;
    readonly clock: Clock;
    readonly cache: HubCache;
    readonly maxAgeMs: number;
    readonly timeoutMs: number;
  }) {
    this.hubUrl = options.hubUrl;
    this.#token = options.token === null ? null : new Secret(options.token);
    this.#fetch = sameOriginRedirects(options.fetch);
    this.#clock = options.clock;
    this.#cache = options.cache;
    this.#maxAgeMs = options.maxAgeMs;
    this.#timeoutMs = options.timeoutMs;
    // What one token may see is not for another one that shares the cache.
    this.#identity = createHash("sha256")
      .update(`modelops-hub\n${this.hubUrl}\n${options.token ?? ""}`)
      .digest("hex")
      .slice(0, 24);
  }

  get hasToken(): boolean {
    return this.#token !== null;
  }

  async read<Schema extends z.ZodType>(
    request: HubRead<Schema>,
  ): Promise<{ readonly value: z.output<Schema>; readonly cursor: string | null }> {
    const key = `hub:${this.#identity}:${request.path}`;
    const cached = cachedSchema.safeParse(await this.#cache.get(key).catch(() => null));
    if (cached.success) {
      const known = request.schema.safeParse(cached.data.value);
      if (known.success) return { value: known.data, cursor: cached.data.cursor };
    }
    request.signal?.throwIfAborted();
    const { raw, cursor } = await this.#ask(request);
    // A cache that fails costs time and nothing else.
    await this.#cache.set(key, { value: raw, cursor }, this.#maxAgeMs).catch(() => {});
    return { value: request.schema.parse(raw), cursor };
  }

  async #ask(
    request: HubRead<z.ZodType>,
  ): Promise<{ readonly raw: unknown; readonly cursor: string | null }> {
    let headers = new Headers();
    const token = this.#token?.reveal() ?? null;
    try {
      const raw = await requestJson({
        fetch: headerTap(this.#fetch, (received) => {
          headers = received;
        }),
        url: `${this.hubUrl}${request.path}`,
        method: "GET",
        headers: {
          accept: "application/json",
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        },
        timeoutMs: this.#timeoutMs,
        ...(request.signal ? { signal: request.signal } : {}),
        area: "hub",
        subject: `The Hub at ${this.hubUrl}`,
        secrets: token === null ? [] : [token],
        // What the reader makes of it is decided by the caller; the answer is kept as it came.
        schema: z.unknown().refine((value) => request.schema.safeParse(value).success, {
          error: `is not what the Hub says about a ${request.subject}`,
        }),
        clock: this.#clock,
        retry: READ_RETRIES,
      });
      return { raw, cursor: nextCursor(headers.get("link")) };
    } catch (error) {
      if (!ModelOpsError.isInstance(error)) throw error;
      throw refusal(error, {
        subject: request.subject,
        page: request.page ?? null,
        hasToken: this.hasToken,
        code: headers.get("x-error-code"),
        said: headers.get("x-error-message"),
      });
    }
  }
}
