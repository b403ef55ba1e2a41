import type { RoutingTable } from "../../model/routing-table.ts";
import { routingOf } from "../../model/served-routing.ts";
import { type DeployerContext, reach, tryOperationLock } from "../deployer-context.ts";
import { retireAfterwards } from "../retirement/retire-idle.ts";
import { verifyRollback } from "../verification/rollback-verification.ts";
import { newOperation } from "./new-operation.ts";
import { syncRegistryPointers } from "./registry-pointers.ts";
import { reload, restoreConfig } from "./restore-config.ts";
import { closeBooks } from "./rollback-books.ts";
import type { Intent, RollbackInput, RollbackResult } from "./rollback-contract.ts";
import { recordIntent } from "./rollback-intent.ts";

/**
 * Traffic first: the routing table is the first thing that changes, then the host's file, then the books. A store that
 * cannot be written does not stop it.
 */
export async function runRollback(context: DeployerContext, input: RollbackInput): Promise<RollbackResult> {
  const startedMs = performance.now();
  const draft = newOperation(context.runtime, {
    agent: input.agent,
    kind: input.kind,
    step: "R1",
    reason: input.reason,
  });
  const lock = lockOrNull(context, draft.operationId);
  try {
    await reach(context, "R1.before");
    const intent = await recordIntent(context, input, draft);
    await reach(context, "R1.after");
    return await finishRollback(context, { ...intent, input, startedMs });
  } finally {
    lock?.release();
  }
}

/** The lock tells others that somebody works on it; a disk that refuses it must not stop a rollback. */
function lockOrNull(context: DeployerContext, operationId: string) {
  try {
    return tryOperationLock(context, operationId);
  } catch {
    return null;
  }
}

/** R2–R5, also run by recovery. Everything in it may be repeated. */
export async function finishRollback(
  context: DeployerContext,
  options: Intent & { readonly input: RollbackInput; readonly startedMs: number },
): Promise<RollbackResult> {
  const { operation, serving, input, startedMs } = options;
  const { agent } = input;
  const warnings: string[] = [];
  if (options.storeError) warnings.push(`The store could not be written: ${options.storeError}`);
  const table: RoutingTable = await context.publisher.publish({ [agent]: routingOf(serving) });
  const tablePublishedMs = performance.now() - startedMs;
  await reach(context, "R2.after");
  const verifying = verifyRollback(context, {
    agent,
    table,
    good: serving.baseline,
    removed: operation.removed,
    startedMs,
    tablePublishedMs,
    signal: input.signal,
  });
  // A failure below must not leave this promise without a listener.
  verifying.catch(() => {});
  const config = await restoreConfig(context, operation, warnings);
  const restartRequired = await reload(context, config.restored, warnings);
  await reach(context, "R3.before");
  if (!options.storeError) {
    const moved = await syncRegistryPointers(context, serving, `${input.kind}: ${input.reason}`).catch(
      (error: unknown) => [`The registry's pointers could not be moved: ${String(error)}; run reconcile().`],
    );
    warnings.push(...moved);
  }
  await reach(context, "R3.after");
  const verification = await verifying;
  await reach(context, "R4.after");
  const storeUpdated =
    options.storeError === null && (await closeBooks(context, operation, verification, input, warnings));
  await reach(context, "R5.after");
  if (storeUpdated) warnings.push(...(await retireAfterwards(context, agent)));
  return {
    rolledBack: true,
    agent,
    version: serving.baseline.version,
    from: operation.removed.map((model) => model.version),
    reason: input.reason,
    operationId: operation.operationId,
    verification,
    config: config.restored,
    configSha256: config.sha256,
    restartRequired,
    storeUpdated,
    warnings,
  };
}
