import { z } from "zod";
import type { TargetDeployment } from "../../contract/deploy-target.ts";
import { rolloutPlanSchema } from "../../model/rollout-plan.ts";
import { servedModelSchema } from "../../model/routing-table.ts";
import { hostConfigEditSchema } from "../host-config/models-config.ts";
import { servingSchema } from "./serving.ts";

export const OPERATION_STEPS = ["S1", "S2", "S3", "S4", "S5", "S6", "R1", "R2", "R3", "R4", "R5"] as const;
export type OperationStep = (typeof OPERATION_STEPS)[number];

export const targetDeploymentSchema: z.ZodType<TargetDeployment> = z.object({
  targetId: z.string(),
  deploymentId: z.string(),
  modelId: z.string(),
  agent: z.string(),
  version: z.string(),
  configValue: z.string(),
  baseUrl: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
});

export const deploymentRecordSchema = z.object({
  v: z.literal(1),
  /** `ready`: can serve; `retiring`: being freed or paused; `paused`: must be resumed first; `removed`: freed. */
  state: z.enum(["ready", "retiring", "paused", "removed"]),
  deployment: targetDeploymentSchema,
  operationId: z.string(),
  createdAt: z.string(),
  /** Since when nothing leads to it; null while something does. */
  idleSince: z.string().nullable().default(null),
  /** Whether the host's own file has named it: a host that was not restarted may still call it. */
  wasInConfig: z.boolean().default(false),
});
export type DeploymentRecord = z.infer<typeof deploymentRecordSchema>;

/** A change that is under way or over. Everything needed to go on with it in another process is in here. */
export const operationSchema = z.object({
  v: z.literal(1),
  operationId: z.string(),
  agent: z.string(),
  kind: z.enum(["deploy", "step", "promote", "rollback", "drill"]),
  /** The last step that is known to be done. S5 and R1 are the points of no return. */
  step: z.enum(OPERATION_STEPS),
  state: z.enum(["open", "done", "compensated", "superseded"]),
  fence: z.number().int(),
  owner: z.object({ pid: z.number().int(), hostname: z.string() }),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  reason: z.string().nullable(),
  /** What a deploy was asked for. */
  request: z
    .object({ version: z.string(), targetId: z.string(), plan: rolloutPlanSchema, rolloutId: z.string() })
    .nullable(),
  /** What the operation makes available; null until it is. */
  model: servedModelSchema.nullable(),
  sharePct: z.number(),
  configEdit: hostConfigEditSchema.nullable(),
  /** Edits a rollback undoes, in this order. */
  undo: z.array(hostConfigEditSchema),
  removed: z.array(servedModelSchema),
  failure: z.string().nullable(),
  verification: z.record(z.string(), z.unknown()).nullable(),
});
export type Operation = z.infer<typeof operationSchema>;

export const rolloutStates = [
  "running",
  "held",
  "awaiting-approval",
  "inconclusive",
  "promoted",
  "rolled-back",
] as const;

export const rolloutRecordSchema = z.object({
  v: z.literal(1),
  rolloutId: z.string(),
  agent: z.string(),
  version: z.string(),
  baselineVersion: z.string(),
  plan: rolloutPlanSchema,
  state: z.enum(rolloutStates),
  stepIndex: z.number().int().nonnegative(),
  startedAt: z.string(),
  stepStartedAt: z.string(),
  endedAt: z.string().nullable(),
  /** Why it is in this state, for people. */
  reason: z.string().nullable(),
  /** Guardrails whose alarm holds it now. */
  heldBy: z.array(z.string()).default([]),
  /** Guardrails whose alarm a person has accepted: they are observed only. */
  acknowledged: z.array(z.string()).default([]),
  /** What the last advance rested on. */
  promotedBy: z.enum(["manual", "no-alarm", "non-inferior"]).nullable(),
  /** State of the monitor, as its `toJSON` wrote it; null before the first look. */
  monitor: z.unknown(),
});
export type RolloutRecord = z.infer<typeof rolloutRecordSchema>;

/** The state of an agent that a crash of the store must not take away: kept beside it as a file. */
export const emergencyCopySchema = z.object({
  serving: servingSchema,
  /** True when the store does not have it yet. */
  pending: z.boolean(),
  reason: z.string().nullable(),
});
