import type { BackendScheduledJob } from "../../contract/training-backend.ts";
import type { NewEvent } from "../../events/event.ts";
import type { Runtime } from "../../runtime.ts";
import { startedEvent } from "../job-messages.ts";
import type { JobRecord } from "../job-record.ts";
import type { JobStore } from "../job-store.ts";
import type { ScheduleRecord } from "./schedule-record.ts";

/** The same job has the same run id, whichever process finds it. */
function adoptedRunId(schedule: ScheduleRecord, backendJobId: string): string {
  const own = backendJobId.slice(backendJobId.lastIndexOf("/") + 1).replaceAll(/[^\w.-]/g, "-");
  return `${schedule.id}-${own}`;
}

/**
 * Writes down a job that a schedule has started, once, as if it had been submitted here: from then on it is followed,
 * verified and registered like any other.
 */
export async function adoptJob(
  schedule: ScheduleRecord,
  job: BackendScheduledJob,
  parts: { readonly runtime: Runtime; readonly store: JobStore },
): Promise<JobRecord> {
  const { runtime, store } = parts;
  const id = adoptedRunId(schedule, job.backendJobId);
  const known = await store.find(id);
  if (known) return known;
  const record: JobRecord = {
    ...schedule.job,
    id,
    scheduleId: schedule.id,
    status: "running",
    createdAt: job.createdAt,
    startedAt: job.createdAt,
    run: { ...schedule.job.run, runId: id },
    backendJobId: job.backendJobId,
    backendUrl: job.url,
    recordedFor: job.backendJobId,
  };
  const { seq: _seq, ...started } = startedEvent(record, job.createdAt);
  const { record: written } = await store.change({ agent: record.agent, id }, (current) => {
    if (current) return null;
    return {
      record,
      events: [started satisfies NewEvent],
      audit: [
        {
          action: "training.adopted",
          actor: runtime.actor,
          subject: id,
          evidence: { schedule: schedule.id, backendJobId: job.backendJobId },
        },
      ],
      idempotencyKey: `training:${id}:adopt`,
    };
  });
  return written ?? (await store.get(id));
}
