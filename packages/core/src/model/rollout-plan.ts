import { z } from "zod";
import { parseOrThrow } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";

const stepSchema = z.strictObject({
  /** Per cent of sessions on the new version. */
  sharePct: z.number().min(0).max(100),
  /** Sessions that must have an outcome (both arms together) before the step may end. Default 0. */
  minimumSessions: z.number().int().nonnegative().default(0),
  /** Least time at this share. Default 0. */
  minimumDurationMs: z.number().int().nonnegative().default(0),
  /** A person must agree before this share is set. Default false. */
  needsApproval: z.boolean().default(false),
});

const guardrailSchema = z.strictObject({
  metric: z.enum(["success", "latencyMs", "costUsd", "score"]),
  /** Which way is better. */
  direction: z.enum(["higher", "lower"]),
  /** How much worse the new version may be, in the unit of the score in [0,1] (0.02 = two points). */
  margin: z.number().min(0).max(1).default(0),
  /** How much worse it may be and still count as "no worse" (for `advanceOn: "non-inferior"`). Default 0.05. */
  nonInferiorityMargin: z.number().gt(0).lt(1).default(0.05),
  /** What an alarm does. `observe` only reports. */
  action: z.enum(["rollback", "hold", "observe"]).default("rollback"),
  /** Upper end for latency (ms) or cost (USD): the baseline's p99 is a good choice. Needed for those two. */
  cap: z.number().positive().optional(),
});

/** How a version gets from its first sessions to all of them: data, so that it can be stored and shown. */
export const rolloutPlanSchema = z.strictObject({
  steps: z.array(stepSchema).min(1),
  guardrails: z.array(guardrailSchema).prefault([{ metric: "success", direction: "higher" }]),
  /** Chance of a false rollback over the whole rollout, all guardrails together. Default 0.05. */
  alpha: z.number().gt(0).lt(0.5).default(0.05),
  /** Advance on `non-inferior` evidence, or (default) on `no-alarm` once sessions and time are reached. */
  advanceOn: z.enum(["no-alarm", "non-inferior"]).default("no-alarm"),
  /** Time at one step after which it counts as undecided. Null = never. */
  deadlineMs: z.number().int().positive().nullable().default(null),
  onDeadline: z.enum(["hold", "rollback", "advance"]).default("hold"),
});
export type RolloutPlan = z.input<typeof rolloutPlanSchema>;
export type CompleteRolloutPlan = z.output<typeof rolloutPlanSchema>;
export type RolloutGuardrail = CompleteRolloutPlan["guardrails"][number];
export type RolloutPreset = "immediate" | "canary_20pct";

const HOUR_MS = 3_600_000;

const CANARY_20: CompleteRolloutPlan = rolloutPlanSchema.parse({
  steps: [
    { sharePct: 20, minimumSessions: 200, minimumDurationMs: HOUR_MS },
    { sharePct: 50, minimumSessions: 200, minimumDurationMs: HOUR_MS },
    { sharePct: 100 },
  ],
});

/** Fills and checks a plan. Error: `input/rollout-plan`. */
export function completeRolloutPlan(rollout: RolloutPreset | RolloutPlan): CompleteRolloutPlan {
  if (rollout === "immediate") return rolloutPlanSchema.parse({ steps: [{ sharePct: 100 }] });
  if (rollout === "canary_20pct") return CANARY_20;
  const plan = parseOrThrow(rolloutPlanSchema, rollout, {
    code: "input/rollout-plan",
    subject: "The rollout plan",
    fix: 'correct the named fields, or use "canary_20pct".',
  });
  let previous = -1;
  for (const step of plan.steps) {
    if (step.sharePct <= previous) {
      throw planError(`The share goes from ${previous} % to ${step.sharePct} %; steps must rise`);
    }
    previous = step.sharePct;
  }
  for (const guardrail of plan.guardrails) {
    const needsCap = guardrail.metric === "latencyMs" || guardrail.metric === "costUsd";
    if (needsCap && guardrail.cap === undefined) {
      throw planError(`The guardrail on ${guardrail.metric} has no cap, so it has no score in [0,1]`);
    }
    const direction = needsCap ? "lower" : "higher";
    if (guardrail.direction !== direction) {
      throw planError(`The guardrail on ${guardrail.metric} says that ${guardrail.direction} is better`);
    }
  }
  const metrics = plan.guardrails.map((guardrail) => guardrail.metric);
  if (new Set(metrics).size !== metrics.length) throw planError("Two guardrails watch the same metric");
  return plan;
}

function planError(reason: string): ModelOpsError {
  return new ModelOpsError({
    code: "input/rollout-plan",
    message: "The rollout plan is not valid.",
    reason: `${reason}.`,
    fix: 'correct the plan, or use "canary_20pct".',
  });
}
