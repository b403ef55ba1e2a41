import type { CanaryStep, CompiledCanaryPlan } from "./canary-plan.ts";
import type { CanaryReading, CanaryVerdict, GuardrailReading } from "./canary-reading.ts";

/** What follows from the guardrails as they stand, and why. */
export function decideCanary(given: {
  readonly plan: Pick<CompiledCanaryPlan, "promoteWhen" | "onDeadline" | "noTrafficAfterMs">;
  readonly step: Required<CanaryStep>;
  readonly stepSessions: { readonly canary: number; readonly baseline: number };
  readonly elapsedMs: number;
  readonly guardrails: readonly GuardrailReading[];
  readonly rolledBack: { readonly metric: string | null; readonly reason: string } | null;
  readonly assignmentBroken: boolean;
}): Pick<CanaryReading, "verdict" | "reason" | "promotedBy" | "alarmedMetric"> {
  const { plan, step, stepSessions, elapsedMs, guardrails, rolledBack, assignmentBroken } = given;
  const say = (verdict: CanaryVerdict, reason: string, alarmedMetric: string | null = null) => ({
    verdict,
    reason,
    alarmedMetric,
    promotedBy: null,
  });
  if (rolledBack !== null) return say("rollback", rolledBack.reason, rolledBack.metric);
  if (assignmentBroken) {
    return say(
      "hold",
      "Sessions are not divided as the plan says, so no figure of this rollout can be trusted: repair the assignment.",
    );
  }
  const deciding = guardrails.filter(({ action, acknowledged }) => action !== "observe" && !acknowledged);
  for (const action of ["rollback", "hold"] as const) {
    const alarmed = deciding.find((guardrail) => guardrail.action === action && guardrail.alarmed);
    if (alarmed !== undefined) return say(action, describeAlarm(alarmed), alarmed.metric);
  }
  const sessions = stepSessions.canary + stepSessions.baseline;
  const isSeasoned = sessions >= step.minimumSessions && elapsedMs >= step.minimumDurationMs && sessions > 0;
  const accepted = guardrails.filter(({ acknowledged }) => acknowledged).map(({ metric }) => metric);
  const besides = accepted.length === 0 ? "" : ` besides ${accepted.join(", ")}, accepted by a person`;
  if (isSeasoned && deciding.length > 0 && deciding.every((guardrail) => guardrail.nonInferior)) {
    return {
      ...say(
        "promote",
        `Every guardrail${besides} is shown to be no worse than its margin after ${sessions} sessions.`,
      ),
      promotedBy: "non-inferior",
    };
  }
  const atDeadline = step.deadlineMs !== null && elapsedMs >= step.deadlineMs;
  // With nothing left that could be shown, sessions and time are all there is to wait for.
  const isNoAlarmEnough =
    plan.promoteWhen === "no-alarm" ||
    deciding.length === 0 ||
    (atDeadline && plan.onDeadline === "promote-no-alarm");
  if (isSeasoned && isNoAlarmEnough) {
    return {
      ...say("promote", `No alarm${besides} in ${sessions} sessions of this step.`),
      promotedBy: "no-alarm",
    };
  }
  if (sessions === 0 && (atDeadline || elapsedMs >= plan.noTrafficAfterMs)) {
    return say("no-traffic", `No session was seen in this step for ${Math.round(elapsedMs / 1000)} seconds.`);
  }
  if (atDeadline) {
    return plan.onDeadline === "rollback"
      ? say("rollback", `The deadline of this step passed without a decision after ${sessions} sessions.`)
      : say(
          "inconclusive",
          `The deadline passed after ${sessions} sessions: no harm shown, but no safety either.`,
        );
  }
  const missing = deciding.filter((guardrail) => !guardrail.nonInferior).map((guardrail) => guardrail.metric);
  return say(
    "continue",
    isSeasoned
      ? `No alarm; not yet shown to be no worse: ${missing.join(", ")}.`
      : `No alarm; ${sessions} of ${step.minimumSessions} sessions of this step.`,
  );
}

function describeAlarm({ metric, confidence, observations, logEvidence }: GuardrailReading): string {
  const estimate =
    confidence === null ? "" : ` (${(100 * confidence.difference).toFixed(1)} points against the baseline)`;
  return `${metric} is worse on the canary${estimate}: evidence e^${logEvidence.toFixed(1)} after ${observations} sessions.`;
}
