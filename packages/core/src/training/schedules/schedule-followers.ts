import type { Logger } from "../../runtime.ts";
import type { Clock } from "../../time/clock.ts";
import type { TrainingSchedule } from "./training-schedule.ts";

const AFTER_FAILURE_MS = 60_000;

/** Follows schedules in the background: what they start is written down, followed and registered without being asked for. */
export class ScheduleFollowers {
  readonly #abort = new AbortController();
  readonly #followed = new Map<string, Promise<void>>();
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(parts: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = parts.clock;
    this.#logger = parts.logger;
  }

  follow(schedule: TrainingSchedule): void {
    if (this.#followed.has(schedule.id) || this.#abort.signal.aborted) return;
    const following = this.#follow(schedule)
      .catch(() => {})
      // One that was deleted may be made again under its id.
      .finally(() => this.#followed.delete(schedule.id));
    this.#followed.set(schedule.id, following);
  }

  async close(): Promise<void> {
    this.#abort.abort(new Error("the trainer was closed"));
    await Promise.all(this.#followed.values());
  }

  async #follow(schedule: TrainingSchedule): Promise<void> {
    const { signal } = this.#abort;
    for (;;) {
      try {
        // Looking is what makes the jobs known.
        for await (const _ of schedule.runs({ signal, keepAlive: false }));
        return;
      } catch (error) {
        signal.throwIfAborted();
        const text = error instanceof Error ? error.message : String(error);
        this.#logger.warn(`The schedule ${schedule.id} could not be looked at; trying again. ${text}`);
        await this.#clock.sleep(AFTER_FAILURE_MS, { signal });
      }
    }
  }
}
