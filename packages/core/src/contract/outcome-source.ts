/** How one routed session went, as a place beside the routers knows it. */
export interface SourcedOutcome {
  /** Names the session: of several outcomes with the same name only the first counts. */
  readonly sessionId: string;
  /** The arm the session was assigned to, whoever answered. */
  readonly arm: "baseline" | "canary";
  /** Per cent of sessions on the canary when this one was assigned. */
  readonly sharePct: number;
  readonly ok: boolean;
  /** Null = not known: it is then no outcome of that metric. */
  readonly latencyMs: number | null;
  /** In [0,1], higher is better; null = not rated. */
  readonly score: number | null;
}

export interface SourcedOutcomes {
  /** In the order the sessions began. */
  readonly outcomes: readonly SourcedOutcome[];
  /** Everything that began before this moment (ISO 8601) has been told; ask from here next time. */
  readonly until: string;
}

/**
 * A second place that knows outcomes of routed sessions, such as a tracing service. Sessions are matched by the tags of
 * their route decision.
 */
export interface OutcomeSource {
  readonly contract: "outcome-source/v1";
  /** Stands in stored state: another id starts anew. */
  readonly id: string;
  /**
   * Outcomes of a rollout's sessions that began from `since` on and are settled. Sessions that were not assigned by chance
   * (`randomized:false`) are left out.
   */
  read(
    request: { readonly agent: string; readonly rolloutId: string; readonly since: string },
    options?: { readonly signal?: AbortSignal },
  ): Promise<SourcedOutcomes>;
}
