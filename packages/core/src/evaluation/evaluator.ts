import { builtInSources } from "../datasets/sources/built-in-sources.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { EventSource, type EventSubscriptions } from "../events/event-source.ts";
import { canonicalAgentName } from "../model/agent-name.ts";
import { newEvent, type Runtime } from "../runtime.ts";
import { isoTime } from "../time/clock.ts";
import type { ComparisonReport } from "./comparison-report.ts";
import { type EvaluationRecord, EvaluationRecords, overtaken, startOf } from "./evaluation-records.ts";
import { type EvaluationReport, evaluationReport } from "./evaluation-report.ts";
import { evaluationSpec, requireSameSpec, reuseKeyOf } from "./evaluation-spec.ts";
import type { EvaluatorEventMap } from "./evaluator-events.ts";
import {
  type CompareOptions,
  checkCompareOptions,
  checkEvaluateOptions,
  checkEvaluatorOptions,
  type EvaluateOptions,
  type EvaluatorOptions,
} from "./evaluator-options.ts";
import { Journal } from "./journal.ts";
import { holdEvaluation, inProgress, ownerFromNow } from "./one-runner.ts";
import { type PreparedEvaluation, prepareEvaluation } from "./prepare-evaluation.ts";
import { runEvaluation } from "./run-evaluation.ts";
import { type RescoreOptions, storedAnswersOnly } from "./stored-answers.ts";

type StartedRecord = EvaluationRecord & { readonly start: number };

interface EvaluationRun {
  readonly prepared: PreparedEvaluation;
  readonly evaluationId: string;
  /** Whether the id must not be known yet. */
  readonly isNew: boolean;
  readonly answersOf: string;
  readonly rescoredFrom: string | null;
  readonly reuseKey: string | null;
  /** Of the first start, when this is a later one. */
  readonly startedAt?: string;
}

/**
 * Compares model versions on a dataset. Every call has its own id, survives a crash (`resume`) and leaves its answers
 * for other metrics (`rescore`). Rejects with `input/...` and `evaluation/...` before anything is paid whenever the
 * dataset, metrics or weights cannot give an honest number; a failed call is counted, not thrown.
 */
export class Evaluator {
  readonly #runtime: Runtime;
  readonly #options: EvaluatorOptions;
  readonly #records: EvaluationRecords;
  readonly #events: EventSource<EvaluatorEventMap>;

  readonly on: EventSubscriptions<EvaluatorEventMap>["on"];
  readonly once: EventSubscriptions<EvaluatorEventMap>["once"];
  readonly off: EventSubscriptions<EvaluatorEventMap>["off"];
  readonly onAny: EventSubscriptions<EvaluatorEventMap>["onAny"];

  constructor(runtime: Runtime, options: EvaluatorOptions = {}) {
    this.#runtime = runtime;
    this.#options = checkEvaluatorOptions(options);
    this.#records = new EvaluationRecords(runtime);
    this.#events = new EventSource({ onListenerError: runtime.onListenerError });
    this.on = this.#events.on.bind(this.#events);
    this.once = this.#events.once.bind(this.#events);
    this.off = this.#events.off.bind(this.#events);
    this.onAny = this.#events.onAny.bind(this.#events);
  }

  /** Asks both models for every example and recommends what to do with the candidate. */
  async compare(options: CompareOptions): Promise<ComparisonReport> {
    const checked = checkCompareOptions(options);
    const prepared = await this.#prepare(checked);
    const { agent, spec } = prepared;
    const reuseKey = reuseKeyOf(agent, spec);
    if (reuseKey !== null && checked.reuse !== false) {
      const known = await this.#records.findReusable(agent, reuseKey);
      if (known) return this.#reuse(known);
    }
    const evaluationId = checked.evaluationId ?? this.#runtime.generateId();
    return this.#run({
      prepared,
      evaluationId,
      isNew: true,
      answersOf: evaluationId,
      rescoredFrom: null,
      reuseKey,
    });
  }

  /** Scores one model on its own. */
  async evaluate(options: EvaluateOptions): Promise<EvaluationReport> {
    return evaluationReport(await this.compare(asComparison(checkEvaluateOptions(options))));
  }

  /** Goes on with an evaluation that was interrupted, or asks again only for the calls that failed. */
  async resume(evaluationId: string, options: CompareOptions): Promise<ComparisonReport>;
  async resume(evaluationId: string, options: EvaluateOptions): Promise<EvaluationReport>;
  async resume(
    evaluationId: string,
    options: CompareOptions | EvaluateOptions,
  ): Promise<ComparisonReport | EvaluationReport> {
    if ("model" in options) {
      return evaluationReport(await this.resume(evaluationId, asComparison(checkEvaluateOptions(options))));
    }
    const prepared = await this.#prepare(checkCompareOptions(options));
    const { agent, spec } = prepared;
    const stored = await this.#records.require(agent, evaluationId);
    requireOwnAnswers(stored);
    requireSameSpec(evaluationId, stored.spec, spec);
    return this.#run({
      prepared,
      evaluationId,
      isNew: false,
      answersOf: evaluationId,
      rescoredFrom: null,
      reuseKey: reuseKeyOf(agent, spec),
      startedAt: stored.startedAt,
    });
  }

  /** Scores the stored answers of an evaluation with other metrics, weights or thresholds. Calls no model. */
  async rescore(evaluationId: string, options: RescoreOptions): Promise<ComparisonReport> {
    const agent = canonicalAgentName(options.agent);
    const stored = await this.#records.require(agent, evaluationId);
    const answersOf = stored.rescoredFrom ?? evaluationId;
    const compare = storedAnswersOnly(stored.spec, options);
    const prepared = await this.#prepare(checkCompareOptions(compare));
    requireSameSpec(evaluationId, stored.spec, prepared.spec);
    return this.#run({
      prepared,
      evaluationId: this.#runtime.generateId(),
      isNew: true,
      answersOf,
      rescoredFrom: answersOf,
      reuseKey: null,
    });
  }

  /** The stored report of a completed evaluation; null while it runs or after it failed. */
  async report(evaluationId: string, options: { readonly agent: string }): Promise<ComparisonReport | null> {
    const record = await this.#records.require(canonicalAgentName(options.agent), evaluationId);
    return record.report;
  }

  async #prepare(options: CompareOptions): Promise<PreparedEvaluation> {
    options.signal?.throwIfAborted();
    const { fetch, clock } = this.#runtime;
    const sources = [...(this.#options.sources ?? []), ...builtInSources({ fetch, clock })];
    return prepareEvaluation(options, sources, evaluationSpec);
  }

  async #run(run: EvaluationRun): Promise<ComparisonReport> {
    const { evaluationId } = run;
    const { agent } = run.prepared;
    const lock = await holdEvaluation(this.#runtime, this.#records, { agent, evaluationId });
    try {
      return await this.#runAlone(run);
    } finally {
      lock.release();
    }
  }

  async #runAlone(run: EvaluationRun): Promise<ComparisonReport> {
    const { prepared, evaluationId } = run;
    const { agent, spec } = prepared;
    const { clock, store } = this.#runtime;
    const before = await this.#records.find(agent, evaluationId);
    if (run.isNew && before) throw idExists(agent, evaluationId);
    const start = startOf(before) + 1;
    const journal = await Journal.open({
      store,
      clock,
      agent,
      evaluationId: run.answersOf,
      start,
      afterCommit: () => this.#records.requireLatest(agent, evaluationId, start),
    });
    const subject = evaluationId;
    const record = {
      v: 1,
      evaluationId,
      status: "running",
      start,
      owner: ownerFromNow(this.#runtime),
      spec,
      reuseKey: run.reuseKey,
      startedAt: run.startedAt ?? isoTime(clock),
      completedAt: null,
      rescoredFrom: run.rescoredFrom,
      report: null,
      failure: null,
    } as const satisfies EvaluationRecord;
    const isFirst = await this.#saveAndPublish(agent, record, {
      type: "evaluation.started",
      agent,
      subject,
      data: {
        evaluationId,
        candidate: spec.candidate,
        baseline: spec.baseline,
        dataset: spec.dataset,
        resumedAnswers: journal.knownRows,
      },
    });
    if (!isFirst) throw inProgress(agent, evaluationId, await this.#records.find(agent, evaluationId));
    try {
      const report = await runEvaluation({
        prepared,
        evaluationId,
        startedAt: record.startedAt,
        clock,
        journal: run.rescoredFrom === null ? journal : journal.readOnly(),
        experiments: this.#options.experiments ?? null,
        logger: this.#runtime.logger,
        onProgress: (data) => this.#publishProgress(agent, data),
      });
      const isLatest = await this.#saveAndPublish(
        agent,
        { ...record, status: "completed", completedAt: report.completedAt, report },
        { type: "evaluation.completed", agent, subject, data: completedData(report) },
      );
      if (!isLatest) throw overtaken(agent, evaluationId);
      return report;
    } catch (error) {
      await this.#saveFailure(agent, record, error);
      throw error;
    }
  }

  async #saveFailure(agent: string, record: StartedRecord, error: unknown): Promise<void> {
    const { evaluationId } = record;
    const failure = ModelOpsError.isInstance(error)
      ? { code: error.code, message: error.what }
      : { code: "evaluation/aborted", message: "The evaluation was stopped." };
    const event = newEvent(this.#runtime, {
      type: "evaluation.failed",
      agent,
      subject: evaluationId,
      data: { evaluationId, ...failure, isResumable: record.rescoredFrom === null },
    });
    try {
      const saved = await this.#records.save(agent, { ...record, status: "failed", failure }, event);
      // The record belongs to a later start; that this one ended is news all the same.
      const events = saved ?? (await this.#runtime.store.appendEvents([event]));
      for (const stored of events) this.#events.publish(stored);
    } catch (storageError) {
      // What stopped the evaluation matters more than that it could not be noted.
      this.#runtime.logger.error(
        `evaluation ${evaluationId}: its failure could not be stored: ${String(storageError)}`,
      );
      this.#events.publish({ ...event, seq: null });
    }
  }

  /** False when somebody else has started the evaluation: then nothing was saved. */
  async #saveAndPublish(
    agent: string,
    record: StartedRecord,
    event: Parameters<typeof newEvent>[1],
  ): Promise<boolean> {
    const events = await this.#records.save(agent, record, newEvent(this.#runtime, event));
    for (const stored of events ?? []) this.#events.publish(stored);
    return events !== null;
  }

  #publishProgress(agent: string, data: EvaluatorEventMap["evaluation.progress"]): void {
    const event = newEvent(this.#runtime, {
      type: "evaluation.progress",
      agent,
      subject: data.evaluationId,
      data,
    });
    this.#events.publish({ ...event, seq: null });
  }

  /** Nothing is run, so nothing is started: one stored event says whose result it is. */
  async #reuse(known: ComparisonReport): Promise<ComparisonReport> {
    const report = { ...known, reusedFrom: known.evaluationId };
    const event = newEvent(this.#runtime, {
      type: "evaluation.completed",
      agent: known.agent,
      subject: known.evaluationId,
      data: completedData(report),
    });
    const events = await this.#runtime.store.appendEvents([event]);
    for (const stored of events) this.#events.publish(stored);
    return report;
  }
}

function idExists(agent: string, evaluationId: string): ModelOpsError {
  return new ModelOpsError({
    code: "evaluation/id-exists",
    message: `Agent ${agent} already has an evaluation ${evaluationId}.`,
    fix: "call resume(evaluationId, options) to go on with it, or choose another id.",
  });
}

/** What only scored the answers of another evaluation has none to go on with. */
function requireOwnAnswers({ evaluationId, rescoredFrom }: EvaluationRecord): void {
  if (rescoredFrom === null) return;
  throw new ModelOpsError({
    code: "evaluation/not-resumable",
    message: `Evaluation ${evaluationId} scored the answers of ${rescoredFrom} again and asked for none.`,
    fix: `resume ${rescoredFrom} to ask for what it lacks, or call rescore() again.`,
    details: { evaluationId, rescoredFrom },
  });
}

function asComparison(options: EvaluateOptions): CompareOptions {
  const { model, version, ...rest } = options;
  return { ...rest, candidate: { version: version ?? "unversioned", model }, baseline: null };
}

function completedData(report: ComparisonReport): EvaluatorEventMap["evaluation.completed"] {
  return {
    evaluationId: report.evaluationId,
    candidateScore: report.candidateScore,
    baselineScore: report.baselineScore,
    improvementPct: report.improvementPct,
    recommendation: report.recommendation,
    sentence: report.sentence,
    evidenceHash: report.evidenceHash,
    reusedFrom: report.reusedFrom,
  };
}
