import { ModelOpsError } from "@modelops/core";
import { routePattern } from "../twin/route-pattern.ts";

/** One request as a twin received it, and what it answered. */
export interface LoggedRequest {
  /** Counts from 1 over all twins that share the log. */
  readonly number: number;
  readonly twin: string;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  /** Text of the body; null for binary bodies and bodies over 256 KiB. */
  readonly bodyText: string | null;
  readonly bodyBytes: number;
  /** By the twin's clock, milliseconds since the epoch. */
  readonly atMs: number;
  /** Null until it is answered; 0 when the connection was cut instead. */
  readonly status: number | null;
  /** The fault that was played, if one was. */
  readonly fault: string | null;
}

export type MutableLoggedRequest = { -readonly [Key in keyof LoggedRequest]: LoggedRequest[Key] };

/** Requests to one route. */
export interface RequestsTo {
  readonly all: readonly LoggedRequest[];
  readonly count: number;
  readonly last: LoggedRequest | null;
  /** Bodies parsed as JSON; rejects with `testing/not-json` when one is not. */
  json(): readonly unknown[];
}

/** What the twins were asked, with the questions a test has about it. */
export class RequestLog {
  readonly #limit: number;
  #requests: MutableLoggedRequest[] = [];
  #total = 0;

  constructor(options: { readonly limit?: number } = {}) {
    this.#limit = options.limit ?? 20_000;
  }

  /** Requests in the order they arrived; the oldest are dropped beyond the limit. */
  get all(): readonly LoggedRequest[] {
    return this.#requests;
  }

  /** All requests ever received, dropped ones included. */
  get total(): number {
    return this.#total;
  }

  /** `log.to("POST /api/jobs/*").count` */
  to(route: string): RequestsTo {
    const pattern = routePattern(route);
    const all = this.#requests.filter((request) => pattern.matches(request.method, request.path));
    return { all, count: all.length, last: all.at(-1) ?? null, json: () => all.map(parseBody) };
  }

  clear(): void {
    this.#requests = [];
  }

  /** For twins: notes a request and returns the entry whose status is filled in later. */
  add(request: Omit<LoggedRequest, "number">): MutableLoggedRequest {
    this.#total += 1;
    const entry: MutableLoggedRequest = { number: this.#total, ...request };
    this.#requests.push(entry);
    // Dropping in large steps keeps adding cheap.
    if (this.#requests.length > this.#limit * 2) this.#requests = this.#requests.slice(-this.#limit);
    return entry;
  }
}

function parseBody(request: LoggedRequest): unknown {
  try {
    return JSON.parse(request.bodyText ?? "");
  } catch (cause) {
    throw new ModelOpsError({
      code: "testing/not-json",
      message: `Request ${request.number} (${request.method} ${request.path}) has no JSON body.`,
      fix: "look at its bodyText instead.",
      cause,
    });
  }
}
