import type { Runtime } from "../../runtime.ts";
import { isoTime } from "../../time/clock.ts";
import { ownerOfThisProcess } from "../deployer-context.ts";
import type { Operation } from "../state/records.ts";
import type { Serving } from "../state/serving.ts";

/** An operation at its first step; give the parts that matter. */
export function newOperation(
  runtime: Runtime,
  parts: Pick<Operation, "agent" | "kind" | "step"> & Partial<Operation>,
): Operation {
  return {
    v: 1,
    operationId: `op-${runtime.generateId()}`,
    state: "open",
    fence: 0,
    owner: ownerOfThisProcess(),
    startedAt: isoTime(runtime.clock),
    endedAt: null,
    reason: null,
    request: null,
    model: null,
    sharePct: 0,
    configEdit: null,
    undo: [],
    removed: [],
    failure: null,
    verification: null,
    ...parts,
  };
}

/** Whether the operation may still change the agent: nothing with a higher fence has begun. */
export function isOwner(serving: Serving | null, operation: Operation): boolean {
  return serving?.openOperationId === operation.operationId && serving.fence === operation.fence;
}
