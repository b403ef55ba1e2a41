import { type DeployerContext, reach, superseded } from "../deployer-context.ts";
import { runReloadHook } from "../reload-hook.ts";
import { retireAfterwards, retireIdle } from "../retirement/retire-idle.ts";
import type { Operation } from "../state/records.ts";
import type { Serving } from "../state/serving.ts";
import { advancedRollout, auditAction, doneEvents } from "./forward-books.ts";
import { make } from "./make-available.ts";
import { isOwner } from "./new-operation.ts";
import { isPast, owned } from "./owned-operation.ts";
import { pivot } from "./pivot.ts";
import { syncRegistryPointers } from "./registry-pointers.ts";
import { compensate, takeBack } from "./undo-forward.ts";
import { writeConfig } from "./write-config.ts";

export interface ForwardResult {
  readonly serving: Serving;
  readonly operation: Operation;
  readonly restartRequired: boolean;
  readonly warnings: readonly string[];
}

/**
 * Brings a deployment, a step or a promotion to its end from wherever it stands: make before break, then the point of
 * no return (S5), then the files, then the books. It is also the recovery after a crash. A failure before S5 leaves
 * everything as it was and frees what was made.
 */
export async function runForward(
  context: DeployerContext,
  started: Operation,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ForwardResult> {
  let operation = started;
  if (!isPast(operation, "S5")) {
    try {
      operation = await make(context, operation, options.signal);
      operation = await pivot(context, operation);
    } catch (error) {
      await compensate(context, operation, error);
      // What was overtaken while it was made is freed as soon as nothing leads to it.
      await retireIdle(context, operation.agent).catch(() => {});
      throw error;
    }
  }
  return publishAndFinish(context, operation, options.signal);
}

async function publishAndFinish(
  context: DeployerContext,
  started: Operation,
  signal?: AbortSignal,
): Promise<ForwardResult> {
  let operation = started;
  const { agent } = operation;
  const warnings: string[] = [];
  let restartRequired = false;
  if (operation.configEdit) {
    try {
      operation = await writeConfig(context, operation);
    } catch (error) {
      await takeBack(context, operation, error);
      throw error;
    }
    warnings.push(...(operation.configEdit?.warnings ?? []));
    restartRequired = true;
    await reach(context, "S5.config-written");
  }
  await context.publisher.publish();
  await reach(context, "S5.published");
  if (operation.configEdit && context.hostConfig?.reload) {
    const outcome = await runReloadHook(context.runtime, context.hostConfig.reload, signal);
    restartRequired = !outcome.ok;
    if (!outcome.ok) warnings.push(`The host could not be told to reload: ${outcome.message}.`);
  }
  const { serving } = await context.store.read(agent);
  if (!serving || !isOwner(serving, operation)) throw superseded(operation);
  const reason = operation.reason ?? `${operation.kind} ${operation.operationId}`;
  warnings.push(...(await syncRegistryPointers(context, serving, reason)));
  await reach(context, "S6.before");
  const result = await context.store.update(agent, (state, at) => {
    const done: Operation = { ...owned(state, operation), step: "S6", state: "done", endedAt: at };
    const finished: Serving = { ...(state.serving as Serving), openOperationId: null };
    const rollout = advancedRollout(state, done, at);
    return {
      change: {
        serving: finished,
        operations: [done],
        rollout,
        audit: [
          {
            action: auditAction(done),
            subject: `${agent}@${done.model?.version ?? ""}`,
            operationId: done.operationId,
            reason: done.reason,
            evidence: { sharePct: String(done.sharePct), generation: finished.generation },
          },
        ],
        events: doneEvents(context, done, rollout),
      },
      result: { serving: finished, operation: done },
    };
  });
  await reach(context, "S6.after");
  warnings.push(...(await retireAfterwards(context, agent, signal)));
  return { ...result, restartRequired, warnings };
}
