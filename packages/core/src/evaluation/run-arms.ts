import type { EvaluationExample } from "../contract/dataset-source.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { AdaptiveLimit } from "./adaptive-limit.ts";
import type { EvaluationAnswer } from "./answer.ts";
import type { Arm, ArmName, CallFailure, TrialOutcome } from "./arm.ts";
import type { Ask } from "./ask.ts";
import { failureFrom, isFatal, RunningCalls } from "./call-arm.ts";
import type { ReadExample } from "./example.ts";
import { forEachConcurrently } from "./for-each-concurrently.ts";
import type { JournalAccess, JournalScores } from "./journal.ts";
import type { Metric } from "./metric.ts";
import { failureScores, scoreAnswer, scorePairs } from "./score-answer.ts";

export interface ExampleOutcome {
  /** Position in the dataset, from 0. */
  readonly index: number;
  readonly example: EvaluationExample;
  readonly arms: Readonly<Partial<Record<ArmName, readonly TrialOutcome[]>>>;
}

export interface RunArmsOptions {
  readonly arms: readonly Arm[];
  readonly examples: AsyncIterable<ReadExample>;
  readonly metrics: readonly Metric[];
  readonly ask: Ask;
  readonly trials: number;
  /** Calls at the same time, per model. */
  readonly concurrency: number;
  /** Answers scored at the same time. */
  readonly metricConcurrency: number;
  /** For one answer, retries included. */
  readonly exampleTimeoutMs: number;
  readonly journal: JournalAccess | null;
  readonly signal: AbortSignal;
  onOutcome(outcome: ExampleOutcome): void;
}

/** So many calls in a row that cannot succeed end the run: an expired key must not turn into a thousand zeros. */
const FATAL_CALLS_IN_A_ROW = 5;

/**
 * Asks every arm for every example and scores the answers. Both arms see the same example one after the other, in
 * alternating order, so that a slow minute of the network hits both alike. Holds only the examples in flight.
 */
export async function runArms(options: RunArmsOptions): Promise<void> {
  const { arms, metrics, journal, trials } = options;
  const limits = new Map(arms.map((arm) => [arm.name, new AdaptiveLimit(options.concurrency)]));
  const scoring = new AdaptiveLimit(options.metricConcurrency);
  const calls = new RunningCalls();
  const metricsKey = metricsKeyOf(metrics);
  const fatalInARow = new Map<ArmName, number>();
  const unfinished = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | null = null;

  const stop = (error: unknown) => {
    failure ??= { error };
    calls.abortAll(error);
  };
  const onAbort = () => stop(options.signal.reason);
  options.signal.throwIfAborted();
  options.signal.addEventListener("abort", onAbort, { once: true });

  async function callArm(arm: Arm, example: EvaluationExample, trial: number): Promise<Answered> {
    const known = journal?.find({ arm: arm.name, trial, exampleId: example.id });
    const row = known ? await known : null;
    if (row) {
      const scores = row.scored?.metricsKey === metricsKey ? row.scored : null;
      return { answer: row.answer, failure: null, resumed: true, knownScores: scores };
    }

    const limit = limits.get(arm.name) as AdaptiveLimit;
    const place = limit.acquire();
    if (place) await place;
    let wasRateLimited = false;
    try {
      if (failure) throw failure.error;
      const answer = await calls.run(options.exampleTimeoutMs, (signal) =>
        options.ask({ example, model: arm.model, trial, signal }),
      );
      wasRateLimited = answer.attempts > 1 && !answer.fromCache;
      fatalInARow.set(arm.name, 0);
      const waiting = journal?.append({ arm: arm.name, trial, exampleId: example.id, answer, scored: null });
      if (waiting) await waiting;
      return { answer, failure: null, resumed: false, knownScores: null };
    } catch (error) {
      // The run is over (abort, full disk): what the call rejected with is not the model's failure.
      if (failure) throw failure.error;
      if (isOurOwn(error)) throw error;
      const failed = failureFrom(error);
      wasRateLimited = failed.code === "model/rate-limited";
      noteFailure(arm, failed);
      return { answer: null, failure: failed, resumed: false, knownScores: null };
    } finally {
      limit.release({ wasRateLimited });
    }
  }

  function noteFailure(arm: Arm, failed: CallFailure): void {
    const inARow = isFatal(failed) ? (fatalInARow.get(arm.name) ?? 0) + 1 : 0;
    fatalInARow.set(arm.name, inARow);
    if (inARow >= FATAL_CALLS_IN_A_ROW) throw modelUnavailable(arm, failed);
  }

  async function scored(example: EvaluationExample, answered: Answered): Promise<TrialOutcome> {
    const { answer, knownScores } = answered;
    if (answer && knownScores) return { ...answered, ...knownScores };
    if (!answer) {
      const code = answered.failure?.code ?? "model/failed";
      return { ...answered, scores: failureScores(metrics, code), metricCostUsd: 0 };
    }
    const result = scoreAnswer(metrics, { example, answer, signal: options.signal });
    const { scores, costUsd } = result instanceof Promise ? await result : result;
    return { ...answered, scores, metricCostUsd: costUsd };
  }

  const comparesPairs = arms.length === 2 && metrics.some((metric) => metric.scorePair);

  async function scoreExample(index: number, example: EvaluationExample, answers: Answers): Promise<void> {
    const outcome: Partial<Record<ArmName, TrialOutcome[]>> = {};
    for (const arm of arms) {
      const own: TrialOutcome[] = [];
      for (const answered of answers[arm.name]) own.push(await scored(example, answered));
      outcome[arm.name] = own;
    }
    const isKnown = arms.every((arm) => answers[arm.name].every((answered) => answered.knownScores !== null));
    if (!isKnown) {
      if (comparesPairs) await comparePairs(example, outcome);
      await keepPaidScores(example, outcome);
    }
    options.onOutcome({ index, example, arms: outcome });
  }

  async function keepPaidScores(
    example: EvaluationExample,
    outcome: Partial<Record<ArmName, TrialOutcome[]>>,
  ): Promise<void> {
    if (metricsKey === null || !journal) return;
    const isPaid = Object.values(outcome).some((own) => own.some((one) => one.metricCostUsd !== 0));
    if (!isPaid) return;
    for (const arm of arms) {
      for (const [trial, { answer, scores, metricCostUsd }] of (outcome[arm.name] ?? []).entries()) {
        if (!answer) continue;
        const row = { arm: arm.name, trial, exampleId: example.id, answer };
        await journal.append({ ...row, scored: { metricsKey, scores, metricCostUsd } });
      }
    }
  }

  async function comparePairs(
    example: EvaluationExample,
    outcome: Partial<Record<ArmName, TrialOutcome[]>>,
  ): Promise<void> {
    for (let trial = 0; trial < trials; trial += 1) {
      const [candidate, baseline] = [outcome.candidate?.[trial], outcome.baseline?.[trial]];
      if (!candidate || !baseline) continue;
      const pair = await scorePairs(metrics, { example, signal: options.signal }, candidate, baseline);
      outcome.candidate?.splice(trial, 1, pair.candidate);
      outcome.baseline?.splice(trial, 1, pair.baseline);
    }
  }

  async function runExample({ example }: ReadExample, index: number): Promise<void> {
    if (failure) throw failure.error;
    const order = index % 2 === 0 ? arms : [...arms].reverse();
    const answers: Record<ArmName, Answered[]> = { baseline: [], candidate: [] };
    for (let trial = 0; trial < trials; trial += 1) {
      for (const arm of order) answers[arm.name].push(await callArm(arm, example, trial));
    }
    // A slow judge must not stop the next calls, and a fast model must not pile up unscored answers.
    const place = scoring.acquire();
    if (place) await place;
    const task = scoreExample(index, example, answers)
      .catch(stop)
      .finally(() => {
        scoring.release();
        unfinished.delete(task);
      });
    unfinished.add(task);
  }

  try {
    await forEachConcurrently(options.examples, options.concurrency, runExample);
    await Promise.all(unfinished);
  } catch (error) {
    stop(error);
  } finally {
    options.signal.removeEventListener("abort", onAbort);
    await Promise.allSettled(unfinished);
  }
  const ended = failure as { readonly error: unknown } | null;
  // Answers that did arrive stay paid for: they are durable before the run reports anything.
  if (ended) {
    await journal?.flush().catch(() => undefined);
    throw ended.error;
  }
  await journal?.flush();
}

interface Answered {
  readonly answer: EvaluationAnswer | null;
  readonly failure: CallFailure | null;
  readonly resumed: boolean;
  readonly knownScores: JournalScores | null;
}

type Answers = Readonly<Record<ArmName, readonly Answered[]>>;

/** Null when some metric has no version: then nobody can say that it would score the same again. */
function metricsKeyOf(metrics: readonly Metric[]): string | null {
  if (metrics.some((metric) => metric.version === null)) return null;
  return metrics.map((metric) => `${metric.name}@${metric.version}`).join(" ");
}

/** Errors of the evaluation itself (an example that cannot be asked, storage) end it; a model's failure does not. */
function isOurOwn(error: unknown): boolean {
  if (!ModelOpsError.isInstance(error)) return false;
  if (error.code === "evaluation/example-timeout") return false;
  return (
    error.code.startsWith("evaluation/") ||
    error.code.startsWith("storage/") ||
    error.code.startsWith("input/")
  );
}

function modelUnavailable(arm: Arm, failed: CallFailure): ModelOpsError {
  return new ModelOpsError({
    code: "evaluation/model-unavailable",
    message: `The ${arm.name} model ${arm.model.id} failed ${FATAL_CALLS_IN_A_ROW} times in a row with ${failed.code}.`,
    reason: `${failed.message} Scoring the rest as failures would say nothing about the model.`,
    fix: "correct the key, credit or model name and resume the evaluation: answers so far are kept.",
    details: { arm: arm.name, modelId: arm.model.id, cause: failed.code },
  });
}
