import { createHash } from "node:crypto";
import type { EvaluationExample } from "../contract/dataset-source.ts";
import type { ArmName, TrialOutcome } from "./arm.ts";
import { ArmTotals } from "./arm-totals.ts";
import type { ExampleAnswer, ExampleComparison } from "./comparison-report.ts";
import type { Metric } from "./metric.ts";
import { referenceOf } from "./reference.ts";
import type { ExampleOutcome } from "./score-example.ts";
import { SmallestRanked } from "./smallest-ranked.ts";

/** Scores of one example, by metric; the values of raw guardrails under their own names. */
export type ScoreRow = Readonly<Record<string, number | null>>;

/** Quantities that can guard a comparison beside the scores. */
export type RawGuardrail = "latency_ms" | "cost_usd" | "total_tokens";

const REGRESSIONS_KEPT = 10;
const IMPROVEMENTS_KEPT = 5;
const TEXT_KEPT = 2000;
const HASHED_AT_ONCE = 32 * 1024;

/** Gathers outcomes in any order into rows by example, keeping a handful of texts. */
export class Collector {
  readonly totals: Readonly<Record<ArmName, ArmTotals>>;
  readonly #rows: Readonly<Record<ArmName, ScoreRow[]>> = { baseline: [], candidate: [] };
  readonly #clusterIds: (string | number)[] = [];
  readonly #metrics: readonly Metric[];
  readonly #weights: Readonly<Record<string, number>>;
  readonly #guardrails: readonly RawGuardrail[];
  readonly #cluster: ((example: EvaluationExample) => string | number) | undefined;
  readonly #regressions = new SmallestRanked<ExampleComparison>(REGRESSIONS_KEPT);
  readonly #improvements = new SmallestRanked<ExampleComparison>(IMPROVEMENTS_KEPT);
  #metricCostUsd: number | null = 0;
  #done = 0;

  constructor(options: {
    readonly metrics: readonly Metric[];
    readonly weights: Readonly<Record<string, number>>;
    readonly guardrails: readonly RawGuardrail[];
    readonly cluster?: (example: EvaluationExample) => string | number;
  }) {
    this.#metrics = options.metrics;
    this.#weights = options.weights;
    this.#guardrails = options.guardrails;
    this.#cluster = options.cluster;
    this.totals = {
      baseline: new ArmTotals("baseline", options.metrics),
      candidate: new ArmTotals("candidate", options.metrics),
    };
  }

  get done(): number {
    return this.#done;
  }

  get metricCostUsd(): number | null {
    return this.#metricCostUsd;
  }

  get clusterIds(): readonly (string | number)[] | undefined {
    return this.#cluster ? this.#clusterIds : undefined;
  }

  rows(arm: ArmName): readonly ScoreRow[] {
    return this.#rows[arm];
  }

  get regressions(): readonly ExampleComparison[] {
    return this.#regressions.items();
  }

  get improvements(): readonly ExampleComparison[] {
    return this.#improvements.items();
  }

  add(outcome: ExampleOutcome): void {
    const { index, example, arms } = outcome;
    this.#done += 1;
    if (this.#cluster) this.#clusterIds[index] = this.#cluster(example);
    for (const name of ["baseline", "candidate"] as const) {
      const trials = arms[name];
      if (!trials) continue;
      for (const trial of trials) {
        this.totals[name].add(example.id, trial);
        if (trial.metricCostUsd === null) this.#metricCostUsd = null;
        else if (this.#metricCostUsd !== null) this.#metricCostUsd += trial.metricCostUsd;
      }
      this.#rows[name][index] = this.#row(trials);
    }
    this.#keepText(outcome);
  }

  /** Hash of every score in the order of the examples. */
  scoresHash(): string {
    const hash = createHash("sha256");
    for (const name of ["baseline", "candidate"] as const) {
      let pending = "";
      for (const row of this.#rows[name]) {
        pending += `${name} ${JSON.stringify(row)}\n`;
        // One call of the hash for many rows: the call costs more than a row.
        if (pending.length < HASHED_AT_ONCE) continue;
        hash.update(pending);
        pending = "";
      }
      hash.update(pending);
    }
    return hash.digest("hex");
  }

  /** The mean over trials; missing in one trial is missing. */
  #row(trials: readonly TrialOutcome[]): ScoreRow {
    const row: Record<string, number | null> = {};
    for (let index = 0; index < this.#metrics.length; index += 1) {
      const name = this.#metrics[index]?.name ?? "";
      row[name] = meanOrNull(trials, (trial) => trial.scores[index]?.score ?? null);
    }
    for (const guardrail of this.#guardrails)
      row[guardrail] = meanOrNull(trials, (trial) => rawValue(guardrail, trial));
    return row;
  }

  #keepText({ index, example, arms }: ExampleOutcome): void {
    const baseline = this.#composite(this.#rows.baseline[index]);
    const candidate = this.#composite(this.#rows.candidate[index]);
    if (baseline === null || candidate === null) return;
    const difference = candidate - baseline;
    const keep = difference < -1e-9 ? this.#regressions : difference > 1e-9 ? this.#improvements : null;
    const rank = -Math.abs(difference) + index * 1e-12;
    if (!keep?.wants(rank)) return;
    keep.add(rank, {
      exampleId: example.id,
      input: inputText(example),
      reference: shortText(referenceOf(example)),
      candidate: this.#answer(arms.candidate, this.#rows.candidate[index], candidate),
      baseline: arms.baseline ? this.#answer(arms.baseline, this.#rows.baseline[index], baseline) : null,
      difference,
    });
  }

  #answer(
    trials: readonly TrialOutcome[] | undefined,
    scores: ScoreRow | undefined,
    composite: number | null,
  ): ExampleAnswer {
    const first = trials?.[0];
    const calls = first?.answer?.toolCalls ?? [];
    const text = first?.answer
      ? [first.answer.text, ...calls.map((call) => `${call.name}(${call.arguments})`)]
          .filter((part) => part)
          .join("\n")
      : null;
    return {
      text: text === null ? null : shortText(text),
      failure: first?.failure?.code ?? null,
      composite,
      scores: scores ?? {},
    };
  }

  #composite(row: ScoreRow | undefined): number | null {
    if (!row) return null;
    let sum = 0;
    for (const metric of this.#metrics) {
      const weight = this.#weights[metric.name] ?? 0;
      if (weight === 0) continue;
      const score = row[metric.name] ?? null;
      if (score === null) return null;
      sum += weight * score;
    }
    return sum;
  }
}

function meanOrNull(
  trials: readonly TrialOutcome[],
  read: (trial: TrialOutcome) => number | null,
): number | null {
  let sum = 0;
  for (const trial of trials) {
    const value = read(trial);
    if (value === null) return null;
    sum += value;
  }
  return trials.length === 0 ? null : sum / trials.length;
}

function rawValue(guardrail: RawGuardrail, { answer }: TrialOutcome): number | null {
  if (!answer) return null;
  switch (guardrail) {
    case "latency_ms":
      return answer.fromCache ? null : answer.latencyMs;
    case "cost_usd":
      return answer.costUsd;
    default: {
      const { inputTokens, outputTokens } = answer.usage;
      return inputTokens === null || outputTokens === null ? null : inputTokens + outputTokens;
    }
  }
}

function inputText(example: EvaluationExample): string {
  const { messages, prompt, question } = example.inputs;
  if (Array.isArray(messages)) {
    return (
      shortText(
        messages
          .map(
            (message: { role?: unknown; content?: unknown }) =>
              `${String(message?.role)}: ${String(message?.content ?? "")}`,
          )
          .join("\n"),
      ) ?? ""
    );
  }
  return shortText(prompt ?? question ?? example.inputs) ?? "";
}

function shortText(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > TEXT_KEPT ? `${text.slice(0, TEXT_KEPT)}…` : text;
}
