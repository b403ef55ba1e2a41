import { newEvent } from "../../runtime.ts";
import type { DeployerContext } from "../deployer-context.ts";
import type { Operation, RolloutRecord } from "../state/records.ts";
import type { RollbackVerification } from "../verification/rollback-verification.ts";
import { isOwner } from "./new-operation.ts";
import type { RollbackInput } from "./rollback-contract.ts";

export async function closeBooks(
  context: DeployerContext,
  operation: Operation,
  verification: RollbackVerification,
  input: RollbackInput,
  warnings: string[],
): Promise<boolean> {
  const { agent } = operation;
  try {
    await context.store.update(agent, (state, at) => {
      // A later operation has taken over: only this one's own record is closed.
      const owns = isOwner(state.serving, operation);
      const serving = owns && state.serving ? { ...state.serving, openOperationId: null } : undefined;
      const done: Operation = {
        ...operation,
        step: "R5",
        state: owns ? "done" : "superseded",
        endedAt: at,
        verification: { ...verification },
      };
      return {
        change: {
          serving,
          operations: [done],
          rollout: endedRollout(state.rollout, operation, at),
          audit: [
            {
              action: `${operation.kind}.verified`,
              subject: `${agent}@${operation.model?.version ?? ""}`,
              operationId: operation.operationId,
              reason: input.reason,
              evidence: {
                complete: verification.complete,
                missing: [...verification.missing],
                totalMs: String(Math.round(verification.totalMs)),
              },
            },
          ],
          events: rollbackEvents(context, operation, verification),
        },
        result: undefined,
      };
    });
    return true;
  } catch (error) {
    warnings.push(
      `The rollback is in force, but could not be written down: ${String(error)}; run reconcile().`,
    );
    return false;
  }
}

function endedRollout(
  rollout: RolloutRecord | null,
  operation: Operation,
  at: string,
): RolloutRecord | undefined {
  if (!rollout || operation.kind === "drill") return undefined;
  if (!operation.removed.some((model) => model.version === rollout.version)) return undefined;
  return { ...rollout, state: "rolled-back", endedAt: at, reason: operation.reason };
}

function rollbackEvents(context: DeployerContext, operation: Operation, verification: RollbackVerification) {
  const { agent, operationId, model, kind } = operation;
  const subject = `${agent}@${model?.version ?? ""}`;
  const verified = newEvent(context.runtime, {
    type: "rollout.rollback-verified",
    agent,
    subject,
    data: { operationId, verification },
  });
  if (kind === "drill") return [verified];
  const data = {
    version: model?.version ?? "",
    from: operation.removed.map((removed) => removed.version),
    reason: operation.reason ?? "",
    operationId,
  };
  return [newEvent(context.runtime, { type: "rollout.rolled-back", agent, subject, data }), verified];
}
