const DEFAULT_LIMIT = 50_000;

/** Remembers which sessions already have an outcome, for the present rollout and up to a limit. */
export class SeenSessions {
  readonly #limit: number;
  #seen = new Set<string>();
  #rolloutId = "";

  constructor(limit = DEFAULT_LIMIT) {
    this.#limit = limit;
  }

  /** True the first time a session of a rollout is seen. */
  add(rolloutId: string, sessionKey: string): boolean {
    if (rolloutId !== this.#rolloutId) {
      this.#rolloutId = rolloutId;
      this.#seen = new Set();
    }
    if (this.#seen.has(sessionKey)) return false;
    this.#seen.add(sessionKey);
    if (this.#seen.size > this.#limit) {
      const [oldest] = this.#seen;
      if (oldest !== undefined) this.#seen.delete(oldest);
    }
    return true;
  }
}
