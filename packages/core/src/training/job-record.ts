import { z } from "zod";
import { artifactSchema } from "../model/artifact.ts";
import { trainingMethodSchema } from "../model/model-version.ts";

export const jobStatusSchema = z.enum([
  "preparing",
  "running",
  "finishing",
  "completed",
  "failed",
  "cancelled",
]);
/** `finishing`: the script is done, its result is being checked and registered. */
export type TrainingJobState = z.infer<typeof jobStatusSchema>;

const failureSchema = z.object({ diagnosis: z.string(), message: z.string(), fix: z.string() });

const findingSchema = z.object({
  kind: z.enum(["no-signal", "divergence", "over-fit", "length-hacking", "kl-drift"]),
  advice: z.enum(["stop", "watch"]),
  step: z.number(),
  message: z.string(),
  fix: z.string(),
  evidence: z.record(z.string(), z.number()),
  minutesToGo: z.number().nullable(),
  costToGoUsd: z.number().nullable(),
});

const progressSchema = z.object({
  currentStep: z.number(),
  totalSteps: z.number().nullable(),
  progressPct: z.number().nullable(),
  currentLoss: z.number().nullable(),
  learningRate: z.number().nullable(),
  etaMinutes: z.number().nullable(),
});

/** A job as it is stored: enough for another process to go on with it. */
export const jobRecordSchema = z.looseObject({
  id: z.string(),
  agent: z.string(),
  backend: z.string(),
  /** Starts at 1; a run that is continued after it ended gets another one. */
  attempt: z.number().int(),
  status: jobStatusSchema,
  method: trainingMethodSchema,
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  /** When its machine began to run, and to be billed; `startedAt` is when it was submitted. */
  runningSince: z.string().nullable().default(null),
  finishedAt: z.string().nullable(),
  runHash: z.string(),
  quoteHash: z.string(),
  uncorrectedMinutes: z.number(),
  /** What the quote said; jobs of earlier versions do not have it. */
  quotedMinutes: z.object({ low: z.number(), likely: z.number(), high: z.number() }).nullish(),
  maxCostUsd: z.number().nullable(),
  costUsdPerHour: z.number(),
  /** Of the attempts before this one. */
  earlierCostUsd: z.number().default(0),
  /** Machines to go on with, while none of the present kind has come free. */
  fallbacks: z
    .array(
      z.looseObject({
        hardwareId: z.string(),
        costUsdPerHour: z.number(),
        timeoutMs: z.number(),
        uncorrectedMinutes: z.number(),
        adapter: z.looseObject({ kind: z.string() }),
        hyperparameters: z.record(z.string(), z.unknown()),
      }),
    )
    .default([]),
  approvalId: z.string().nullable(),
  /** The schedule that started it; its approval is the job's. */
  scheduleId: z.string().nullable().default(null),
  /** The backend's `TrainingRun`: submitting it again is harmless. */
  run: z.looseObject({ runId: z.string() }),
  /** What the registry will be told: see `VersionInput`. */
  version: z.looseObject({ modelId: z.string() }),
  backendJobId: z.string().nullable(),
  backendUrl: z.string().nullable(),
  cancelRequested: z.boolean(),
  cancelReason: z.string().nullable(),
  progress: progressSchema.nullable(),
  metrics: z.record(z.string(), z.number()),
  /** What the curves of this attempt have shown. */
  findings: z.array(findingSchema).default([]),
  hubRepo: z.string().nullable().default(null),
  trackioUrl: z.string().nullable().default(null),
  tensorboardUrl: z.string().nullable().default(null),
  /** Events of the backend up to here (excluded) are in the store. */
  recordedIndex: z.number().int(),
  /** The backend's job that `recordedIndex` counts in. */
  recordedFor: z.string().nullable(),
  registeredVersion: z.string().nullable(),
  artifact: artifactSchema.nullable(),
  costUsd: z.number().nullable(),
  failure: failureSchema.nullable(),
  message: z.string().nullable(),
});

/** See {@link jobRecordSchema}. */
export type JobRecord = z.infer<typeof jobRecordSchema>;

export function isEnded(record: Pick<JobRecord, "status">): boolean {
  return record.status === "completed" || record.status === "failed" || record.status === "cancelled";
}

/** Terms a list of jobs can be filtered by. */
export function jobTerms(record: JobRecord): readonly string[] {
  return [
    `id:${record.id}`,
    `status:${record.status}`,
    `open:${!isEnded(record)}`,
    `backend:${record.backend}`,
    `hardware:${String(record.run.hardwareId)}`,
    ...(record.scheduleId === null ? [] : [`schedule:${record.scheduleId}`]),
  ];
}
