import { ModelOpsError } from "../../errors/modelops-error.ts";
import { type DeployerContext, inProgress, reach, tryOperationLock } from "../deployer-context.ts";
import type { Operation } from "../state/records.ts";
import { type ForwardResult, runForward } from "./forward.ts";
import { newOperation } from "./new-operation.ts";

export interface AdvanceInput {
  readonly agent: string;
  /** Per cent of sessions from now on; null = the next step of the plan. */
  readonly to: number | null;
  /** `manual` or what the evidence was. */
  readonly reason: string;
  /** Whether a person agreed to this step. */
  readonly isApproved: boolean;
  /** Only when the rollout still runs at this step: a late decision must not skip one, or override a person's hold. */
  readonly expectedStepIndex?: number;
  readonly signal?: AbortSignal;
}

/** Raises the canary's share to the next step, or to 100 %, where it becomes the baseline. */
export async function runAdvance(context: DeployerContext, input: AdvanceInput): Promise<ForwardResult> {
  const { agent } = input;
  const draft = newOperation(context.runtime, { agent, kind: "step", step: "S1", reason: input.reason });
  const lock = tryOperationLock(context, draft.operationId);
  try {
    await reach(context, "S1.before");
    const begun = await context.store.update(agent, (state) => {
      const { serving, rollout, operation: open } = state;
      if (open && serving?.openOperationId) throw inProgress(open);
      if (!serving?.canary || !rollout) throw nothingToPromote(agent);
      const isAsExpected = rollout.state === "running" && rollout.stepIndex === input.expectedStepIndex;
      if (input.expectedStepIndex !== undefined && !isAsExpected) throw stepChanged(agent);
      const sharePct = input.to ?? rollout.plan.steps[rollout.stepIndex + 1]?.sharePct ?? 100;
      if (!(sharePct > serving.sharePct && sharePct <= 100))
        throw shareNotRising(agent, serving.sharePct, sharePct);
      const skipped = rollout.plan.steps.filter(
        (step) => step.sharePct > serving.sharePct && step.sharePct <= sharePct,
      );
      if (!input.isApproved && skipped.some((step) => step.needsApproval))
        throw approvalNeeded(agent, sharePct);
      const fence = serving.fence + 1;
      const operation: Operation = {
        ...draft,
        kind: sharePct >= 100 ? "promote" : "step",
        fence,
        sharePct,
        model: serving.canary,
      };
      return {
        change: {
          serving: { ...serving, fence, openOperationId: operation.operationId },
          operations: [operation],
        },
        result: operation,
      };
    });
    await reach(context, "S1.after");
    return await runForward(context, begun, { signal: input.signal });
  } finally {
    lock?.release();
  }
}

function nothingToPromote(agent: string): ModelOpsError {
  return new ModelOpsError({
    code: "deployment/no-canary",
    message: `${agent} has no canary.`,
    fix: "deploy a version with a rollout plan first; status() shows what is served.",
  });
}

function shareNotRising(agent: string, from: number, to: number): ModelOpsError {
  return new ModelOpsError({
    code: "deployment/share-not-rising",
    message: `The canary of ${agent} is at ${from} %; ${to} % is not a step up.`,
    reason: "A share only rises, so that no session changes its model on the way.",
    fix: `choose a share above ${from} and at most 100, or roll back.`,
  });
}

function approvalNeeded(agent: string, sharePct: number): ModelOpsError {
  return new ModelOpsError({
    code: "deployment/approval-required",
    message: `${sharePct} % for the canary of ${agent} needs a person's approval.`,
    reason: "The rollout plan says so.",
    fix: "call promote({ agent, approvedBy }) on behalf of that person.",
  });
}

/** Somebody else decided meanwhile. */
export function stepChanged(agent: string): ModelOpsError {
  return new ModelOpsError({
    code: "deployment/step-changed",
    message: `The rollout of ${agent} has moved on meanwhile.`,
    reason: "Somebody else advanced it, held it or took it back; nothing was done twice.",
    fix: "look at status() and decide anew.",
  });
}
