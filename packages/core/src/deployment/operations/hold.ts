import { ModelOpsError } from "../../errors/modelops-error.ts";
import { newEvent } from "../../runtime.ts";
import type { DeployerContext } from "../deployer-context.ts";
import type { RolloutRecord } from "../state/records.ts";
import { stepChanged } from "./advance.ts";

const EVENTS = {
  running: "rollout.resumed",
  held: "rollout.held",
  "awaiting-approval": "rollout.held",
  inconclusive: "rollout.inconclusive",
} as const;

/**
 * Changes what the auto-pilot may do with a running rollout. Traffic stays as it is. With `onlyWhenRunning` it refuses
 * (`deployment/step-changed`) when somebody has decided otherwise meanwhile. Who resumes what an alarm holds accepts that
 * alarm: its guardrail is observed only from then on, and the others stay armed.
 */
export async function setRolloutState(
  context: DeployerContext,
  agent: string,
  state: keyof typeof EVENTS,
  reason: string,
  options: { readonly onlyWhenRunning?: boolean; readonly heldBy?: readonly string[] } = {},
): Promise<void> {
  await context.store.update(agent, (current, at) => {
    const { rollout, serving } = current;
    if (!rollout || !serving?.canary || rollout.endedAt !== null) {
      throw new ModelOpsError({
        code: "deployment/no-canary",
        message: `${agent} has no rollout under way.`,
        fix: "deploy a version with a rollout plan first; status() shows what is served.",
      });
    }
    if (options.onlyWhenRunning && rollout.state !== "running") throw stepChanged(agent);
    // Who resumes after a deadline gives the step its time once more; otherwise it would end at once.
    const isAnotherRound = state === "running" && rollout.state === "inconclusive";
    const stepStartedAt = isAnotherRound ? at : rollout.stepStartedAt;
    const accepted = state === "running" ? rollout.heldBy : [];
    const next: RolloutRecord = {
      ...rollout,
      state,
      reason,
      stepStartedAt,
      heldBy: state === "running" ? [] : [...(options.heldBy ?? rollout.heldBy)],
      acknowledged: [...new Set([...rollout.acknowledged, ...accepted])],
    };
    const subject = `${agent}@${rollout.version}`;
    // What the person knew: the alarm in the words in which it held the rollout.
    const evidence = { acceptedAlarms: accepted.join(", "), alarm: rollout.reason ?? "" };
    const data = { rolloutId: rollout.rolloutId, reason };
    return {
      change: {
        rollout: next,
        audit: [{ action: EVENTS[state], subject, reason, ...(accepted.length > 0 && { evidence }) }],
        events:
          rollout.state === state
            ? []
            : [newEvent(context.runtime, { type: EVENTS[state], agent, subject, data })],
      },
      result: undefined,
    };
  });
}
