import type { TrainingProgressRecord } from "../../contract/training-backend.ts";
import { Series } from "./series.ts";

/** The metrics that are looked at, as TRL names them. */
const WATCHED = new Set([
  ...["loss", "grad_norm", "eval_loss", "eval_reward"],
  ...["reward", "frac_reward_zero_std", "kl", "completions/mean_length", "completions/clipped_ratio"],
  ...["rewards/accuracies", "rewards/margins"],
]);

/** A run's curves as far as they have come. */
export class Curves {
  readonly #series = new Map<string, Series>();
  step = 0;
  totalSteps: number | null = null;
  /** Names of metrics that were not finite in the newest line. */
  notFinite: readonly string[] = [];
  /** Lines of generation in a row that brought no reward at all. */
  linesWithoutReward = 0;

  add(record: TrainingProgressRecord): void {
    this.step = record.step ?? this.step;
    if (record.max_steps !== undefined && record.max_steps > 0) this.totalSteps = record.max_steps;
    const metrics = record.m ?? {};
    this.notFinite = Array.isArray(record.dropped) ? record.dropped.map(String) : [];
    for (const [name, value] of Object.entries(metrics)) {
      if (!WATCHED.has(name)) continue;
      const series = this.#series.get(name) ?? new Series();
      series.add(value, this.step);
      this.#series.set(name, series);
    }
    if (record.kind !== "log" || metrics["completions/mean_length"] === undefined) return;
    this.linesWithoutReward = metrics.reward === undefined ? this.linesWithoutReward + 1 : 0;
  }

  /** An empty series for a metric that was never seen. */
  of(name: string): Series {
    return this.#series.get(name) ?? new Series();
  }

  /** Share of the planned steps, 0 while the total is not known. */
  get share(): number {
    return this.totalSteps === null ? 0 : this.step / this.totalSteps;
  }
}
