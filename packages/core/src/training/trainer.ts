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
import { approvalFor } from "./approval-question.ts";
import { askedQuote, planFallbacks } from "./fallback-hardware.ts";
import { JobDriver } from "./job-driver.ts";
import { exactMinutesOf } from "./job-messages.ts";
import { isEnded, type JobRecord, type TrainingJobState } from "./job-record.ts";
import { JobStore } from "./job-store.ts";
import { attemptLimits, newJobRecord, type TrainingFiles } from "./new-job.ts";
import { DEMO_ROWS, makePlan, parseSpec, type TrainingPlan } from "./plan.ts";
import { ScheduleFollowers } from "./schedules/schedule-followers.ts";
import type { ScheduleOptions } from "./schedules/schedule-options.ts";
import type { ScheduleRecord, TrainingScheduleState } from "./schedules/schedule-record.ts";
import { ScheduleStore } from "./schedules/schedule-store.ts";
import { TrainingSchedule } from "./schedules/training-schedule.ts";
import { makeSchedule } from "./schedules/training-scheduler.ts";
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
  readonly #scheduleStore: ScheduleStore;
  readonly #scheduleFollowers: ScheduleFollowers;

  constructor(runtime: Runtime, options: TrainerOptions) {
    this.#runtime = runtime;
    this.#options = parseOrThrow(trainerOptionsSchema, options, {
      code: "config/trainer",
      subject: "The trainer's options",
    });
    this.#reader = datasetReader(this.#options.sources);
    this.#store = new JobStore(runtime);
    this.#scheduleStore = new ScheduleStore(runtime);
    this.#scheduleFollowers = new ScheduleFollowers(runtime);
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
    const plan = await this.#allowedPlan(specOrPlan, signal);
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

  /**
   * Lets the backend start this run by its own clock, again and again, on the rows as they are now, after a person's
   * approval where the dearer of one run and one month needs one. Under an id that is known it gives the schedule that
   * is there. What it starts is followed, verified and registered while this trainer, or one that has opened the
   * schedule, is open.
   * @throws ModelOpsError `training/schedule-not-offered`, `training/schedule-id-taken`, `input/training-schedule`, and what `train` throws
   */
  async schedule(
    specOrPlan: TrainingSpec | TrainingPlan,
    options: ScheduleOptions,
  ): Promise<TrainingSchedule> {
    const { backend, approvals } = this.#options;
    const record = await makeSchedule(specOrPlan, options, {
      runtime: this.#runtime,
      backend,
      store: this.#scheduleStore,
      plan: async (wanted, signal) => await this.#allowedPlan(wanted, signal),
      approve: async ({ plan, quote, subject, summary, ask }) => {
        const usd = Math.max(quote.perRun.usd.high, quote.usdPerMonth.high);
        if (!this.#needsApproval(usd)) return null;
        return await approvalFor(
          { agent: plan.agent, action: "training.schedule", subject, hash: quote.hash, summary, usd },
          {
            approvals,
            actor: this.#runtime.actor,
            call: "schedule",
            details: { usd: quote.perRun.usd, usdPerMonth: quote.usdPerMonth },
            ask: ask ? () => ask(quote, plan) : null,
          },
        );
      },
      claim: async (approvalId, claim) => await approvals.claim(approvalId, claim),
      writeData: async (plan, id, signal) => await this.#writeData(plan, id, signal),
    });
    return this.#openSchedule(record);
  }

  /** A schedule by its id, from this process or another one; what it has started meanwhile is followed on. */
  async openSchedule(id: string): Promise<TrainingSchedule> {
    return this.#openSchedule(await this.#scheduleStore.get(id));
  }

  /** Schedules, newest first, as they were last seen. Looking does not follow them. */
  async schedules(
    options: { readonly agent?: string; readonly status?: TrainingScheduleState } = {},
  ): Promise<readonly ScheduleRecord[]> {
    return await this.#scheduleStore.list({
      agent: options.agent === undefined ? undefined : canonicalAgentName(options.agent),
      terms: options.status ? [`status:${options.status}`] : [],
    });
  }

  /** Stops following. Running jobs go on; `job(id)` finds them again. */
  async close(): Promise<void> {
    await this.#scheduleFollowers.close();
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

  #openSchedule(record: ScheduleRecord): TrainingSchedule {
    const { backend } = this.#options;
    const schedules = record.backend === backend.id ? (backend.schedules ?? null) : null;
    const schedule = new TrainingSchedule(record, {
      runtime: this.#runtime,
      store: this.#scheduleStore,
      jobStore: this.#store,
      schedules,
      openJob: (job) => this.#open(job),
    });
    if (schedules && record.status !== "deleted") this.#scheduleFollowers.follow(schedule);
    return schedule;
  }

  async #allowedPlan(specOrPlan: TrainingSpec | TrainingPlan, signal?: AbortSignal): Promise<TrainingPlan> {
    const plan = "runHash" in specOrPlan ? specOrPlan : await this.plan(specOrPlan, { signal });
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
    if (cap == null || !tooDear) return plan;
    throw new ModelOpsError({
      code: "training/quote-exceeds-cap",
      message: `The run is quoted at $${tooDear.usd.likely.toFixed(2)}, above maxCostUsd = $${cap.toFixed(2)}.`,
      reason: formatQuote(tooDear),
      fix: "raise maxCostUsd, train on fewer rows or steps, or choose cheaper hardware.",
      details: { usd: tooDear.usd, maxCostUsd: cap },
    });
  }

  #needsApproval(usdHigh: number): boolean {
    const { requireApproval, defaults } = this.#options;
    const approvalAboveUsd =
      this.#options.approvalAboveUsd ?? defaults?.safety.approvalAboveUsd ?? DEFAULT_APPROVAL_ABOVE_USD;
    return requireApproval || usdHigh > approvalAboveUsd;
  }

  async #approve(plan: TrainingPlan, id: string, { approve }: TrainOptions): Promise<string | null> {
    const { quote, agent } = plan;
    const asked = askedQuote(plan);
    if (!this.#needsApproval(asked.usdHigh)) return null;
    return await approvalFor(
      {
        agent,
        action: "training.start",
        // With a run id of one's own the question survives a restart; else it is about this very plan.
        subject: plan.spec.runId ?? plan.runHash,
        hash: asked.hash,
        summary: `Train ${agent} from ${plan.baseModel.id} on ${plan.rows} rows (${plan.method}): ${asked.text}.`,
        usd: asked.usdHigh,
      },
      {
        approvals: this.#options.approvals,
        actor: this.#runtime.actor,
        call: "train",
        details: { usd: quote.usd, runId: id },
        ask: approve ? () => approve(quote, plan) : null,
      },
    );
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
