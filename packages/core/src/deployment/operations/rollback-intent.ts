import { ConflictError } from "../../errors/conflict-error.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import { type DeployerContext, inProgress } from "../deployer-context.ts";
import type { AgentState, Change } from "../state/deployment-store.ts";
import type { Operation } from "../state/records.ts";
import type { RolledBack, Serving } from "../state/serving.ts";
import type { Intent, RollbackInput } from "./rollback-contract.ts";
import { makeAvailable, nothingToRollBack, planned, targetOf } from "./rollback-target.ts";

export async function recordIntent(
  context: DeployerContext,
  input: RollbackInput,
  draft: Operation,
): Promise<Intent> {
  const disk = await context.publisher.onDisk();
  const diskRouting = disk?.agents[input.agent];
  try {
    const made = await makeAvailable(context, input, draft.operationId);
    const extra = made?.model ?? null;
    const edit = made && !made.isInHistory ? await planned(context, input.agent, made.model) : null;
    return await context.store.update(input.agent, (state) => {
      const { serving, operation: open } = state;
      if (!serving) throw nothingToRollBack(input.agent, input.to, []);
      if (open?.kind === "rollback" && serving.openOperationId) throw inProgress(open);
      const isUnderWay = open?.state === "open" && open.step < "S5" && open.kind !== "rollback";
      const cancels = isUnderWay && input.to === null && input.from === null;
      const target = cancels ? { serving, undo: [], removed: [] } : targetOf(serving, input, extra, edit);
      const fenced = withFence(target.serving, serving, diskRouting, draft.operationId);
      const operation = {
        ...draft,
        ...operationParts(target),
        configEdit: edit,
        fence: fenced.fence,
      };
      return {
        change: { ...intentChange(state, fenced, operation), deployments: made ? [made.record] : [] },
        result: { operation, serving: fenced, storeError: null },
      };
    });
  } catch (error) {
    if (isRefusal(error)) throw error;
    // The store is unreadable or unwritable. What must happen is known from the copy beside it.
    const copy = await knownServing(context, input.agent);
    if (!copy) throw error;
    const target = targetOf(copy, input, null, null);
    const fenced = withFence(target.serving, copy, diskRouting, null);
    await context.store.keepCopy(fenced, { pending: true, reason: input.reason }).catch(() => {});
    const operation = { ...draft, ...operationParts(target), fence: fenced.fence };
    return { operation, serving: fenced, storeError: error instanceof Error ? error.message : String(error) };
  }
}

async function knownServing(context: DeployerContext, agent: string): Promise<Serving | null> {
  const stored = await context.store.read(agent).catch(() => null);
  const copy = await context.store.copy(agent);
  const candidates = [stored?.serving, copy?.serving].filter(
    (serving) => serving !== null && serving !== undefined,
  );
  return candidates.sort((left, right) => right.generation - left.generation)[0] ?? null;
}

/** Errors that answer the caller's wish, as against errors of the store. */
function isRefusal(error: unknown): boolean {
  return (
    ModelOpsError.isInstance(error) &&
    error.code.startsWith("deployment/") &&
    !ConflictError.isInstance(error)
  );
}

function withFence(
  next: Serving,
  before: Serving,
  disk: { readonly generation: number; readonly fence: number } | undefined,
  operationId: string | null,
): Serving {
  const fence = Math.max(before.fence, disk?.fence ?? 0) + 1;
  const generation = Math.max(before.generation, disk?.generation ?? 0) + 1;
  return { ...next, fence, routingFence: fence, generation, openOperationId: operationId };
}

function operationParts(target: RolledBack): Pick<Operation, "model" | "undo" | "removed"> {
  return { model: target.serving.baseline, undo: [...target.undo], removed: [...target.removed] };
}

function intentChange(state: AgentState, serving: Serving, operation: Operation): Change {
  const overtaken = state.operation;
  return {
    serving,
    operations: [
      operation,
      ...(overtaken?.state === "open" ? [{ ...overtaken, state: "superseded" as const }] : []),
    ],
    audit: [
      {
        action: `${operation.kind}.started`,
        subject: `${operation.agent}@${serving.baseline.version}`,
        operationId: operation.operationId,
        reason: operation.reason,
        evidence: { from: operation.removed.map((model) => model.version), generation: serving.generation },
      },
    ],
  };
}
