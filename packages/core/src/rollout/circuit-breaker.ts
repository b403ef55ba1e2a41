import { z } from "zod";

export const circuitBreakerOptionsSchema = z.strictObject({
  /** Failures in a row that open it. Default 5. */
  consecutiveFailures: z.number().int().positive().default(5),
  /** Share of failures within the window that opens it, from `minimumCalls` on. Default 0.5. */
  failureShare: z.number().gt(0).max(1).default(0.5),
  minimumCalls: z.number().int().positive().default(10),
  windowMs: z.number().int().positive().default(30_000),
  /** How long it stays open before one session may probe. Default 30 s. */
  openMs: z.number().int().positive().default(30_000),
});
export type CircuitBreakerOptions = z.input<typeof circuitBreakerOptionsSchema>;

const OPENINGS_KEPT = 10;

/**
 * Stops sending sessions to a canary that plainly fails, without waiting for statistics. It is a fast path only: what
 * it withholds is not fed to the monitor, since those sessions were not assigned by chance.
 */
export class CircuitBreaker {
  readonly #options: z.output<typeof circuitBreakerOptionsSchema>;
  readonly #openings: number[] = [];
  #state: "closed" | "open" | "probing" = "closed";
  #openUntil = 0;
  #consecutive = 0;
  #windowStart = 0;
  #calls = 0;
  #failures = 0;

  constructor(options: z.output<typeof circuitBreakerOptionsSchema>) {
    this.#options = options;
  }

  /** True while nothing is wrong: the only check on the fast path. */
  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Times of the last openings, in ms since the epoch, oldest first. */
  get openings(): readonly number[] {
    return this.#openings;
  }

  /** Whether a session may reach the canary now. After the pause exactly one may, until its outcome is known. */
  allows(now: number): boolean {
    if (this.#state === "closed") return true;
    if (now < this.#openUntil) return false;
    this.#state = "probing";
    // Should the probe never report, another may try after a further pause.
    this.#openUntil = now + this.#options.openMs;
    return true;
  }

  record(ok: boolean, now: number): void {
    if (this.#state !== "closed") {
      if (this.#state === "open") return;
      if (ok) this.#close();
      else this.#open(now);
      return;
    }
    if (now - this.#windowStart > this.#options.windowMs) {
      this.#windowStart = now;
      this.#calls = 0;
      this.#failures = 0;
    }
    this.#calls += 1;
    if (ok) {
      this.#consecutive = 0;
      return;
    }
    this.#failures += 1;
    this.#consecutive += 1;
    const { consecutiveFailures, minimumCalls, failureShare } = this.#options;
    const tooMany = this.#calls >= minimumCalls && this.#failures / this.#calls >= failureShare;
    if (this.#consecutive >= consecutiveFailures || tooMany) this.#open(now);
  }

  #open(now: number): void {
    this.#state = "open";
    this.#openUntil = now + this.#options.openMs;
    this.#openings.push(now);
    if (this.#openings.length > OPENINGS_KEPT) this.#openings.shift();
  }

  #close(): void {
    this.#state = "closed";
    this.#consecutive = 0;
    this.#calls = 0;
    this.#failures = 0;
  }
}
