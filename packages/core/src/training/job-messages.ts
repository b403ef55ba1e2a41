import type { BackendEvent, TrainingProgressRecord } from "../contract/training-backend.ts";
import type { ModelOpsEvent } from "../events/event.ts";
import type { CurveFinding } from "./curve-doctor/curve-finding.ts";
import type { JobRecord } from "./job-record.ts";
import type { ProgressTracker } from "./progress-tracker.ts";
import type { TrainingEvents } from "./training-events.ts";

/** An event as it is before the store has given it a place. */
export type Unstored<Type extends keyof TrainingEvents> = ModelOpsEvent<Type, TrainingEvents[Type]>;

/** A backend's progress as the job's: the same line has the same id, whichever process sends it. */
export function progressEvent(
  job: Pick<JobRecord, "id" | "agent" | "backendJobId">,
  event: BackendEvent,
  record: TrainingProgressRecord,
  tracker: ProgressTracker,
): Unstored<"training.progress"> {
  const progress = tracker.add(record);
  const note = record.checkpoint ?? record.stage ?? null;
  return {
    v: 1,
    id: `${job.backendJobId ?? job.id}#${event.index}`,
    seq: null,
    time: event.time,
    type: "training.progress",
    agent: job.agent,
    subject: job.id,
    data: {
      jobId: job.id,
      index: event.index,
      kind: record.kind,
      progress,
      metrics: record.m ?? {},
      note: typeof note === "string" ? note : null,
    },
  };
}

/** What a job's curves say at a line of its log. */
export function findingEvent(
  job: Pick<JobRecord, "id" | "agent" | "backendJobId">,
  event: BackendEvent,
  finding: CurveFinding,
): Unstored<"training.finding-raised"> {
  return {
    v: 1,
    id: `${job.backendJobId ?? job.id}#${event.index}.${finding.kind}`,
    seq: null,
    time: event.time,
    type: "training.finding-raised",
    agent: job.agent,
    subject: job.id,
    data: { jobId: job.id, index: event.index, finding },
  };
}

/** The event that an attempt began with, from its record. */
export function startedEvent(record: JobRecord, time: string): Unstored<"training.started"> {
  return {
    v: 1,
    id: `${record.id}#${record.attempt}.started-${record.backendJobId}`,
    seq: null,
    time,
    type: "training.started",
    agent: record.agent,
    subject: record.id,
    data: {
      jobId: record.id,
      attempt: record.attempt,
      backend: record.backend,
      backendJobId: record.backendJobId ?? record.id,
      url: record.backendUrl,
      hardwareId: String(record.run.hardwareId),
    },
  };
}

/** The event that an attempt ended with, from its record. */
export function terminalEvent(
  record: JobRecord,
): Unstored<"training.completed"> | Unstored<"training.failed"> | Unstored<"training.cancelled"> {
  const envelope = {
    v: 1,
    id: `${record.id}#${record.attempt}.end`,
    seq: null,
    time: record.finishedAt ?? record.createdAt,
    agent: record.agent,
    subject: record.id,
  } as const;
  if (record.status === "completed") {
    return {
      ...envelope,
      type: "training.completed",
      data: {
        jobId: record.id,
        version: record.registeredVersion,
        modelId: record.version.modelId,
        minutes: minutesOf(record) ?? 0,
        costUsd: totalCostUsd(record),
        metrics: record.metrics,
      },
    };
  }
  if (record.status === "cancelled") {
    return { ...envelope, type: "training.cancelled", data: { jobId: record.id, message: record.message } };
  }
  const failure = record.failure ?? {
    diagnosis: "unknown",
    message: "It failed without a message.",
    fix: "see the log.",
  };
  return { ...envelope, type: "training.failed", data: { jobId: record.id, failure } };
}

/** Of all attempts; null when the last one's is not known. */
export function totalCostUsd(record: Pick<JobRecord, "costUsd" | "earlierCostUsd">): number | null {
  return record.costUsd === null ? null : record.earlierCostUsd + record.costUsd;
}

type Timed = Pick<JobRecord, "startedAt" | "runningSince" | "finishedAt">;

/** Minutes from start to end, to two digits. */
export function minutesOf(record: Timed): number | null {
  const minutes = exactMinutesOf(record);
  return minutes === null ? null : Math.round(minutes * 100) / 100;
}

/** Unrounded: the shortest job still says something about the next one. Waiting for a machine does not count. */
export function exactMinutesOf(record: Timed): number | null {
  const begun = record.runningSince ?? record.startedAt;
  if (!begun || !record.finishedAt) return null;
  return (Date.parse(record.finishedAt) - Date.parse(begun)) / 60_000;
}
