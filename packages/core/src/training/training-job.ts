import type { BackendEvent, TrainingBackend } from "../contract/training-backend.ts";
import { type Projection, projectCost } from "../cost/projection.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { ModelArtifact } from "../model/artifact.ts";
import type { Clock } from "../time/clock.ts";
import type { CurveFinding } from "./curve-doctor/curve-finding.ts";
import { costSoFarUsd, minutesRun } from "./job-bill.ts";
import type { JobDriver } from "./job-driver.ts";
import { minutesOf, startedEvent, terminalEvent, totalCostUsd } from "./job-messages.ts";
import { isEnded, type JobRecord, type TrainingJobState } from "./job-record.ts";
import type { JobStore } from "./job-store.ts";
import { JobStory } from "./job-story.ts";
import type { TrainingEvent, TrainingProgress } from "./training-events.ts";

const RECORD_POLL_MS = 100;

/** Where a job stands, for people and programs. */
export interface TrainingJobStatus extends TrainingProgress {
  readonly status: TrainingJobState;
  /** Where the result goes on the Hub. */
  readonly hubRepo: string | null;
  /** Pages with the run's curves, where the backend has such. */
  readonly trackioUrl: string | null;
  readonly tensorboardUrl: string | null;
  /** The job's own page. */
  readonly url: string | null;
  /**
   * Over all attempts. While it runs: the price of the hardware for every started minute; after that the backend's own
   * figure, null where it gives none.
   */
  readonly costUsd: number | null;
  /**
   * What this attempt is heading for: its quote at first, then what the measured rate says. Null when it has ended.
   */
  readonly projection: Projection | null;
  readonly message: string | null;
  /** What the run's curves have shown so far: read `advice`. */
  readonly findings: readonly CurveFinding[];
}

/** What a completed job gives. */
export interface TrainingResult {
  readonly jobId: string;
  readonly agent: string;
  /** Null when the trainer has no registry. */
  readonly version: string | null;
  readonly modelId: string;
  readonly artifact: ModelArtifact;
  readonly minutes: number;
  readonly costUsd: number | null;
  readonly metrics: Readonly<Record<string, number>>;
}

/** A training run that outlives the process it was started in. */
export class TrainingJob {
  readonly id: string;
  readonly agent: string;
  readonly #driver: JobDriver | null;
  readonly #backend: TrainingBackend | null;
  readonly #store: JobStore;
  readonly #clock: Clock;

  constructor(parts: {
    readonly record: JobRecord;
    readonly driver: JobDriver | null;
    readonly backend: TrainingBackend | null;
    readonly store: JobStore;
    readonly clock: Clock;
  }) {
    this.id = parts.record.id;
    this.agent = parts.record.agent;
    this.#driver = parts.driver;
    this.#backend = parts.backend;
    this.#store = parts.store;
    this.#clock = parts.clock;
  }

  async status(): Promise<TrainingJobStatus> {
    const stored = await this.#store.get(this.id);
    // The driver's view is up to a second ahead of the store.
    const live = !isEnded(stored) && this.#driver ? this.#driver.record : stored;
    const progress = live.progress ?? stored.progress;
    return {
      currentStep: progress?.currentStep ?? 0,
      totalSteps: progress?.totalSteps ?? null,
      progressPct: progress?.progressPct ?? null,
      currentLoss: progress?.currentLoss ?? null,
      learningRate: progress?.learningRate ?? null,
      etaMinutes: isEnded(stored) ? null : (progress?.etaMinutes ?? null),
      status: stored.status,
      hubRepo: hubRepoOf(live),
      trackioUrl: live.trackioUrl,
      tensorboardUrl: live.tensorboardUrl,
      url: stored.backendUrl,
      costUsd: isEnded(stored) ? totalCostUsd(stored) : costSoFarUsd(live, this.#clock.now()),
      projection: isEnded(stored) ? null : projectionOf(live, this.#clock.now()),
      message: stored.failure?.message ?? stored.message,
      findings: live.findings,
    };
  }

  /**
   * The job's events: from the beginning (or after position `since`), then as they come, ending with the one that ends
   * the job. Ending the loop does not cancel the job.
   */
  async *events(
    options: { readonly since?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<TrainingEvent> {
    const { signal } = options;
    const backend = this.#requireBackend();
    let { since } = options;
    for (let followed: string | null = null; ; ) {
      const record: JobRecord = await this.#submittedRecord(signal, followed);
      if (record.backendJobId === null || record.backendJobId === followed) break;
      followed = record.backendJobId;
      if (since === undefined) yield startedEvent(record, record.startedAt ?? record.createdAt);
      const story = new JobStory(record);
      for await (const event of backend.events(followed, { signal, keepAlive: true })) {
        const messages = story.take(event);
        if (event.index > (since ?? -1)) yield* messages;
      }
      // One whose machine never came goes on with the next one, in a log of its own.
      if (!story.neverScheduled || record.fallbacks.length === 0) break;
      since = undefined;
    }
    yield terminalEvent(await this.#endedRecord(signal));
  }

  /** Every line of the script, as the backend has it. None when the job ended before it was submitted. */
  async *log(
    options: { readonly since?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<BackendEvent> {
    const backend = this.#requireBackend();
    const { backendJobId } = await this.#submittedRecord(options.signal);
    if (backendJobId !== null) yield* backend.events(backendJobId, { ...options, keepAlive: true });
  }

  /**
   * Waits for the end. Aborting the wait leaves the job running.
   * @throws ModelOpsError `training/failed` with the diagnosis and the fix, `training/cancelled`
   */
  async result(options: { readonly signal?: AbortSignal } = {}): Promise<TrainingResult> {
    const record = await this.#endedRecord(options.signal);
    if (record.status === "completed" && record.artifact) {
      return {
        jobId: record.id,
        agent: record.agent,
        version: record.registeredVersion,
        modelId: record.version.modelId,
        artifact: record.artifact,
        minutes: minutesOf(record) ?? 0,
        costUsd: totalCostUsd(record),
        metrics: record.metrics,
      };
    }
    if (record.status === "cancelled") {
      throw new ModelOpsError({
        code: "training/cancelled",
        message: `The training job ${this.id} was cancelled.`,
        reason: record.message ?? undefined,
        fix: "start it again under the same run id: it goes on from its last checkpoint.",
        details: { jobId: this.id },
      });
    }
    const failure = record.failure ?? {
      diagnosis: "unknown",
      message: "No reason is recorded.",
      fix: "see its log.",
    };
    throw new ModelOpsError({
      code: "training/failed",
      message: `The training job ${this.id} failed (${failure.diagnosis}).`,
      reason: failure.message,
      fix: failure.fix,
      details: { jobId: this.id, diagnosis: failure.diagnosis },
    });
  }

  /** Cancels and waits until the backend shows that the job has ended. Cancelling an ended job is calm. */
  async cancel(
    options: { readonly reason?: string; readonly signal?: AbortSignal } = {},
  ): Promise<TrainingJobStatus> {
    if (this.#driver && !isEnded(this.#driver.record)) {
      await this.#driver.cancel(options.reason ?? "It was cancelled.");
      await this.#endedRecord(options.signal);
    }
    return await this.status();
  }

  async #submittedRecord(signal: AbortSignal | undefined, after: string | null = null): Promise<JobRecord> {
    for (;;) {
      const record = await this.#store.get(this.id);
      if ((record.backendJobId !== null && record.backendJobId !== after) || isEnded(record)) return record;
      await this.#clock.sleep(RECORD_POLL_MS, { signal, keepAlive: true });
    }
  }

  async #endedRecord(signal: AbortSignal | undefined): Promise<JobRecord> {
    if (!this.#driver) return await this.#store.get(this.id);
    // Whoever waits keeps the process alive; the follower in the background does not.
    const hold = setInterval(() => {}, 60_000);
    try {
      return await withSignal(this.#driver.ended, signal);
    } finally {
      clearInterval(hold);
    }
  }

  #requireBackend(): TrainingBackend {
    if (this.#backend) return this.#backend;
    throw new ModelOpsError({
      code: "training/other-backend",
      message: `The job ${this.id} runs on a backend that this trainer does not have.`,
      fix: "open it with a trainer that has the same backend.",
    });
  }
}

/** Where the result is, else where it shall go. */
function hubRepoOf(record: JobRecord): string | null {
  const { artifact, hubRepo, run } = record;
  if (artifact?.location.type === "hub") return artifact.location.repoId;
  return hubRepo ?? (typeof run.hubRepo === "string" ? run.hubRepo : null);
}

async function withSignal<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (!signal) return await promise;
  signal.throwIfAborted();
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function projectionOf(record: JobRecord, nowMs: number): Projection | null {
  if (!record.quotedMinutes) return null;
  return projectCost({
    quotedMinutes: record.quotedMinutes,
    costUsdPerHour: record.costUsdPerHour,
    elapsedMinutes: minutesRun(record, nowMs),
    etaMinutes: record.progress?.etaMinutes ?? null,
  });
}
