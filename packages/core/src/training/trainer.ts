import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import type { z } from "zod";
import { type Correction, correctionFrom, formatQuote } from "../cost/quote.ts";
import { type DatasetReader, datasetReader } from "../datasets/dataset-reference.ts";
import { exportDataset } from "../datasets/export-dataset.ts";
import { parseOrThrow } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { EventSource, type EventSubscriptions } from "../events/event-source.ts";
import { resolveInside, safeFileName } from "../files/safe-path.ts";
import { canonicalAgentName } from "../model/agent-name.ts";
import type { Runtime } from "../runtime.ts";
import { applyDefaults, checkLimits } from "./apply-defaults.ts";
import { askedQuote, planFallbacks } from "./fallback-hardware.ts";
import { JobDriver } from "./job-driver.ts";
import { exactMinutesOf } from "./job-messages.ts";
import { isEnded, type JobRecord, type TrainingJobState } from "./job-record.ts";
import { JobStore } from "./job-store.ts";
import { attemptLimits, newJobRecord, type TrainingFiles } from "./new-job.ts";
import { DEMO_ROWS, makePlan, parseSpec, type TrainingPlan } from "./plan.ts";
import {
  DEFAULT_APPROVAL_ABOVE_USD,
  type TrainerOptions,
  type TrainOptions,
  trainerOptionsSchema,
} from "./trainer-options.ts";
import type { TrainingEvents } from "./training-events.ts";
import { TrainingJob } from "./training-job.ts";
import type { TrainingSpec } from "./training-spec.ts";

const JOBS_FOR_CORRECTION = 10;

/** From examples to a verified, registered model: checks, quotes, asks, trains, follows. */
export class Trainer {
  readonly #runtime: Runtime;
  readonly #options: z.output<typeof trainerOptionsSchema>;
  readonly #reader: DatasetReader;
  readonly #store: JobStore;
  readonly #events: EventSource<TrainingEvents>;
  readonly #drivers = new Map<string, JobDriver>();

  constructor(runtime: Runtime, options: TrainerOptions) {
    this.#runtime = runtime;
    this.#options = parseOrThrow(trainerOptionsSchema, options, {
      code: "config/trainer",
      subject: "The trainer's options",
    });
    this.#reader = datasetReader(this.#options.sources);
    this.#store = new JobStore(runtime);
    this.#events = new EventSource({ onListenerError: runtime.onListenerError });
  }

  /** Subscriptions to the `training.*` events that this process sees. */
  get events(): EventSubscriptions<TrainingEvents> {
    return this.#events;
  }

  /** Checks the dataset and the base model, chooses hardware and adapter, and quotes. No side effects. */
  async plan(spec: TrainingSpec, options: { readonly signal?: AbortSignal } = {}): Promise<TrainingPlan> {
    return await this.#plan(spec, null, options);
  }

  async #plan(
    spec: TrainingSpec,
    sibling: TrainingPlan | null,
    options: { readonly signal?: AbortSignal },
  ): Promise<TrainingPlan> {
    const { defaults } = this.#options;
    const complete = defaults ? applyDefaults(parseSpec(spec), defaults) : spec;
    const planFor = async (wanted: TrainingSpec, known: TrainingPlan | null) => {
      const made = await makePlan({
        spec: wanted,
        backend: this.#options.backend,
        reader: this.#reader,
        lookup: this.#options.baseModelLookup ?? null,
        correctionFor: (hardwareId) => this.#correctionFor(hardwareId),
        preferredHardware: defaults?.gpuSelection ?? null,
        sibling: known,
        signal: options.signal,
      });
      if (defaults) checkLimits(made, defaults);
      return made;
    };
    const plan = await planFor(complete, sibling);
    if (!plan.spec.fallbackHardware?.length) return plan;
    return { ...plan, fallbacks: await planFallbacks(plan, (wanted) => planFor(wanted, plan)) };
  }

  /**
   * Plans a trial run and the real one over one look at base model and rows; `formatQuote` shows both on one line. The
   * trial is null where the defaults do not allow one for this agent.
   */
  async planBoth(
    spec: Omit<TrainingSpec, "mode">,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly demo: TrainingPlan | null; readonly production: TrainingPlan }> {
    const production = await this.plan({ ...spec, mode: "production" }, options);
    const isAllowed = this.#options.defaults?.agents[production.agent]?.demoAllowed ?? true;
    const demo = isAllowed ? await this.#plan({ ...spec, mode: "demo" }, production, options) : null;
    return { demo, production };
  }

  /**
   * Starts a run, after a person's approval where one is needed. Under a run id that is known it gives the job that is
   * there: running, completed, or, after a failure or a cancellation, going on from its last checkpoint.
   * @throws ModelOpsError `approval/required`, `approval/denied`, `training/quote-exceeds-cap`, `training/cap-reached`, `dataset/...`, `training/...`
   */
  async train(specOrPlan: TrainingSpec | TrainingPlan, options: TrainOptions = {}): Promise<TrainingJob> {
    const { signal } = options;
    const plan = "runHash" in specOrPlan ? specOrPlan : await this.plan(specOrPlan, { signal });
    this.#checkPlan(plan);
    const id = plan.spec.runId ?? this.#runtime.generateId();
    const known = await this.#settled(await this.#store.find(id), signal);
    if (known && (known.agent !== plan.agent || known.runHash !== plan.runHash)) {
      throw new ModelOpsError({
        code: "training/run-id-taken",
        message: `The run id ${id} belongs to another run.`,
        reason: "Its agent, dataset, base model or settings are not those of this plan.",
        fix: "choose another run id, or the settings of the run that shall go on.",
      });
    }
    if (known && (!isEnded(known) || known.status === "completed")) return this.#open(known);
    attemptLimits(plan, known, this.#runtime.clock);
    const approvalId = await this.#approve(plan, id, options);
    signal?.throwIfAborted();
    const files = await this.#writeData(plan, id, signal);
    if (approvalId !== null)
      await this.#options.approvals.claim(approvalId, { hash: askedQuote(plan).hash, usedBy: id });
    return this.#open(await this.#create(plan, id, files, approvalId));
  }

  /** A job by its id, from this process or another one; it is followed on from where it is. */
  async job(id: string): Promise<TrainingJob> {
    return this.#open(await this.#store.get(id));
  }

  /** Jobs, newest first. Looking does not follow them. */
  async jobs(
    options: { readonly agent?: string; readonly status?: TrainingJobState; readonly limit?: number } = {},
  ): Promise<readonly JobRecord[]> {
    return await this.#store.list({
      agent: options.agent === undefined ? undefined : canonicalAgentName(options.agent),
      terms: options.status ? [`status:${options.status}`] : [],
      limit: options.limit ?? 100,
    });
  }

  /** Stops following. Running jobs go on; `job(id)` finds them again. */
  async close(): Promise<void> {
    const drivers = [...this.#drivers.values()];
    this.#drivers.clear();
    for (const driver of drivers) driver.close();
    await Promise.allSettled(drivers.map((driver) => driver.ended));
    await this.#options.backend.close?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * The record of an attempt that failed or was cancelled while nobody followed it (its host was interrupted) still
   * says that it runs: brings it up to date, so that a new attempt can begin.
   */
  async #settled(record: JobRecord | null, signal: AbortSignal | undefined): Promise<JobRecord | null> {
    const { backend } = this.#options;
    if (record === null || isEnded(record) || record.backend !== backend.id) return record;
    if (record.backendJobId === null) return record;
    const { stage } = await backend.status(record.backendJobId, { signal });
    if (stage !== "failed" && stage !== "cancelled") return record;
    this.#open(record);
    return (await this.#drivers.get(record.id)?.ended) ?? record;
  }

  #open(record: JobRecord): TrainingJob {
    const { backend, registrar } = this.#options;
    const isOurs = record.backend === backend.id;
    let driver = this.#drivers.get(record.id) ?? null;
    // An ended attempt's driver is done; a new attempt needs a new one.
    if (driver && isEnded(driver.record) && !isEnded(record)) driver = null;
    if (!driver && isOurs && !isEnded(record)) {
      driver = new JobDriver(record, {
        runtime: this.#runtime,
        store: this.#store,
        backend,
        registrar: registrar ?? null,
        events: this.#events,
      });
      this.#drivers.set(record.id, driver);
    }
    return new TrainingJob({
      record,
      driver,
      backend: isOurs ? backend : null,
      store: this.#store,
      clock: this.#runtime.clock,
    });
  }

  #checkPlan(plan: TrainingPlan): void {
    if (plan.backend !== this.#options.backend.id) {
      throw new ModelOpsError({
        code: "training/other-backend",
        message: `The plan was made for the backend ${plan.backend}, not for ${this.#options.backend.id}.`,
        fix: "make the plan with this trainer.",
      });
    }
    const cap = plan.spec.maxCostUsd;
    const quotes = [plan.quote, ...(plan.fallbacks ?? []).map((fallback) => fallback.quote)];
    const tooDear = quotes.find((quote) => cap != null && quote.usd.likely > cap);
    if (cap == null || !tooDear) return;
    throw new ModelOpsError({
      code: "training/quote-exceeds-cap",
      message: `The run is quoted at $${tooDear.usd.likely.toFixed(2)}, above maxCostUsd = $${cap.toFixed(2)}.`,
      reason: formatQuote(tooDear),
      fix: "raise maxCostUsd, train on fewer rows or steps, or choose cheaper hardware.",
      details: { usd: tooDear.usd, maxCostUsd: cap },
    });
  }

  async #approve(plan: TrainingPlan, id: string, options: TrainOptions): Promise<string | null> {
    const { approvals, requireApproval, defaults } = this.#options;
    const approvalAboveUsd =
      this.#options.approvalAboveUsd ?? defaults?.safety.approvalAboveUsd ?? DEFAULT_APPROVAL_ABOVE_USD;
    const { quote, agent } = plan;
    const asked = askedQuote(plan);
    if (!requireApproval && asked.usdHigh <= approvalAboveUsd) return null;
    const summary = `Train ${agent} from ${plan.baseModel.id} on ${plan.rows} rows (${plan.method}): ${asked.text}.`;
    // With a run id of one's own the question survives a restart; else it is about this very plan.
    const subject = plan.spec.runId ?? plan.runHash;
    const question = {
      agent,
      action: "training.start",
      subject,
      hash: asked.hash,
      summary,
      usd: asked.usdHigh,
    };
    const approval = await approvals.request(question);
    if (approval.status === "approved") return approval.id;
    if (!options.approve) {
      throw new ModelOpsError({
        code: "approval/required",
        message: `The run needs a person's approval: ${summary}`,
        fix: `approve it with approvals.approve(${JSON.stringify(approval.id)}, { by }), then call train again with the same plan.`,
        details: { approvalId: approval.id, hash: asked.hash, usd: quote.usd, runId: id },
      });
    }
    const answer = await options.approve(quote, plan);
    const decision = typeof answer === "boolean" ? { approved: answer, by: this.#runtime.actor.id } : answer;
    if (decision?.approved === true) {
      await approvals.approve(approval.id, { by: decision.by, reason: decision.reason });
      return approval.id;
    }
    await approvals.deny(approval.id, {
      by: decision?.by ?? this.#runtime.actor.id,
      reason: decision?.reason,
    });
    throw new ModelOpsError({
      code: "approval/denied",
      message: `The run was not approved: ${summary}`,
      reason: decision?.reason,
      fix: "do not retry; ask the person what should change.",
      details: { approvalId: approval.id },
    });
  }

  async #writeData(plan: TrainingPlan, id: string, signal: AbortSignal | undefined): Promise<TrainingFiles> {
    const { spec, method } = plan;
    const folder = resolveInside(resolve(this.#runtime.home, "datasets"), safeFileName(id));
    await mkdir(folder, { recursive: true });
    const common = {
      mapping: spec.mapping,
      rewards: spec.rewards,
      dropInvalidRows: spec.dropInvalidRows,
      reader: this.#reader,
      signal,
    };
    const train = resolve(folder, "train.jsonl");
    await exportDataset(spec.dataset, method, {
      ...common,
      path: train,
      expectedFingerprint: plan.dataset.fingerprint,
      maxRows: plan.mode === "demo" ? DEMO_ROWS : null,
    });
    if (spec.evaluationDataset == null) return { train, evaluation: null };
    const evaluation = resolve(folder, "evaluation.jsonl");
    await exportDataset(spec.evaluationDataset, method, {
      ...common,
      path: evaluation,
      maxRows: plan.mode === "demo" ? DEMO_ROWS : null,
    });
    return { train, evaluation };
  }

  async #create(
    plan: TrainingPlan,
    id: string,
    files: TrainingFiles,
    approvalId: string | null,
  ): Promise<JobRecord> {
    const { record } = await this.#store.change({ agent: plan.agent, id }, (current) => {
      if (current && (!isEnded(current) || current.status === "completed")) return null;
      const next = newJobRecord({ plan, id, files, approvalId, current, clock: this.#runtime.clock });
      const evidence = {
        quoteHash: plan.quote.hash,
        dataset: plan.dataset.fingerprint,
        usdHigh: String(plan.quote.usd.high),
      };
      return {
        record: next,
        audit: [{ action: "training.requested", actor: this.#runtime.actor, subject: id, evidence }],
        idempotencyKey: `training:${id}:${next.attempt}:create`,
      };
    });
    return record ?? (await this.#store.get(id));
  }

  async #correctionFor(hardwareId: string): Promise<Correction | null> {
    const jobs = await this.#store.list({
      terms: ["status:completed", `hardware:${hardwareId}`],
      limit: JOBS_FOR_CORRECTION,
    });
    // A run that was interrupted took longer than its own work.
    const ratios = jobs
      .filter((job) => job.attempt === 1)
      .map((job) => (exactMinutesOf(job) ?? 0) / job.uncorrectedMinutes);
    return correctionFrom(ratios);
  }
}
