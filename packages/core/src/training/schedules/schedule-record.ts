import { z } from "zod";
import { jobRecordSchema } from "../job-record.ts";

const rangeSchema = z.object({ low: z.number(), likely: z.number(), high: z.number() });

/** A schedule as it is stored: enough for another process to find what it has started. */
export const scheduleRecordSchema = z.looseObject({
  id: z.string(),
  agent: z.string(),
  backend: z.string(),
  /** `creating`: the service may not have it yet; the same call to `schedule` goes on. */
  status: z.enum(["creating", "active", "paused", "deleted"]),
  cron: z.string(),
  runsPerMonth: z.number(),
  usdPerRun: rangeSchema,
  usdPerMonth: rangeSchema,
  createdAt: z.string(),
  runHash: z.string(),
  quoteHash: z.string(),
  approvalId: z.string().nullable(),
  backendScheduleId: z.string().nullable(),
  /** What each job's record begins as. */
  job: jobRecordSchema,
  message: z.string().nullable(),
});

/** See {@link scheduleRecordSchema}. */
export type ScheduleRecord = z.infer<typeof scheduleRecordSchema>;
export type TrainingScheduleState = ScheduleRecord["status"];

/** Terms a list of schedules can be filtered by. */
export function scheduleTerms(record: ScheduleRecord): readonly string[] {
  return [`id:${record.id}`, `status:${record.status}`, `backend:${record.backend}`];
}
