import { superseded } from "../deployer-context.ts";
import type { AgentState } from "../state/deployment-store.ts";
import type { Operation, OperationStep } from "../state/records.ts";
import { isOwner } from "./new-operation.ts";

/** At this share the canary becomes the baseline. */
export const FULL_SHARE = 100;

export function isPast(operation: Operation, step: OperationStep): boolean {
  return operation.step >= step;
}

/** The operation as stored, or the error that says that it was overtaken. */
export function owned(state: AgentState, operation: Operation): Operation {
  if (!isOwner(state.serving, operation) || state.operation?.state !== "open") throw superseded(operation);
  return state.operation;
}
