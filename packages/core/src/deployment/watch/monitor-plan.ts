import type { CompleteRolloutPlan } from "../../model/rollout-plan.ts";
import type { CanaryPlan } from "../../statistics/sequential/canary-plan.ts";

/** The steps that can be measured: at 0 % there is no canary session, and 100 % is the end. */
export function measuredSteps(plan: CompleteRolloutPlan): readonly number[] {
  return plan.steps.flatMap((step, index) => (step.sharePct > 0 ? [index] : []));
}

/** A rollout plan in the words of the monitor. Every metric arrives as a score where higher is better. */
export function monitorPlan(plan: CompleteRolloutPlan): CanaryPlan {
  const steps = plan.steps.filter((step) => step.sharePct > 0);
  return {
    steps: steps.map(({ sharePct, minimumSessions, minimumDurationMs }) => ({
      share: sharePct / 100,
      minimumSessions,
      minimumDurationMs,
      deadlineMs: plan.deadlineMs === null ? null : Math.max(plan.deadlineMs, minimumDurationMs),
    })),
    guardrails: plan.guardrails.map(({ metric, margin, nonInferiorityMargin, action }) => ({
      metric,
      kind: metric === "success" ? "binary" : "score",
      direction: "higher",
      alarmMargin: margin,
      nonInferiorityMargin,
      action,
    })),
    alpha: plan.alpha,
    promoteWhen: plan.advanceOn,
    onDeadline: plan.onDeadline === "advance" ? "promote-no-alarm" : plan.onDeadline,
  };
}
