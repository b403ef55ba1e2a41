import type { EvaluationExample } from "../contract/dataset-source.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { AdaptiveLimit } from "./adaptive-limit.ts";
import type { Arm, ArmName, CallFailure } from "./arm.ts";
import type { Ask } from "./ask.ts";
import { failureFrom, isFatal, RunningCalls } from "./call-arm.ts";
import type { ReadExample } from "./example.ts";
import { IndexedReader } from "./indexed-reader.ts";
import type { JournalAccess } from "./journal.ts";
import type { Metric } from "./metric.ts";
import {
  type Answered,
  type Answers,
  type ExampleOutcome,
  exampleScorer,
  type ScoreExample,
} from "./score-example.ts";

export interface RunArmsOptions {
  readonly arms: readonly Arm[];
  readonly examples: Iterable<ReadExample> | AsyncIterable<ReadExample>;
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
 * Asks every arm for every example and scores the answers. Both arms are asked for an example at the same time, in
 * alternating order: each has its own concurrency, both meet the same load, and a slow minute of the network hits both
 * alike. Holds only the examples in flight.
 */
export async function runArms(options: RunArmsOptions): Promise<void> {
  const { journal, signal } = options;
  signal.throwIfAborted();
  const run = new ArmsRun(options);
  const onAbort = () => run.stop(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  await run.finish();
  signal.removeEventListener("abort", onAbort);
  // Answers that did arrive stay paid for: they are durable before the run reports anything.
  if (run.failure) {
    await journal?.flush().catch(() => undefined);
    throw run.failure.error;
  }
  await journal?.flush();
}

/** One run: workers that each take one example at a time. */
class ArmsRun {
  readonly #options: RunArmsOptions;
  readonly #reversed: readonly Arm[];
  readonly #limits: Readonly<Record<ArmName, AdaptiveLimit>>;
  readonly #scoring: AdaptiveLimit;
  readonly #calls: RunningCalls;
  readonly #scoreExample: ScoreExample;
  readonly #fatalInARow: Record<ArmName, number> = { baseline: 0, candidate: 0 };
  readonly #unfinished = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | null = null;

  constructor(options: RunArmsOptions) {
    const { arms, concurrency } = options;
    this.#options = options;
    this.#reversed = arms.toReversed();
    this.#limits = { baseline: new AdaptiveLimit(concurrency), candidate: new AdaptiveLimit(concurrency) };
    this.#scoring = new AdaptiveLimit(options.metricConcurrency);
    this.#calls = new RunningCalls(options.exampleTimeoutMs);
    this.#scoreExample = exampleScorer(options);
  }

  get failure(): { readonly error: unknown } | null {
    return this.#failure;
  }

  /** The first failure counts: nothing new is started and running calls are aborted. */
  stop(error: unknown): void {
    this.#failure ??= { error };
    this.#calls.abortAll(error);
  }

  /** Resolves when nothing runs any more; `failure` says how it ended. */
  async finish(): Promise<void> {
    const examples = new IndexedReader(this.#options.examples);
    const worker = () => this.#work(examples).catch((error) => this.stop(error));
    await Promise.all(Array.from({ length: this.#options.concurrency }, worker));
    await Promise.all(this.#unfinished);
    this.#calls.close();
    await examples.close().catch((error) => this.stop(error));
  }

  /** A loop without a function call per example that would have to be waited for: it runs a hundred thousand times. */
  async #work(examples: IndexedReader<ReadExample>): Promise<void> {
    const { arms, trials } = this.#options;
    while (this.#failure === null) {
      const next = examples.next();
      const item = next instanceof Promise ? await next : next;
      if (item === null || this.#failure !== null) return;
      const { index, value } = item;
      const answers: Record<ArmName, Answered[]> = { baseline: [], candidate: [] };
      for (let trial = 0; trial < trials; trial += 1) {
        const order = index % 2 === 0 ? arms : this.#reversed;
        const asked = order.map((arm) =>
          this.#answer(arm, value.example, trial).catch((error) => this.stop(error)),
        );
        // Each to its end, even when the run is over: an answer that did arrive is kept before anything is reported.
        for (let position = 0; position < order.length; position += 1) {
          const answered = await asked[position];
          if (answered) answers[(order[position] as Arm).name][trial] = answered;
        }
        if (this.#failure !== null) return;
      }
      // A slow judge must not stop the next calls, and a fast model must not pile up unscored answers.
      const place = this.#scoring.acquire();
      if (place) await place;
      this.#score(index, value.example, answers);
    }
  }

  async #answer(arm: Arm, example: EvaluationExample, trial: number): Promise<Answered> {
    const { journal, ask } = this.#options;
    const known = journal?.find({ arm: arm.name, trial, exampleId: example.id });
    const row = known ? await known : null;
    if (row) return { answer: row.answer, failure: null, resumed: true, knownScores: row.scored };

    const limit = this.#limits[arm.name];
    const place = limit.acquire();
    if (place) await place;
    let wasRateLimited = false;
    try {
      if (this.#failure) throw this.#failure.error;
      const answer = await this.#calls.run((signal) => ask({ example, model: arm.model, trial, signal }));
      wasRateLimited = answer.attempts > 1 && !answer.fromCache;
      this.#fatalInARow[arm.name] = 0;
      const waiting = journal?.append({ arm: arm.name, trial, exampleId: example.id, answer, scored: null });
      if (waiting) await waiting;
      return { answer, failure: null, resumed: false, knownScores: null };
    } catch (error) {
      // The run is over (abort, full disk): what the call rejected with is not the model's failure.
      if (this.#failure) throw this.#failure.error;
      if (isOurOwn(error)) throw error;
      const failed = failureFrom(error);
      wasRateLimited = failed.code === "model/rate-limited";
      this.#noteFailure(arm, failed);
      return { answer: null, failure: failed, resumed: false, knownScores: null };
    } finally {
      limit.release({ wasRateLimited });
    }
  }

  #noteFailure(arm: Arm, failed: CallFailure): void {
    const inARow = isFatal(failed) ? this.#fatalInARow[arm.name] + 1 : 0;
    this.#fatalInARow[arm.name] = inARow;
    if (inARow >= FATAL_CALLS_IN_A_ROW) throw modelUnavailable(arm, failed);
  }

  #score(index: number, example: EvaluationExample, answers: Answers): void {
    const waiting = this.#scoreExample(index, example, answers);
    if (!waiting) {
      this.#scoring.release();
      return;
    }
    const task = waiting
      .catch((error) => this.stop(error))
      .finally(() => {
        this.#scoring.release();
        this.#unfinished.delete(task);
      });
    this.#unfinished.add(task);
  }
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
