import type { AuditEntry } from "../contract/registry-store.ts";
import type {
  BackendEvent,
  BackendJobStatus,
  TrainingBackend,
  TrainingFailure,
  TrainingRun,
} from "../contract/training-backend.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { ModelOpsEvent, NewEvent } from "../events/event.ts";
import type { EventSource } from "../events/event-source.ts";
import { newEvent, type Runtime } from "../runtime.ts";
import { isoTime } from "../time/clock.ts";
import { describeFailure } from "./diagnosis.ts";
import { onNextHardware } from "./fallback-hardware.ts";
import { overCap } from "./job-bill.ts";
import { startedEvent, terminalEvent } from "./job-messages.ts";
import { isEnded, type JobRecord } from "./job-record.ts";
import type { JobStore } from "./job-store.ts";
import { JobStory } from "./job-story.ts";
import { ProgressRecorder } from "./progress-recorder.ts";
import type { TrainingEvents } from "./training-events.ts";
import type { VersionInput, VersionRegistrar } from "./version-registrar.ts";

const FLUSH_MS = 1000;
const FLUSH_EVENTS = 200;
const STATUS_POLL_MS = 1000;

export interface JobDriverParts {
  readonly runtime: Runtime;
  readonly store: JobStore;
  readonly backend: TrainingBackend;
  readonly registrar: VersionRegistrar | null;
  readonly events: EventSource<TrainingEvents>;
}

/**
 * Takes a job from where its record says it is to its end: prepare, submit, follow, verify, register. Every step can
 * be repeated, so it does not matter which process does it, or whether two do: each change has a key that counts once.
 */
export class JobDriver {
  readonly #parts: JobDriverParts;
  readonly #abort = new AbortController();
  #story: JobStory;
  #record: JobRecord;
  /** Settles with the record at the end of the attempt; rejects when this process could not drive it there. */
  readonly ended: Promise<JobRecord>;

  constructor(record: JobRecord, parts: JobDriverParts) {
    this.#record = record;
    this.#story = new JobStory(record);
    this.#parts = parts;
    this.ended = this.#drive();
    // Nobody may be waiting; those who are get the rejection all the same.
    this.ended.catch(() => {});
  }

  /** The newest state that this process knows. */
  get record(): JobRecord {
    return this.#record;
  }

  /** Stops following; the job itself goes on. */
  close(): void {
    this.#abort.abort(closedError(this.#record.id));
  }

  /** Wakes the driver after a cancellation was written to the record. */
  async cancel(reason: string): Promise<void> {
    const { record } = await this.#change((current) =>
      isEnded(current) || current.cancelRequested
        ? null
        : { record: { ...current, cancelRequested: true, cancelReason: reason } },
    );
    if (isEnded(record)) return;
    if (record.backendJobId !== null) await this.#parts.backend.cancel(record.backendJobId);
    else this.#preparing?.abort(new Error("cancelled"));
  }

  #preparing: AbortController | null = null;
  #stopping: Promise<void> | null = null;

  async #drive(): Promise<JobRecord> {
    const { signal } = this.#abort;
    while (!isEnded(this.#record)) {
      signal.throwIfAborted();
      if (this.#record.backendJobId === null) await this.#start();
      else await this.#follow(this.#record.backendJobId);
    }
    await this.#stopping?.catch(() => {});
    return this.#record;
  }

  async #start(): Promise<void> {
    const { backend, runtime } = this.#parts;
    const record = this.#record;
    if (record.cancelRequested) {
      await this.#end({
        status: "cancelled",
        message: record.cancelReason,
        failure: null,
        finishedAt: isoTime(runtime.clock),
      });
      return;
    }
    this.#preparing = new AbortController();
    const signal = AbortSignal.any([this.#abort.signal, this.#preparing.signal]);
    const run = record.run as unknown as TrainingRun;
    try {
      await backend.prepare?.(run, {
        signal,
        onMessage: (message) => this.#prepared(message),
      });
      const job = await backend.submit(run, { signal });
      const startedAt = isoTime(runtime.clock);
      await this.#change((current) => {
        if (current.backendJobId !== null || isEnded(current)) return null;
        const next: JobRecord = {
          ...current,
          status: "running",
          startedAt,
          backendJobId: job.backendJobId,
          backendUrl: job.url,
          // A further attempt may go on in the same log or begin another one.
          recordedIndex: current.recordedFor === job.backendJobId ? current.recordedIndex : 0,
          recordedFor: job.backendJobId,
        };
        return {
          record: next,
          events: [unsequenced(startedEvent(next, startedAt))],
          key: `started-${job.backendJobId}`,
        };
      });
    } catch (error) {
      if (this.#abort.signal.aborted) throw error;
      const latest = await this.#parts.store.get(record.id);
      this.#record = latest;
      if (latest.cancelRequested) return;
      // A machine that cannot run the script is a failed job, told like any other; the same run id tries again.
      await this.#end({
        status: "failed",
        message: null,
        failure: failureOf(error),
        finishedAt: isoTime(runtime.clock),
      });
    } finally {
      this.#preparing = null;
    }
  }

  async #follow(backendJobId: string): Promise<void> {
    const { backend, runtime } = this.#parts;
    const { signal } = this.#abort;
    if (this.#record.cancelRequested && this.#record.status === "running") await backend.cancel(backendJobId);
    // From the start: the story must be known as a whole, and reading a log again is cheap.
    this.#story = new JobStory(this.#record);
    const recorder = new ProgressRecorder(this.#record.recordedIndex, (through, batch) =>
      this.#store(through, batch),
    );
    const flushing = setInterval(() => {
      void recorder.flush().catch(() => {});
      void this.#stopAboveCap().catch(() => {});
    }, FLUSH_MS);
    flushing.unref();
    try {
      for await (const event of backend.events(backendJobId, { signal, keepAlive: false })) {
        this.#take(event, recorder);
        if (recorder.size >= FLUSH_EVENTS) await recorder.flush();
      }
    } finally {
      clearInterval(flushing);
      if (!signal.aborted) await recorder.flush();
    }
    // The end of the stream is not the end of the job.
    for (;;) {
      const status = await backend.status(backendJobId, { signal });
      if (status.stage === "completed" || status.stage === "failed" || status.stage === "cancelled") {
        await this.#conclude(backendJobId, status);
        return;
      }
      await runtime.clock.sleep(STATUS_POLL_MS, { signal });
      if (status.stage === "running") return;
    }
  }

  #take(event: BackendEvent, recorder: ProgressRecorder): void {
    const messages = this.#story.take(event);
    const isNew = recorder.add(event.index, messages);
    if (messages.length === 0 && event.body.kind !== "stage") return;
    this.#record = { ...this.#record, ...this.#story.facts };
    if (isNew) for (const message of messages) this.#parts.events.publish(message);
    if (messages.length > 0) void this.#stopAboveCap().catch(() => {});
  }

  /** Cancels a job whose bill, or the bill it is heading for, passes what its owner allowed. */
  async #stopAboveCap(): Promise<void> {
    if (this.#stopping || this.#record.cancelRequested || this.#record.status !== "running") return;
    const reason = overCap(this.#record, this.#parts.runtime.clock.now());
    if (reason === null) return;
    this.#stopping = this.cancel(reason);
    // When it could not be cancelled, the next look tries again.
    await this.#stopping.finally(() => {
      this.#stopping = null;
    });
  }

  async #store(through: number, batch: readonly ModelOpsEvent[]): Promise<number> {
    const { facts } = this.#story;
    const { record } = await this.#change((current) => {
      const news = batch.filter((event) => (event.data as { index: number }).index >= current.recordedIndex);
      if (current.recordedIndex >= through || isEnded(current)) return null;
      return {
        record: { ...current, recordedIndex: through, ...facts },
        events: news.map(unsequenced),
        key: `through-${current.recordedFor}-${current.recordedIndex}`,
      };
    }, false);
    return record.recordedIndex;
  }

  async #conclude(backendJobId: string, status: BackendJobStatus): Promise<void> {
    const { backend, runtime } = this.#parts;
    this.#story.see(status);
    const finishedAt = status.finishedAt ?? isoTime(runtime.clock);
    const costUsd = status.costUsd;
    if (status.stage === "failed") {
      if (await this.#goOnElsewhere(status)) return;
      const failure =
        status.failure ?? describeFailure("unknown", status.message ?? "It failed without a message.");
      await this.#end({ status: "failed", failure, message: failure.message, finishedAt, costUsd });
      return;
    }
    if (status.stage === "cancelled") {
      const message = this.#record.cancelReason ?? status.message;
      await this.#end({ status: "cancelled", failure: null, message, finishedAt, costUsd });
      return;
    }
    await this.#change((current) =>
      current.status === "running" ? { record: { ...current, status: "finishing" } } : null,
    );
    const { signal } = this.#abort;
    let artifact: JobRecord["artifact"];
    try {
      artifact = await backend.artifact(backendJobId, { signal });
    } catch (error) {
      signal.throwIfAborted();
      if (ModelOpsError.isInstance(error) && error.code === "training/artifact-invalid") {
        const failure = describeFailure("artifact_invalid", `${error.what} ${error.reason ?? ""}`.trim());
        await this.#end({ status: "failed", failure, message: failure.message, finishedAt, costUsd });
        return;
      }
      throw error;
    }
    const registered = await this.#register(artifact, finishedAt);
    await this.#end({
      status: "completed",
      failure: null,
      message: null,
      finishedAt,
      costUsd,
      artifact,
      registered,
    });
  }

  /** A machine that never came free cost nothing: the next one that was quoted is asked for. */
  async #goOnElsewhere({ failure }: BackendJobStatus): Promise<boolean> {
    if (failure?.diagnosis !== "not_scheduled" || this.#record.fallbacks.length === 0) return false;
    const { backendJobId: waitedFor } = this.#record;
    await this.#change((current) => {
      const next = current.backendJobId === waitedFor && !isEnded(current) ? onNextHardware(current) : null;
      return next && { record: next, key: `fallback-${waitedFor}` };
    });
    this.#prepared(`${failure.message} Going on with ${String(this.#record.run.hardwareId)}.`);
    return true;
  }

  #prepared(message: string): void {
    const { runtime, events } = this.#parts;
    const { id, agent } = this.#record;
    runtime.logger.info(message);
    const data = { jobId: id, message };
    events.publish({
      ...newEvent(runtime, { type: "training.preparing", agent, subject: id, data }),
      seq: null,
    });
  }

  async #register(artifact: NonNullable<JobRecord["artifact"]>, trainedAt: string): Promise<string | null> {
    const { registrar, runtime } = this.#parts;
    if (!registrar) return null;
    const { id, attempt, agent, version } = this.#record;
    const input: VersionInput = {
      ...(version as unknown as Omit<
        VersionInput,
        "agent" | "artifact" | "trainedAt" | "trainedBy" | "jobId" | "idempotencyKey"
      >),
      agent,
      artifact,
      trainedAt,
      trainedBy: runtime.actor.id,
      jobId: id,
      idempotencyKey: `training:${id}:${attempt}:version`,
    };
    return (await registrar.addVersion(input)).version;
  }

  async #end(end: {
    readonly status: "completed" | "failed" | "cancelled";
    readonly failure: TrainingFailure | null;
    readonly message: string | null;
    readonly finishedAt: string;
    readonly costUsd?: number | null;
    readonly artifact?: JobRecord["artifact"];
    readonly registered?: string | null;
  }): Promise<void> {
    const { runtime } = this.#parts;
    // A story that was not followed (a run that never began) has no facts.
    const facts = this.#record.backendJobId === null ? {} : this.#story.facts;
    const { record, isMine } = await this.#change((current) => {
      if (isEnded(current)) return null;
      const next: JobRecord = {
        ...current,
        ...facts,
        status: end.status,
        failure: end.failure,
        message: end.message,
        finishedAt: end.finishedAt,
        costUsd: end.costUsd ?? current.costUsd,
        artifact: end.artifact ?? null,
        registeredVersion: end.registered ?? null,
      };
      const terminal = terminalEvent(next);
      return {
        record: next,
        events: [unsequenced(terminal)],
        audit: [{ action: terminal.type, actor: runtime.actor, subject: next.id, reason: end.message }],
        key: "end",
      };
    });
    // Another process may have written it: its listeners have been told, ours have not.
    if (!isMine) this.#parts.events.publish(terminalEvent(record));
  }

  async #change(
    change: (current: JobRecord) => {
      readonly record: JobRecord;
      readonly events?: readonly NewEvent[];
      readonly audit?: readonly AuditEntry[];
      readonly key?: string;
    } | null,
    publishes = true,
  ): Promise<{ readonly record: JobRecord; readonly isMine: boolean }> {
    const { store, events } = this.#parts;
    const { id, agent } = this.#record;
    const { outcome, record } = await store.change({ id, agent }, (current) => {
      const next = current && change(current);
      if (!next) return null;
      const { key, ...rest } = next;
      return { ...rest, ...(key ? { idempotencyKey: `training:${id}:${next.record.attempt}:${key}` } : {}) };
    });
    if (record) this.#record = record;
    const isMine = outcome.kind === "changed";
    if (isMine && publishes) for (const event of outcome.events) events.publish(event);
    return { record: this.#record, isMine };
  }
}

function unsequenced(event: ModelOpsEvent): NewEvent {
  const { seq: _seq, ...rest } = event;
  return rest;
}

function failureOf(error: unknown): TrainingFailure {
  if (ModelOpsError.isInstance(error)) {
    return {
      diagnosis: error.code.slice(error.code.indexOf("/") + 1),
      message: [error.what, error.reason].filter(Boolean).join(" "),
      fix: error.fix,
    };
  }
  return describeFailure("unknown", error instanceof Error ? error.message : String(error));
}

function closedError(jobId: string): ModelOpsError {
  return new ModelOpsError({
    code: "training/closed",
    message: `The trainer was closed while it followed the job ${jobId}.`,
    reason: "The job itself goes on.",
    fix: "find it again with trainer.job(id).",
    isRetryable: true,
  });
}
