import type { NewEvent } from "../../events/event.ts";
import { newEvent } from "../../runtime.ts";
import type { DeployerContext } from "../deployer-context.ts";
import type { AgentState } from "../state/deployment-store.ts";
import type { Operation, RolloutRecord } from "../state/records.ts";
import { FULL_SHARE } from "./owned-operation.ts";

export function auditAction(operation: Operation): string {
  if (operation.kind === "deploy")
    return operation.sharePct >= FULL_SHARE ? "deploy.immediate" : "deploy.canary";
  return operation.kind === "promote" ? "rollout.promoted" : "rollout.stepped";
}

/** The rollout record as the finished operation leaves it; a deploy with a ladder starts one. */
export function advancedRollout(
  state: AgentState,
  operation: Operation,
  at: string,
): RolloutRecord | undefined {
  const { request, model } = operation;
  const isFull = operation.sharePct >= FULL_SHARE;
  if (operation.kind === "deploy") {
    if (!request || !model || !state.serving) return undefined;
    return {
      v: 1,
      rolloutId: request.rolloutId,
      agent: operation.agent,
      version: model.version,
      baselineVersion:
        (isFull ? state.serving.history.at(-1)?.model : state.serving.baseline)?.version ?? "none",
      plan: request.plan,
      state: isFull ? "promoted" : "running",
      stepIndex: request.plan.steps.findIndex((step) => step.sharePct === operation.sharePct),
      startedAt: at,
      stepStartedAt: at,
      heldBy: [],
      acknowledged: [],
      endedAt: isFull ? at : null,
      reason: null,
      promotedBy: isFull ? "manual" : null,
      monitor: null,
    };
  }
  const { rollout } = state;
  if (!rollout) return undefined;
  const index = rollout.plan.steps.findIndex((step) => step.sharePct >= operation.sharePct);
  return {
    ...rollout,
    state: isFull ? "promoted" : "running",
    stepIndex: index === -1 ? rollout.plan.steps.length - 1 : index,
    stepStartedAt: at,
    heldBy: [],
    endedAt: isFull ? at : null,
    reason: operation.reason,
    promotedBy: promotedBy(operation.reason),
  };
}

function promotedBy(reason: string | null): "manual" | "no-alarm" | "non-inferior" {
  return reason === "no-alarm" || reason === "non-inferior" ? reason : "manual";
}

export function doneEvents(
  context: DeployerContext,
  operation: Operation,
  rollout?: RolloutRecord,
): NewEvent[] {
  const { agent, model, operationId, sharePct } = operation;
  if (!model) return [];
  const subject = `${agent}@${model.version}`;
  const event = <Data>(type: string, data: Data) => newEvent(context.runtime, { type, agent, subject, data });
  const events: NewEvent[] = [];
  if (operation.kind === "deploy") {
    const { version, targetId: target, deploymentId } = model;
    events.push(
      event("deployment.completed", { version, target, deploymentId, rolloutPct: sharePct, operationId }),
    );
  }
  if (rollout) {
    const data = { rolloutId: rollout.rolloutId, version: model.version };
    if (sharePct >= FULL_SHARE) {
      events.push(event("rollout.promoted", { ...data, promotedBy: rollout.promotedBy }));
    } else {
      events.push(
        event(operation.kind === "deploy" ? "rollout.started" : "rollout.stepped", { ...data, sharePct }),
      );
    }
  }
  return events;
}
