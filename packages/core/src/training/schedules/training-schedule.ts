import type { BackendSchedules, TrainingRun } from "../../contract/training-backend.ts";
import type { Range } from "../../cost/quote.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { Runtime } from "../../runtime.ts";
import type { JobRecord } from "../job-record.ts";
import type { JobStore } from "../job-store.ts";
import type { TrainingJob } from "../training-job.ts";
import { adoptJob } from "./adopted-job.ts";
import type { ScheduleRecord, TrainingScheduleState } from "./schedule-record.ts";
import type { ScheduleStore } from "./schedule-store.ts";

const LONGEST_WAIT_MS = 3_600_000;
/** The service starts a job a moment after its time. */
const AFTER_TURN_MS = 5000;
const MAX_JOBS = 1000;

type Waiting = { readonly signal?: AbortSignal };

/** Where a schedule stands. */
export interface TrainingScheduleStatus {
  readonly status: TrainingScheduleState;
  readonly cron: string;
  /** Null while it is paused, or gone. */
  readonly nextRunAt: string | null;
  readonly runsPerMonth: number;
  /** As quoted when it was made. */
  readonly usdPerRun: Range;
  readonly usdPerMonth: Range;
  /** Why it is not what was asked for, such as a pause by the service. */
  readonly message: string | null;
}

export interface TrainingScheduleParts {
  readonly runtime: Runtime;
  readonly store: ScheduleStore;
  readonly jobStore: JobStore;
  /** Null when it belongs to another backend. */
  readonly schedules: BackendSchedules | null;
  readonly openJob: (record: JobRecord) => TrainingJob;
}

/** Runs that a service starts by itself, again and again, until the schedule is paused or deleted. */
export class TrainingSchedule {
  readonly id: string;
  readonly agent: string;
  readonly #parts: TrainingScheduleParts;

  constructor(record: Pick<ScheduleRecord, "id" | "agent">, parts: TrainingScheduleParts) {
    this.id = record.id;
    this.agent = record.agent;
    this.#parts = parts;
  }

  /** Asks the service: what was paused or deleted there shows here. */
  async status({ signal }: Waiting = {}): Promise<TrainingScheduleStatus> {
    let record = await this.#parts.store.get(this.id);
    let nextRunAt: string | null = null;
    const { backendScheduleId } = record;
    if (backendScheduleId !== null && record.status !== "deleted") {
      const found = await this.#schedules().find(backendScheduleId, { signal });
      nextRunAt = found?.nextRunAt ?? null;
      if (!found) record = await this.#became("deleted", "It was deleted on the service.");
      else if (found.isPaused !== (record.status === "paused"))
        record = found.isPaused
          ? await this.#became("paused", found.pausedReason ?? "It was paused on the service.")
          : await this.#became("active", null);
    }
    const { status, cron, runsPerMonth, usdPerRun, usdPerMonth, message } = record;
    return { status, cron, nextRunAt, runsPerMonth, usdPerRun, usdPerMonth, message };
  }

  /** Its jobs so far, oldest first. Those that are new are written down and followed from here on. */
  async jobs({ signal }: Waiting = {}): Promise<readonly TrainingJob[]> {
    const { store, jobStore, runtime, openJob } = this.#parts;
    const record = await store.get(this.id);
    const { backendScheduleId } = record;
    if (backendScheduleId !== null) {
      const started = await this.#schedules().jobs({ backendScheduleId, runId: this.id }, { signal });
      for (const job of started) await adoptJob(record, job, { runtime, store: jobStore });
    }
    const known = await jobStore.list({
      agent: this.agent,
      terms: [`schedule:${this.id}`],
      limit: MAX_JOBS,
    });
    return known.toReversed().map(openJob);
  }

  /**
   * Its jobs so far, then each one as it is started, until the schedule is gone. Leaving the loop changes nothing.
   * `keepAlive: false` lets the process exit while it waits.
   */
  async *runs(options: Waiting & { readonly keepAlive?: boolean } = {}): AsyncGenerator<TrainingJob> {
    const { signal, keepAlive = true } = options;
    const { clock } = this.#parts.runtime;
    const seen = new Set<string>();
    for (;;) {
      signal?.throwIfAborted();
      const { status, nextRunAt } = await this.status({ signal });
      for (const job of await this.jobs({ signal })) {
        if (seen.has(job.id)) continue;
        seen.add(job.id);
        yield job;
      }
      if (status === "deleted") return;
      const untilTurnMs = nextRunAt === null ? LONGEST_WAIT_MS : Date.parse(nextRunAt) - clock.now();
      const waitMs = Math.min(LONGEST_WAIT_MS, Math.max(0, untilTurnMs) + AFTER_TURN_MS);
      await clock.sleep(waitMs, { signal, keepAlive });
    }
  }

  /** Starts no more runs until `resume`. A run that is under way goes on. Resolves when the service shows it. */
  async pause({ signal }: Waiting = {}): Promise<TrainingScheduleStatus> {
    await this.#schedules().pause(await this.#requireLive(), { signal });
    await this.#became("paused", null);
    return await this.status({ signal });
  }

  /** Goes on under the approval that it was made with. */
  async resume({ signal }: Waiting = {}): Promise<TrainingScheduleStatus> {
    await this.#schedules().resume(await this.#requireLive(), { signal });
    await this.#became("active", null);
    return await this.status({ signal });
  }

  /**
   * Ends it, and resolves when the service no longer has it. A run that is under way goes on (its job cancels it), and
   * jobs that were started are kept. Deleting it again is calm.
   */
  async delete({ signal }: Waiting = {}): Promise<TrainingScheduleStatus> {
    const schedules = this.#schedules();
    const record = await this.#parts.store.get(this.id);
    if (record.status !== "deleted") {
      // One whose making was interrupted may be there all the same.
      const run = record.job.run as unknown as TrainingRun;
      const backendScheduleId =
        record.backendScheduleId ??
        (await schedules.ofRun(run, { cron: record.cron, signal }))?.backendScheduleId ??
        null;
      if (backendScheduleId !== null) await schedules.delete(backendScheduleId, { signal });
      await this.#became("deleted", null);
      await this.jobs({ signal });
    }
    return await this.status({ signal });
  }

  async #became(status: TrainingScheduleState, message: string | null): Promise<ScheduleRecord> {
    const action = `training.schedule-${status === "active" ? "resumed" : status}`;
    return await this.#parts.store.change(
      this,
      (current) =>
        !current || current.status === status || current.status === "deleted"
          ? null
          : { ...current, status, message },
      { action, reason: message },
    );
  }

  async #requireLive(): Promise<string> {
    const { backendScheduleId, status } = await this.#parts.store.get(this.id);
    if (backendScheduleId !== null && status !== "deleted") return backendScheduleId;
    throw new ModelOpsError({
      code: "training/schedule-not-active",
      message: `The schedule ${this.id} is ${status === "deleted" ? "deleted" : "not made yet"}.`,
      fix: "call trainer.schedule again with the same id: it makes what is missing.",
    });
  }

  #schedules(): BackendSchedules {
    const { schedules } = this.#parts;
    if (schedules) return schedules;
    throw new ModelOpsError({
      code: "training/other-backend",
      message: `The schedule ${this.id} runs on a backend that this trainer does not have.`,
      fix: "open it with a trainer that has the same backend.",
    });
  }
}
