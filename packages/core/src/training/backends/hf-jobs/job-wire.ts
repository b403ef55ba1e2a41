import { z } from "zod";

/** A job as the API answers it: only what is read, since services add and drop fields. */
export const jobSchema = z.looseObject({
  id: z.string(),
  createdAt: z.string(),
  startedAt: z.string().nullish(),
  finishedAt: z.string().nullish(),
  flavor: z.string().nullish(),
  timeout: z.number().nullish(),
  environment: z.record(z.string(), z.string()).nullish(),
  labels: z.record(z.string(), z.string()).nullish(),
  owner: z.looseObject({ name: z.string().nullish() }).nullish(),
  initiator: z.looseObject({ type: z.string(), id: z.string().nullish() }).nullish(),
  status: z.looseObject({
    stage: z.string(),
    message: z.string().nullish(),
    cancelReason: z.string().nullish(),
  }),
});

export type WireJob = z.infer<typeof jobSchema>;

/** A scheduled job as the API answers it. */
export const scheduledJobSchema = z.looseObject({
  id: z.string(),
  createdAt: z.string(),
  schedule: z.string(),
  suspend: z.boolean().nullish(),
  suspendReason: z.string().nullish(),
  status: z.looseObject({ nextJobRunAt: z.string().nullish() }).nullish(),
  jobSpec: z.looseObject({
    timeout: z.number().nullish(),
    labels: z.record(z.string(), z.string()).nullish(),
  }),
});

export type WireScheduledJob = z.infer<typeof scheduledJobSchema>;

export const hardwareSchema = z.array(
  z.looseObject({
    name: z.string(),
    prettyName: z.string().nullish(),
    cpu: z.string().nullish(),
    ram: z.string().nullish(),
    ephemeralStorage: z.string().nullish(),
    accelerator: z
      .looseObject({
        type: z.string().nullish(),
        model: z.string().nullish(),
        quantity: z.union([z.string(), z.number()]).nullish(),
        vram: z.string().nullish(),
        manufacturer: z.string().nullish(),
      })
      .nullish(),
    unitCostUSD: z.number().nullish(),
    unitLabel: z.string().nullish(),
  }),
);

export type WireHardware = z.infer<typeof hardwareSchema>;

const TERMINAL = new Set(["COMPLETED", "CANCELED", "ERROR", "DELETED"]);

/** Stages that are not known count as going on. */
export function hasEnded(job: WireJob): boolean {
  return TERMINAL.has(job.status.stage);
}

/** Whether its container has ever run. */
export function hasStarted(job: WireJob): boolean {
  return typeof job.startedAt === "string" || job.status.stage === "RUNNING";
}
