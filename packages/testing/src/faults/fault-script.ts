import type { LoggedRequest } from "../request-log/request-log.ts";
import { type RoutePattern, routePattern } from "../twin/route-pattern.ts";

/** What goes wrong. Times are by the twin's clock. */
export type Fault =
  /** Answers instead of the twin; nothing is changed. */
  | {
      readonly kind: "reply";
      readonly status: number;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Answers late. */
  | { readonly kind: "delay"; readonly durationMs: number }
  /** Accepts the request and never answers. */
  | { readonly kind: "hang" }
  /** Closes the connection before anything is done. */
  | { readonly kind: "reset" }
  /** Does what was asked, then closes the connection: the caller cannot know that it worked. */
  | { readonly kind: "lose-reply" }
  /** Sends the answer's first bytes, then closes the connection. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** The request arrives twice; the second answer is sent. */
  | { readonly kind: "duplicate" };

export interface FaultRule {
  /** Shown in the request log. */
  readonly name?: string;
  /** `"POST /api/jobs/*"`; see `routePattern`. */
  readonly route: string;
  /** Only the nth matching call (1 = the first), or these. */
  readonly nth?: number | readonly number[];
  /** At most so many times. @default no limit, 1 with `nth` as a number */
  readonly times?: number;
  readonly when?: (request: LoggedRequest) => boolean;
  readonly fault: Fault;
}

interface ActiveRule {
  readonly rule: FaultRule;
  readonly pattern: RoutePattern;
  calls: number;
  played: number;
}

/** Faults to play, per route and call. The first rule that applies wins. */
export class FaultScript {
  #rules: ActiveRule[] = [];

  /** Adds rules; returns the function that takes them away again. */
  add(...rules: readonly FaultRule[]): () => void {
    const active = rules.map((rule) => ({ rule, pattern: routePattern(rule.route), calls: 0, played: 0 }));
    this.#rules.push(...active);
    return () => {
      this.#rules = this.#rules.filter((other) => !active.includes(other));
    };
  }

  clear(): void {
    this.#rules = [];
  }

  /** True when every rule has been played at least once: a test that wanted a fault got it. */
  get allPlayed(): boolean {
    return this.#rules.every((active) => active.played > 0);
  }

  /** For twins: the fault of this request, if it has one. */
  next(request: LoggedRequest): { readonly name: string; readonly fault: Fault } | null {
    let chosen: ActiveRule | null = null;
    for (const active of this.#rules) {
      const { rule } = active;
      if (!active.pattern.matches(request.method, request.path) || rule.when?.(request) === false) continue;
      // Every matching rule counts the call, so that two rules for "the second call" mean the same call.
      active.calls += 1;
      const isTurn =
        rule.nth === undefined ||
        (typeof rule.nth === "number" ? rule.nth === active.calls : rule.nth.includes(active.calls));
      const isLeft = rule.times === undefined || active.played < rule.times;
      if (chosen === null && isTurn && isLeft) chosen = active;
    }
    if (chosen === null) return null;
    chosen.played += 1;
    return { name: chosen.rule.name ?? chosen.rule.fault.kind, fault: chosen.rule.fault };
  }
}
