import type { Clock } from "../time/clock.ts";
import type { Collector } from "./collector.ts";
import type { EvaluationProgressData } from "./evaluator-events.ts";

const INTERVAL_MS = 250;

/** Progress at most four times a second, and once at the end. */
export class ProgressReporter {
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  #lastAtMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAtMs = clock.now();
    this.#lastAtMs = this.#startedAtMs;
  }

  get elapsedMs(): number {
    return this.#clock.now() - this.#startedAtMs;
  }

  /** What to say now, or null when it is too soon. */
  next(evaluationId: string, collector: Collector, total: number): EvaluationProgressData | null {
    const { done } = collector;
    const now = this.#clock.now();
    if (done < total && now - this.#lastAtMs < INTERVAL_MS) return null;
    this.#lastAtMs = now;
    const { candidate, baseline } = collector.totals;
    const elapsedMs = now - this.#startedAtMs;
    return {
      evaluationId,
      done,
      total,
      failed: candidate.failed + baseline.failed,
      costUsd: sumKnown(candidate.costUsd, baseline.costUsd),
      elapsedMs,
      etaMs: done > 0 ? Math.round((elapsedMs / done) * (total - done)) : null,
    };
  }
}

function sumKnown(first: number | null, second: number | null): number | null {
  return first === null ? second : first + (second ?? 0);
}
