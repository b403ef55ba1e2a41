import { z } from "zod";
import { ModelOpsError } from "../../../errors/modelops-error.ts";
import { requestJson } from "../../../http/request-json.ts";
import { requestText } from "../../../http/request-text.ts";
import type { Clock } from "../../../time/clock.ts";

const statusSchema = z.looseObject({
  status: z.string(),
  progress_pct: z.number().nullish(),
  current_step: z.number().nullish(),
  total_steps: z.number().nullish(),
  current_loss: z.number().nullish(),
  hub_repo: z.string().nullish(),
  tensorboard_url: z.string().nullish(),
  error: z.string().nullish(),
});

/** What a Space says about a job. */
export type SpaceJobStatus = z.infer<typeof statusSchema>;

/** `lost`: the Space answers, and does not know the job. `asleep`: its page answers instead of it. */
export type SpaceAnswer<Body> =
  | { readonly kind: "ok"; readonly body: Body }
  | { readonly kind: "lost" }
  | { readonly kind: "asleep" };

/** The two published servers answer alike; only what `POST /train` takes differs. */
export class SpaceClient {
  readonly #options: {
    readonly url: string;
    readonly fetch: typeof globalThis.fetch;
    readonly clock: Clock;
    readonly timeoutMs: number;
    readonly token: string | null;
  };

  constructor(options: {
    readonly url: string;
    readonly fetch: typeof globalThis.fetch;
    readonly clock: Clock;
    readonly timeoutMs: number;
    readonly token: string | null;
  }) {
    this.#options = options;
  }

  async health(signal?: AbortSignal): Promise<SpaceAnswer<unknown>> {
    return await this.#get("/health", z.looseObject({ status: z.string() }), signal);
  }

  async status(jobId: string, signal?: AbortSignal): Promise<SpaceAnswer<SpaceJobStatus>> {
    return await this.#get(`/status/${encodeURIComponent(jobId)}`, statusSchema, signal);
  }

  /** Starts a job: the request is never repeated here. Not abortable: its reply names the job. */
  async train(body: unknown): Promise<{ readonly job_id: string }> {
    return await requestJson({
      ...this.#request("/train", undefined),
      method: "POST",
      body: JSON.stringify(body),
      schema: z.looseObject({ job_id: z.string().min(1) }),
      clock: this.#options.clock,
    });
  }

  async #get<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    signal: AbortSignal | undefined,
  ): Promise<SpaceAnswer<z.output<Schema>>> {
    const request = this.#request(path, signal);
    const { status, text, headers } = await requestText({ ...request, method: "GET" });
    const isJson = headers.get("content-type")?.includes("json") ?? false;
    if (status === 200 && isJson) {
      const parsed = schema.safeParse(readJson(text));
      if (parsed.success) return { kind: "ok", body: parsed.data };
    }
    // The proxy in front of a Space answers with pages, the server in it with JSON.
    if (status === 404 && isJson) return { kind: "lost" };
    if (status === 502 || status === 503 || status === 504) return { kind: "asleep" };
    if (status === 404 || status === 401 || status === 403) throw hidden(this.#options.url, status);
    throw new ModelOpsError({
      code: status >= 500 && status !== 501 ? "training/server-error" : "training/unexpected-reply",
      message: `${request.subject} answered ${path} with something else than a trainer does (HTTP ${status}).`,
      fix: "check that url is the address of a Space that runs one of the two trainers.",
      isRetryable: (status >= 500 && status !== 501) || status === 429,
      details: { status },
    });
  }

  #request(path: string, signal: AbortSignal | undefined) {
    const { url, fetch, timeoutMs, token } = this.#options;
    return {
      fetch,
      url: `${url}${path}`,
      headers: {
        accept: "application/json",
        "content-type": "application/json",
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      timeoutMs,
      ...(signal ? { signal } : {}),
      maxResponseBytes: 1024 * 1024,
      area: "training" as const,
      subject: `The Space at ${url}`,
      secrets: token === null ? [] : [token],
    };
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function hidden(url: string, status: number): ModelOpsError {
  return new ModelOpsError({
    code: "training/space-not-found",
    message: `There is no Space at ${url} for this token (HTTP ${status}).`,
    reason: "A private Space hides itself from everybody without access.",
    fix: "check url, and give a token that may read the Space.",
    details: { status },
  });
}
