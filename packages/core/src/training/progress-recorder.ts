import type { ModelOpsEvent } from "../events/event.ts";

/** Collects progress events and hands them to the store in batches, in order, one batch at a time. */
export class ProgressRecorder {
  #batch: ModelOpsEvent[] = [];
  #next = 0;
  #recorded: number;
  #flushing: Promise<void> = Promise.resolve();
  readonly #store: (through: number, batch: readonly ModelOpsEvent[]) => Promise<number>;

  constructor(
    recorded: number,
    store: (through: number, batch: readonly ModelOpsEvent[]) => Promise<number>,
  ) {
    this.#recorded = recorded;
    this.#store = store;
  }

  get size(): number {
    return this.#batch.length;
  }

  /** What one line of the log gave. False when it was in the store before. */
  add(index: number, events: readonly ModelOpsEvent[]): boolean {
    this.#next = index + 1;
    if (index < this.#recorded) return false;
    this.#batch.push(...events);
    return true;
  }

  async flush(): Promise<void> {
    this.#flushing = this.#flushing.then(async () => {
      if (this.#batch.length === 0) return;
      const batch = this.#batch;
      const through = this.#next;
      this.#batch = [];
      try {
        this.#recorded = Math.max(this.#recorded, await this.#store(through, batch));
      } catch (error) {
        this.#batch = [...batch, ...this.#batch];
        throw error;
      }
    });
    const current = this.#flushing;
    this.#flushing = current.catch(() => {});
    await current;
  }
}
