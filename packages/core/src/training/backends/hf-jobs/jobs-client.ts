import { z } from "zod";
import { ModelOpsError } from "../../../errors/modelops-error.ts";
import { headerTap, nextCursor } from "../../../http/link-cursor.ts";
import { requestJson } from "../../../http/request-json.ts";
import type { RetryPolicy } from "../../../http/retry.ts";
import type { HubConnection } from "../../../hub/hub-connection.ts";
import type { Clock } from "../../../time/clock.ts";
import {
  hardwareSchema,
  jobSchema,
  scheduledJobSchema,
  type WireHardware,
  type WireJob,
  type WireScheduledJob,
} from "./job-wire.ts";

/** Requests that change nothing are repeated; starting a job costs money and is not. */
const READ_RETRIES: RetryPolicy = { maxAttempts: 6, baseWaitMs: 1000, maxWaitMs: 60_000 };
const NO_RETRIES: RetryPolicy = { maxAttempts: 1, baseWaitMs: 0, maxWaitMs: 0 };
const MAX_PAGES = 50;

/** Body of a new job. */
export interface JobRequest {
  readonly flavor: string;
  readonly dockerImage: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** Body of a new schedule. */
export interface ScheduleRequest {
  readonly jobSpec: JobRequest;
  readonly schedule: string;
  readonly suspend: boolean;
  /** Whether a turn starts while the one before it runs. */
  readonly concurrency: boolean;
}

/** The Jobs API in our own types: the Hub library's lag behind it, and take no filters and no signals. */
export class JobsClient {
  readonly #connection: HubConnection;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly namespace: string;

  constructor(options: {
    readonly connection: HubConnection;
    readonly clock: Clock;
    readonly timeoutMs: number;
    readonly namespace: string;
  }) {
    this.#connection = options.connection;
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs;
    this.namespace = options.namespace;
  }

  async hardware(signal?: AbortSignal): Promise<WireHardware> {
    return await this.#call("GET", "/api/jobs/hardware", hardwareSchema, {
      signal,
      // Somebody waits for a plan, and there is a dated list to fall back to.
      retry: { maxAttempts: 2, baseWaitMs: 500, maxWaitMs: 2000 },
    });
  }

  /** Rejects with `training/unauthorized`, `training/forbidden` or `training/not-found` when jobs may not be started. */
  async checkAccess(signal?: AbortSignal): Promise<void> {
    await this.#call("POST", `${this.#path()}/auth-check/write`, z.unknown(), {
      signal,
      retry: READ_RETRIES,
    });
  }

  async get(id: string, signal?: AbortSignal): Promise<WireJob> {
    return await this.#call("GET", this.#path(id), jobSchema, { signal, retry: READ_RETRIES });
  }

  /** Jobs with this label, oldest first. */
  async withLabel(key: string, value: string, signal?: AbortSignal): Promise<readonly WireJob[]> {
    const found = await this.#list(this.#path(), { key, value }, z.array(jobSchema), signal);
    // Servers have ignored this filter before: what it lets through is looked at again.
    return oldestFirst(found.filter((job) => job.labels?.[key] === value));
  }

  /** Schedules with this label, oldest first. */
  async schedulesWithLabel(
    key: string,
    value: string,
    signal?: AbortSignal,
  ): Promise<readonly WireScheduledJob[]> {
    const found = await this.#list(this.#schedulePath(), { key, value }, z.array(scheduledJobSchema), signal);
    return oldestFirst(found.filter(({ jobSpec }) => jobSpec.labels?.[key] === value));
  }

  /** Null when there is none (any more). */
  async findSchedule(id: string, signal?: AbortSignal): Promise<WireScheduledJob | null> {
    try {
      return await this.#call("GET", this.#schedulePath(id), scheduledJobSchema, {
        signal,
        retry: READ_RETRIES,
      });
    } catch (error) {
      if (ModelOpsError.isInstance(error) && error.details.status === 404) return null;
      throw error;
    }
  }

  /** Makes a schedule, once: the request is never repeated here. */
  async createSchedule(request: ScheduleRequest): Promise<WireScheduledJob> {
    return await this.#call("POST", this.#schedulePath(), scheduledJobSchema, {
      body: request,
      secrets: Object.values(request.jobSpec.secrets),
      retry: NO_RETRIES,
    });
  }

  async changeSchedule(
    id: string,
    change: "suspend" | "resume" | "delete",
    signal?: AbortSignal,
  ): Promise<void> {
    const path = this.#schedulePath(id);
    const [method, place] =
      change === "delete" ? (["DELETE", path] as const) : (["POST", `${path}/${change}`] as const);
    await this.#call(method, place, z.unknown(), { signal, retry: READ_RETRIES });
  }

  /** Starts a job, once: the request is never repeated here. */
  async create(request: JobRequest, signal?: AbortSignal): Promise<WireJob> {
    return await this.#call("POST", this.#path(), jobSchema, {
      body: request,
      secrets: Object.values(request.secrets),
      signal,
      retry: NO_RETRIES,
    });
  }

  async cancel(id: string, signal?: AbortSignal): Promise<void> {
    await this.#call("POST", `${this.#path(id)}/cancel`, z.unknown(), { signal, retry: READ_RETRIES });
  }

  /** Opens the log: the whole of it from the start (or its last lines), then what is to come. */
  async openLog(
    id: string,
    options: { readonly signal: AbortSignal; readonly tail?: number },
  ): Promise<Response> {
    const query = options.tail === undefined ? "" : `?tail=${options.tail}`;
    const response = await this.#connection.fetch(
      `${this.#connection.hubUrl}${this.#path(id)}/logs${query}`,
      {
        headers: { authorization: `Bearer ${this.#connection.token}`, accept: "text/event-stream" },
        signal: options.signal,
      },
    );
    if (response.ok) return response;
    await response.body?.cancel();
    throw new ModelOpsError({
      code: response.status === 404 ? "training/not-found" : "training/log-refused",
      message: `The log of job ${id} could not be opened (HTTP ${response.status}).`,
      fix: response.status === 404 ? "check that the job belongs to this namespace." : "try again later.",
      isRetryable: response.status === 408 || response.status === 429 || response.status >= 500,
      details: { status: response.status },
    });
  }

  url(id: string): string {
    return `${this.#connection.hubUrl}/jobs/${this.namespace}/${id}`;
  }

  #path(id?: string): string {
    const base = `/api/jobs/${encodeURIComponent(this.namespace)}`;
    return id === undefined ? base : `${base}/${encodeURIComponent(id)}`;
  }

  #schedulePath(id?: string): string {
    const base = `/api/scheduled-jobs/${encodeURIComponent(this.namespace)}`;
    return id === undefined ? base : `${base}/${encodeURIComponent(id)}`;
  }

  /** All pages of a list. */
  async #list<Item>(
    path: string,
    label: { readonly key: string; readonly value: string },
    schema: z.ZodType<Item[]>,
    signal?: AbortSignal,
  ): Promise<readonly Item[]> {
    const found: Item[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const query = new URLSearchParams({ label: `${label.key}=${label.value}`, limit: "100" });
      if (cursor !== null) query.set("cursor", cursor);
      const next: { cursor: string | null } = { cursor: null };
      const items: readonly Item[] = await this.#call("GET", `${path}?${query}`, schema, {
        signal,
        retry: READ_RETRIES,
        onHeaders: (headers) => {
          next.cursor = nextCursor(headers.get("link"));
        },
      });
      found.push(...items);
      cursor = next.cursor;
      if (cursor === null) break;
    }
    return found;
  }

  async #call<Schema extends z.ZodType>(
    method: "GET" | "POST" | "DELETE",
    path: string,
    schema: Schema,
    options: {
      readonly body?: JobRequest | ScheduleRequest;
      /** What the body holds and no message may show. */
      readonly secrets?: readonly string[];
      readonly signal?: AbortSignal;
      readonly retry: RetryPolicy;
      readonly onHeaders?: (headers: Headers) => void;
    },
  ): Promise<z.output<Schema>> {
    const { fetch, hubUrl, token } = this.#connection;
    const secrets = [token, ...(options.secrets ?? [])];
    return await requestJson({
      fetch: options.onHeaders ? headerTap(fetch, options.onHeaders) : fetch,
      url: `${hubUrl}${path}`,
      method,
      headers: {
        authorization: `Bearer ${token}`,
        accept: "application/json",
        ...(options.body ? { "content-type": "application/json" } : {}),
      },
      ...(options.body ? { body: JSON.stringify(options.body) } : {}),
      timeoutMs: this.#timeoutMs,
      ...(options.signal ? { signal: options.signal } : {}),
      area: "training",
      subject: `Hugging Face Jobs at ${hubUrl}`,
      secrets,
      schema,
      clock: this.#clock,
      retry: options.retry,
    });
  }
}

function oldestFirst<Item extends { readonly createdAt: string; readonly id: string }>(
  items: readonly Item[],
): readonly Item[] {
  const key = (item: Item) => `${item.createdAt} ${item.id}`;
  return items.toSorted((first, second) => (key(first) < key(second) ? -1 : 1));
}
