import { quantile } from "../statistics/quantile.ts";
import type { ArmName, CallFailure, TrialOutcome } from "./arm.ts";
import type {
  ArmCost,
  ArmCoverage,
  ArmLatency,
  ArmTokens,
  EvaluationFailure,
  MissingScores,
} from "./comparison-report.ts";
import type { Metric } from "./metric.ts";

const EXAMPLE_IDS_KEPT = 5;
const REASONS_KEPT = 50;

/** Counts and sums of one arm, one answer at a time. */
export class ArmTotals {
  readonly #arm: ArmName;
  readonly #metrics: readonly Metric[];
  readonly #latencies: number[] = [];
  readonly #failures = new Map<string, { failure: CallFailure; count: number; exampleIds: string[] }>();
  readonly #missing = new Map<string, { metric: string; reason: string; count: number }>();
  #asked = 0;
  #answered = 0;
  #fromCache = 0;
  #resumed = 0;
  #costUsd = 0;
  #costKnown = 0;
  #pricedTokens = 0;
  #inputTokens = 0;
  #outputTokens = 0;
  #tokensKnown = 0;

  constructor(arm: ArmName, metrics: readonly Metric[]) {
    this.#arm = arm;
    this.#metrics = metrics;
  }

  get failed(): number {
    return this.#asked - this.#answered;
  }

  get costUsd(): number | null {
    return this.#costKnown > 0 ? this.#costUsd : null;
  }

  add(exampleId: string, outcome: TrialOutcome): void {
    this.#asked += 1;
    if (outcome.failure) this.#addFailure(exampleId, outcome.failure);
    if (!outcome.answer) return;
    const { answer } = outcome;
    this.#answered += 1;
    if (answer.fromCache) this.#fromCache += 1;
    else this.#latencies.push(answer.latencyMs);
    if (outcome.resumed) this.#resumed += 1;
    const { inputTokens, outputTokens } = answer.usage;
    if (inputTokens !== null && outputTokens !== null) {
      this.#inputTokens += inputTokens;
      this.#outputTokens += outputTokens;
      this.#tokensKnown += 1;
    }
    if (answer.costUsd !== null) {
      this.#costUsd += answer.costUsd;
      this.#costKnown += 1;
      this.#pricedTokens += (inputTokens ?? 0) + (outputTokens ?? 0);
    }
    for (let index = 0; index < this.#metrics.length; index += 1) {
      const score = outcome.scores[index];
      if (score && score.score === null)
        this.#addMissing(this.#metrics[index]?.name ?? "", score.reason ?? "");
    }
  }

  coverage(): ArmCoverage {
    return {
      asked: this.#asked,
      answered: this.#answered,
      failed: this.failed,
      fromCache: this.#fromCache,
      resumed: this.#resumed,
    };
  }

  cost(): ArmCost {
    return {
      usd: this.costUsd,
      known: this.#costKnown,
      usdPer1kTokens: this.#pricedTokens > 0 ? (this.#costUsd / this.#pricedTokens) * 1000 : null,
    };
  }

  latency(): ArmLatency {
    const sorted = this.#latencies.toSorted((first, second) => first - second);
    const sum = sorted.reduce((total, value) => total + value, 0);
    return {
      p50Ms: quantile(sorted, 0.5),
      p95Ms: quantile(sorted, 0.95),
      meanMs: sorted.length > 0 ? sum / sorted.length : null,
      count: sorted.length,
    };
  }

  tokens(): ArmTokens {
    const known = this.#tokensKnown;
    return {
      inputMean: known > 0 ? this.#inputTokens / known : null,
      outputMean: known > 0 ? this.#outputTokens / known : null,
      known,
    };
  }

  errors(): readonly EvaluationFailure[] {
    return [...this.#failures.values()]
      .toSorted((first, second) => second.count - first.count)
      .map(({ failure, count, exampleIds }) => ({
        arm: this.#arm,
        code: failure.code,
        message: failure.message,
        count,
        exampleIds,
      }));
  }

  missing(): readonly MissingScores[] {
    return [...this.#missing.values()].map((entry) => ({ arm: this.#arm, ...entry }));
  }

  #addFailure(exampleId: string, failure: CallFailure): void {
    const entry = this.#failures.get(failure.code) ?? { failure, count: 0, exampleIds: [] };
    if (failure.costUsd !== null) {
      this.#costUsd += failure.costUsd;
      this.#costKnown += 1;
    }
    entry.count += 1;
    if (entry.exampleIds.length < EXAMPLE_IDS_KEPT) entry.exampleIds.push(exampleId);
    this.#failures.set(failure.code, entry);
  }

  #addMissing(metric: string, reason: string): void {
    // Reasons may hold a value of the row; past a limit they are counted under one name.
    const kept = this.#missing.size < REASONS_KEPT || this.#missing.has(`${metric}\n${reason}`);
    const shown = kept ? reason : "other reasons";
    const key = `${metric}\n${shown}`;
    const entry = this.#missing.get(key) ?? { metric, reason: shown, count: 0 };
    entry.count += 1;
    this.#missing.set(key, entry);
  }
}
