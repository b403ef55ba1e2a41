import { type Clock, ModelOpsError } from "@modelops/core";

export interface VirtualClockOptions {
  /** Where time starts, milliseconds since the epoch. @default 2026-01-01T00:00:00Z */
  readonly startAtMs?: number;
  /**
   * Jump to the next wake-up by itself as soon as nothing else happens: no request of a twin is being answered and
   * the event loop has been quiet for `quietMs`. @default true
   */
  readonly autoAdvance?: boolean;
  /** Real milliseconds of quiet before a jump. @default 1 */
  readonly quietMs?: number;
}

interface Sleeper {
  readonly wakeAtMs: number;
  readonly order: number;
  readonly wake: () => void;
}

/**
 * Time that passes only when it is told to, or (`autoAdvance`) as soon as everybody waits for it: a three-hour
 * training rehearses in well under a second. Sleepers wake in the order of their times, one at a time, so that a
 * rehearsal gives the same sequence every time.
 */
export class VirtualClock implements Clock {
  readonly #quietMs: number;
  #autoAdvance: boolean;
  #nowMs: number;
  #sleepers: Sleeper[] = [];
  #nextOrder = 0;
  #busy = 0;
  #activity = 0;
  #jump: NodeJS.Timeout | null = null;

  constructor(options: VirtualClockOptions = {}) {
    this.#nowMs = options.startAtMs ?? Date.UTC(2026, 0, 1);
    this.#autoAdvance = options.autoAdvance ?? true;
    this.#quietMs = options.quietMs ?? 1;
  }

  now(): number {
    return this.#nowMs;
  }

  sleep(durationMs: number, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (!(durationMs >= 0)) {
      return Promise.reject(
        new ModelOpsError({
          code: "testing/invalid-duration",
          message: `A sleep of ${durationMs} ms is not possible.`,
          fix: "sleep for zero or more milliseconds.",
        }),
      );
    }
    return new Promise((resolve, reject) => {
      const sleeper: Sleeper = {
        wakeAtMs: this.#nowMs + durationMs,
        order: this.#nextOrder++,
        wake: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      const onAbort = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#sleepers.push(sleeper);
      this.#scheduleJump();
    });
  }

  /** Moves time on, waking everybody due on the way, each at their own time. */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.#nowMs + durationMs;
    while (true) {
      const next = this.#earliest();
      if (next === null || next.wakeAtMs > untilMs) break;
      await this.#wake(next);
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** How many are waiting for time to pass. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** Stops or starts jumping by itself. */
  setAutoAdvance(enabled: boolean): void {
    this.#autoAdvance = enabled;
    if (enabled) this.#scheduleJump();
  }

  /** Time stands still while this runs: a twin is answering a request. */
  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#busy += 1;
    this.#activity += 1;
    try {
      return await work();
    } finally {
      this.#busy -= 1;
      this.#activity += 1;
      this.#scheduleJump();
    }
  }

  /** Within `during`: time may pass while this waits, since the answer itself waits for it. */
  async waiting<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#busy -= 1;
    this.#scheduleJump();
    try {
      return await work();
    } finally {
      this.#busy += 1;
      this.#activity += 1;
    }
  }

  #earliest(): Sleeper | null {
    let earliest: Sleeper | null = null;
    for (const sleeper of this.#sleepers) {
      const isEarlier =
        earliest === null ||
        sleeper.wakeAtMs < earliest.wakeAtMs ||
        (sleeper.wakeAtMs === earliest.wakeAtMs && sleeper.order < earliest.order);
      if (isEarlier) earliest = sleeper;
    }
    return earliest;
  }

  async #wake(sleeper: Sleeper): Promise<void> {
    this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
    this.#nowMs = Math.max(this.#nowMs, sleeper.wakeAtMs);
    sleeper.wake();
    // Whoever was woken goes on before time moves again.
    await new Promise((resolve) => setImmediate(resolve));
  }

  #scheduleJump(): void {
    if (!this.#autoAdvance || this.#jump !== null || this.#sleepers.length === 0) return;
    const activityBefore = this.#activity;
    const sleepersBefore = this.#nextOrder;
    this.#jump = setTimeout(async () => {
      this.#jump = null;
      const isQuiet =
        this.#busy === 0 && this.#activity === activityBefore && this.#nextOrder === sleepersBefore;
      if (isQuiet && this.#autoAdvance) {
        const next = this.#earliest();
        if (next !== null) await this.#wake(next);
      }
      this.#scheduleJump();
    }, this.#quietMs);
  }
}
