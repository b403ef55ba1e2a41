/**
 * Lets at most `limit` tasks run. When told of rate limiting it halves (once for all tasks then running) and afterwards
 * grows by one with each full round of successes: additive increase, multiplicative decrease.
 */
export class AdaptiveLimit {
  readonly #ceiling: number;
  #limit: number;
  #running = 0;
  #untilNextHalving = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(ceiling: number) {
    this.#ceiling = ceiling;
    this.#limit = ceiling;
  }

  /** How many may run now. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  get running(): number {
    return this.#running;
  }

  /** Resolves when a place is free; null at once when one is free already, which spares a turn of the event loop. */
  acquire(): Promise<void> | null {
    if (this.#running < this.limit) {
      this.#running += 1;
      return null;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  release(outcome: { readonly wasRateLimited: boolean } = { wasRateLimited: false }): void {
    this.#running -= 1;
    this.#untilNextHalving -= 1;
    if (outcome.wasRateLimited) {
      if (this.#untilNextHalving < 0) {
        // The tasks running now were started at the old pace; their complaints are the same one.
        this.#untilNextHalving = this.#running;
        this.#limit = Math.max(1, Math.floor(this.#limit / 2));
      }
    } else if (this.#limit < this.#ceiling) {
      this.#limit = Math.min(this.#ceiling, this.#limit + 1 / this.#limit);
    }
    while (this.#running < this.limit) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#running += 1;
      next();
    }
  }
}
