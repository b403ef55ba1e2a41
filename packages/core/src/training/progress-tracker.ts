import type { TrainingProgressRecord } from "../contract/training-backend.ts";
import type { TrainingProgress } from "./training-events.ts";

/** Steps to see before the rate means something; fewer when a run is short. */
const STEPS_FOR_ETA = 20;
const SHARE_FOR_ETA = 0.05;
const STEPS_AT_LEAST = 2;

/** Folds a run's progress lines into where it stands. A resumed run measures its rate from where it went on. */
export class ProgressTracker {
  #step = 0;
  #totalSteps: number | null = null;
  #loss: number | null = null;
  #learningRate: number | null = null;
  #start: { readonly step: number; readonly seconds: number } | null = null;
  #latest: { readonly step: number; readonly seconds: number } | null = null;
  #metrics: Record<string, number> = {};

  add(record: TrainingProgressRecord): TrainingProgress {
    const { kind, step, max_steps: totalSteps, t: seconds, m: metrics } = record;
    if (step !== undefined) this.#step = step;
    if (totalSteps !== undefined && totalSteps > 0) this.#totalSteps = totalSteps;
    if (kind === "begin") {
      this.#start = null;
      this.#latest = null;
    }
    if (seconds !== undefined && step !== undefined && (kind === "begin" || kind === "log")) {
      // The first step includes warming up, so the rate counts from the first log where there is one.
      if (!this.#start || (this.#start.step === 0 && step > 0 && this.#latest === this.#start))
        this.#start = { step, seconds };
      this.#latest = step === this.#start.step ? this.#start : { step, seconds };
    }
    for (const [name, value] of Object.entries(metrics ?? {})) this.#metrics[name] = value;
    this.#loss = metrics?.loss ?? this.#loss;
    this.#learningRate = metrics?.learning_rate ?? this.#learningRate;
    return this.progress();
  }

  progress(): TrainingProgress {
    const total = this.#totalSteps;
    return {
      currentStep: this.#step,
      totalSteps: total,
      progressPct: total === null ? null : Math.round(Math.min(1, this.#step / total) * 1000) / 10,
      currentLoss: this.#loss,
      learningRate: this.#learningRate,
      etaMinutes: this.#etaMinutes(),
    };
  }

  /** The newest value of each metric. */
  metrics(): Readonly<Record<string, number>> {
    return { ...this.#metrics };
  }

  #etaMinutes(): number | null {
    const total = this.#totalSteps;
    if (total === null) return null;
    if (this.#step >= total) return 0;
    if (!this.#start || !this.#latest) return null;
    const steps = this.#latest.step - this.#start.step;
    const needed = Math.max(STEPS_AT_LEAST, Math.min(STEPS_FOR_ETA, Math.ceil(total * SHARE_FOR_ETA)));
    const seconds = this.#latest.seconds - this.#start.seconds;
    if (steps < needed || seconds <= 0) return null;
    return Math.round(((total - this.#step) * (seconds / steps)) / 0.6) / 100;
  }
}
