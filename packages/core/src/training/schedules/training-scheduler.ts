import type { BackendSchedules, TrainingBackend, TrainingRun } from "../../contract/training-backend.ts";
import { parseOrThrow } from "../../errors/from-zod.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { Runtime } from "../../runtime.ts";
import { isoTime } from "../../time/clock.ts";
import { attemptLimits, newJobRecord, type TrainingFiles } from "../new-job.ts";
import type { TrainingPlan } from "../plan.ts";
import type { TrainingSpec } from "../training-spec.ts";
import { formatScheduleQuote, quoteSchedule, readRepetition, type ScheduleQuote } from "./repetition.ts";
import { type ScheduleOptions, scheduleOptionsSchema } from "./schedule-options.ts";
import type { ScheduleRecord } from "./schedule-record.ts";
import type { ScheduleStore } from "./schedule-store.ts";

/** What the trainer lends for making a schedule. */
export interface SchedulerParts {
  readonly runtime: Runtime;
  readonly backend: TrainingBackend;
  readonly store: ScheduleStore;
  /** Plans, and refuses a plan that may not be run. */
  readonly plan: (specOrPlan: TrainingSpec | TrainingPlan, signal?: AbortSignal) => Promise<TrainingPlan>;
  /** Gives the approval's id, null where none is needed. */
  readonly approve: (question: {
    readonly plan: TrainingPlan;
    readonly quote: ScheduleQuote;
    readonly subject: string;
    readonly summary: string;
    readonly ask: ScheduleOptions["approve"] | null;
  }) => Promise<string | null>;
  readonly claim: (approvalId: string, claim: { hash: string; usedBy: string }) => Promise<unknown>;
  readonly writeData: (plan: TrainingPlan, id: string, signal?: AbortSignal) => Promise<TrainingFiles>;
}

/**
 * Makes a schedule once: refused before anything is looked at where the backend cannot, quoted by run and by month,
 * approved, written down, and only then asked of the service.
 */
export async function makeSchedule(
  specOrPlan: TrainingSpec | TrainingPlan,
  options: ScheduleOptions,
  parts: SchedulerParts,
): Promise<ScheduleRecord> {
  const { runtime, backend, store } = parts;
  const schedules = requireSchedules(backend);
  const { cron, id: askedId, approve, signal } = readOptions(options);
  const repetition = readRepetition(cron, runtime.clock.now());
  const plan = await parts.plan(specOrPlan, signal);
  requireOneMachine(plan);
  const id = askedId ?? plan.spec.runId ?? runtime.generateId();
  const quote = quoteSchedule(repetition, plan.quote);
  const known = await store.find(id);
  const isOpen = known !== null && known.status !== "deleted";
  if (isOpen) requireSame(known, plan, repetition.cron);
  if (isOpen && known.status !== "creating") return known;
  attemptLimits(plan, null, runtime.clock);
  let approvalId = isOpen ? known.approvalId : null;
  if (!isOpen) {
    approvalId = await parts.approve({
      plan,
      quote,
      subject: askedId ?? plan.spec.runId ?? plan.runHash,
      summary: `Train ${plan.agent} from ${plan.baseModel.id} on ${plan.rows} rows (${plan.method}), again and again: ${formatScheduleQuote(quote)}.`,
      ask: approve ?? null,
    });
  }
  signal?.throwIfAborted();
  const files = await parts.writeData(plan, id, signal);
  if (!isOpen && approvalId !== null) await parts.claim(approvalId, { hash: quote.hash, usedBy: id });
  const record = await store.change(
    { agent: plan.agent, id },
    (current) =>
      current && current.status !== "deleted"
        ? null
        : newScheduleRecord({ id, plan, quote, files, approvalId, current, runtime }),
    {
      action: "training.schedule-requested",
      evidence: { quoteHash: quote.hash, cron: quote.cron, usdPerMonthHigh: String(quote.usdPerMonth.high) },
    },
  );
  const made = await schedules.create(record.job.run as unknown as TrainingRun, {
    cron: record.cron,
    signal,
  });
  return await store.change(
    record,
    (current) =>
      current?.status === "creating"
        ? {
            ...current,
            status: made.isPaused ? "paused" : "active",
            backendScheduleId: made.backendScheduleId,
          }
        : null,
    { action: "training.schedule-made", evidence: { backendScheduleId: made.backendScheduleId } },
  );
}

function readOptions(options: ScheduleOptions): ScheduleOptions {
  return parseOrThrow(scheduleOptionsSchema, options, {
    code: "input/training-schedule",
    subject: "The options of schedule()",
  });
}

function newScheduleRecord(options: {
  readonly id: string;
  readonly plan: TrainingPlan;
  readonly quote: ScheduleQuote;
  readonly files: TrainingFiles;
  readonly approvalId: string | null;
  readonly current: ScheduleRecord | null;
  readonly runtime: Runtime;
}): ScheduleRecord {
  const { id, plan, quote, files, approvalId } = options;
  const { clock } = options.runtime;
  const job = newJobRecord({ plan, id, files, approvalId, current: null, clock });
  // What a schedule of this id must be like, wherever it is found.
  const labels = {
    agent: plan.agent,
    plan: plan.runHash.slice("sha256:".length).slice(0, 32),
    cap: plan.spec.maxCostUsd == null ? "none" : String(plan.spec.maxCostUsd),
  };
  return {
    id,
    agent: plan.agent,
    backend: plan.backend,
    status: "creating",
    cron: quote.cron,
    runsPerMonth: quote.runsPerMonth,
    usdPerRun: plan.quote.usd,
    usdPerMonth: quote.usdPerMonth,
    // One made again under the id of a deleted one keeps its place in lists.
    createdAt: options.current?.createdAt ?? isoTime(clock),
    runHash: plan.runHash,
    quoteHash: quote.hash,
    approvalId,
    backendScheduleId: null,
    job: { ...job, run: { ...job.run, labels } },
    message: null,
  };
}

function requireSchedules(backend: TrainingBackend): BackendSchedules {
  if (backend.capabilities.schedule && backend.schedules) return backend.schedules;
  throw new ModelOpsError({
    code: "training/schedule-not-offered",
    message: `The backend ${backend.id} has no schedules.`,
    reason: "Nothing there would start a run when its time has come.",
    fix: "use hfJobs(), or call train() from a scheduler of your own.",
  });
}

function requireOneMachine(plan: TrainingPlan): void {
  if (!plan.spec.fallbackHardware?.length) return;
  throw new ModelOpsError({
    code: "input/training-schedule",
    message: "A schedule cannot have fallbackHardware.",
    reason: "The service starts each run by itself, on one kind of machine.",
    fix: "leave fallbackHardware out, and choose hardware that is easy to get.",
  });
}

function requireSame(known: ScheduleRecord, plan: TrainingPlan, cron: string): void {
  const isSameRun = known.agent === plan.agent && known.runHash === plan.runHash;
  if (isSameRun && known.cron === cron && known.job.maxCostUsd === (plan.spec.maxCostUsd ?? null)) return;
  throw new ModelOpsError({
    code: "training/schedule-id-taken",
    message: `The schedule ${known.id} is there already, for something else.`,
    reason: "Its agent, rows, base model, settings, cap or times are not those of this plan.",
    fix: "choose another id, or delete that one first: its rows and its times were approved as they are.",
  });
}
