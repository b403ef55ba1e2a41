import { z } from "zod";
import type { TrainingPlan } from "../plan.ts";
import type { ApprovalAnswer } from "../trainer-options.ts";
import type { ScheduleQuote } from "./repetition.ts";

/** The longest run id that a job of it can be found by, less what the job adds. */
const MAX_ID_CHARACTERS = 60;

export const scheduleOptionsSchema = z.strictObject({
  cron: z.string(),
  id: z
    .string()
    .max(MAX_ID_CHARACTERS)
    .regex(/^[a-zA-Z0-9._-]+$/, "must hold letters, digits, dots, hyphens and underscores only")
    .optional(),
  approve: z.custom<ScheduleOptions["approve"]>((value) => typeof value === "function").optional(),
  signal: z.custom<AbortSignal>((value) => value instanceof AbortSignal).optional(),
});

/** Asks a person about a schedule. It must reach a person: what a model says is no approval. */
export type ApproveScheduleCallback = (
  quote: ScheduleQuote,
  plan: TrainingPlan,
) => ApprovalAnswer | Promise<ApprovalAnswer>;

export interface ScheduleOptions {
  /** Five cron fields or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`; UTC. */
  readonly cron: string;
  /** Decides identity: making a schedule twice under one id is one schedule. Default: the spec's `runId`, else generated. */
  readonly id?: string;
  /** Asked when the schedule needs approval; without it, the question waits in the inbox. */
  readonly approve?: ApproveScheduleCallback;
  readonly signal?: AbortSignal;
}
