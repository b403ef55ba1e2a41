import { ConflictError } from "../../errors/conflict-error.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { RoutingTable, ServedModel } from "../../model/routing-table.ts";
import { newEvent } from "../../runtime.ts";
import {
  type DeployerContext,
  inProgress,
  reach,
  requireTarget,
  tryOperationLock,
} from "../deployer-context.ts";
import {
  applyConfigEdit,
  type ConfigRestore,
  type HostConfigEdit,
  planConfigEdit,
  restoreConfigEdit,
} from "../host-config/models-config.ts";
import { runReloadHook } from "../reload-hook.ts";
import type { AgentState, Change } from "../state/deployment-store.ts";
import type { Operation, RolloutRecord } from "../state/records.ts";
import { type RolledBack, rolledBack, routingOf, type Serving } from "../state/serving.ts";
import { type RollbackVerification, verifyRollback } from "../verification/rollback-verification.ts";
import { isOwner, newOperation } from "./new-operation.ts";
import { syncRegistryPointers } from "./registry-pointers.ts";

export interface RollbackInput {
  readonly agent: string;
  /** Version to go back to; null = undo the last change. */
  readonly to: string | null;
  /** Only when this version still gets traffic: a second call for the same fault then changes nothing more. */
  readonly from: string | null;
  readonly reason: string;
  readonly kind: "rollback" | "drill";
  readonly signal?: AbortSignal;
}

export interface RollbackResult {
  readonly rolledBack: true;
  readonly agent: string;
  /** The version that serves every session now. */
  readonly version: string;
  /** Versions that got traffic before and get none now. */
  readonly from: readonly string[];
  readonly reason: string;
  readonly operationId: string;
  readonly verification: RollbackVerification;
  /** `bytes`: the host's file is byte for byte as before; `value`: it was edited since, so only the value went back;
   * `already`: it needed no change; `failed`: see warnings; `none`: there was nothing to restore. */
  readonly config: ConfigRestore | "failed" | "none";
  readonly configSha256: string | null;
  readonly restartRequired: boolean;
  /** False when the store could not be written: run `reconcile()` when it is back. */
  readonly storeUpdated: boolean;
  readonly warnings: readonly string[];
}

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

interface Intent {
  readonly operation: Operation;
  readonly serving: Serving;
  /** Why the store could not take the intent; null when it did. */
  readonly storeError: string | null;
}

/** The lock tells others that somebody works on it; a disk that refuses it must not stop a rollback. */
function lockOrNull(context: DeployerContext, operationId: string) {
  try {
    return tryOperationLock(context, operationId);
  } catch {
    return null;
  }
}

async function recordIntent(
  context: DeployerContext,
  input: RollbackInput,
  draft: Operation,
): Promise<Intent> {
  const disk = await context.publisher.onDisk();
  const diskRouting = disk?.agents[input.agent];
  try {
    const extra = await deployWhenUnknown(context, input);
    const edit = extra ? await planned(context, input.agent, extra) : null;
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
        configEdit: extra ? edit : null,
        fence: fenced.fence,
      };
      return {
        change: intentChange(state, fenced, operation),
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

function targetOf(
  serving: Serving,
  input: RollbackInput,
  extra: ServedModel | null,
  configEdit: HostConfigEdit | null,
): RolledBack {
  const { from, to, agent } = input;
  if (from !== null && serving.canary?.version !== from && serving.baseline.version !== from) {
    throw new ModelOpsError({
      code: "deployment/already-rolled-back",
      message: `${from} of ${agent} gets no traffic.`,
      reason: "It was taken back before.",
      fix: "nothing needs to be done.",
    });
  }
  const found = rolledBack(serving, to);
  if (found) return found;
  if (extra && to !== serving.baseline.version) {
    const canaries = serving.canary ? [serving.canary] : [];
    const entry = { model: serving.baseline, configEdit, replacedAt: new Date(0).toISOString() };
    const base = { ...serving, generation: serving.generation + 1, canary: null, sharePct: 0 };
    return {
      serving: { ...base, baseline: extra, history: [...serving.history, entry] },
      undo: [],
      removed: [...canaries, serving.baseline],
    };
  }
  throw nothingToRollBack(
    agent,
    to,
    serving.history.map((entry) => entry.model.version),
  );
}

/** The edit for a version outside of the history; a file that cannot take it must not stop the traffic. */
async function planned(
  context: DeployerContext,
  agent: string,
  model: ServedModel,
): Promise<HostConfigEdit | null> {
  const config = context.hostConfig;
  if (!config) return null;
  return planConfigEdit({ config, agent, targetId: model.targetId, value: model.configValue }).then(
    ({ edit }) => edit,
    () => null,
  );
}

/** A version that is not in the history is made available first: as it was deployed, or anew on the present target. */
async function deployWhenUnknown(
  context: DeployerContext,
  input: RollbackInput,
): Promise<ServedModel | null> {
  const { agent, to } = input;
  if (to === null) return null;
  const { serving } = await context.store.read(agent);
  if (!serving || serving.baseline.version === to) return null;
  if (serving.history.some((entry) => entry.model.version === to)) return null;
  const known = (await context.store.deployments(agent)).findLast(
    (record) => record.deployment.version === to && record.state === "ready",
  );
  const targetId = known?.deployment.targetId ?? serving.baseline.targetId;
  const registered = await context.registry.getVersion({ agent, version: to });
  const deployment = await requireTarget(context, targetId).deploy(
    {
      model: { agent, version: to, modelId: registered.modelId, artifact: registered.artifact },
      idempotencyKey: `${agent}@${to}`,
    },
    { signal: input.signal },
  );
  const { version, modelId, deploymentId, configValue, baseUrl } = deployment;
  return { version, modelId, targetId, deploymentId, configValue, baseUrl };
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

async function restoreConfig(
  context: DeployerContext,
  operation: Operation,
  warnings: string[],
): Promise<{ readonly restored: RollbackResult["config"]; readonly sha256: string | null }> {
  const config = context.hostConfig;
  if (!config) return { restored: "none", sha256: null };
  if (operation.undo.length === 0) return nameInConfig(context, operation, warnings);
  const undoOne = (edit: HostConfigEdit) =>
    restoreConfigEdit({ config, edit, backupFolder: context.backupFolder, now: context.runtime.clock.now() });
  try {
    return await context.publisher.exclusively(async () => {
      let restored: ConfigRestore = "already";
      let sha256: string | null = null;
      for (const edit of operation.undo) {
        const outcome = await undoOne(edit);
        if (outcome.restored !== "already") restored = outcome.restored;
        sha256 = outcome.sha256;
      }
      return { restored, sha256 };
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    warnings.push(`The host configuration could not be restored: ${message}`);
    return { restored: "failed", sha256: null };
  }
}

/** Going to a version outside of the history: there is no edit to undo, so the value is set anew. */
async function nameInConfig(
  context: DeployerContext,
  operation: Operation,
  warnings: string[],
): Promise<{ readonly restored: RollbackResult["config"]; readonly sha256: string | null }> {
  const config = context.hostConfig;
  const { configEdit: edit, model, agent } = operation;
  if (!config || !edit || !model) return { restored: "none", sha256: null };
  try {
    return await context.publisher.exclusively(async () => {
      const planned = await planConfigEdit({
        config,
        agent,
        targetId: model.targetId,
        value: model.configValue,
      });
      const now = context.runtime.clock.now();
      await applyConfigEdit({ config, planned, backupFolder: context.backupFolder, now });
      return { restored: "value" as const, sha256: planned.edit.sha256After };
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    warnings.push(`The host configuration could not be changed: ${message}`);
    return { restored: "failed", sha256: null };
  }
}

async function reload(
  context: DeployerContext,
  restored: RollbackResult["config"],
  warnings: string[],
): Promise<boolean> {
  if (restored === "none" || restored === "already" || restored === "failed") return restored === "failed";
  const hook = context.hostConfig?.reload;
  if (!hook) return true;
  const outcome = await runReloadHook(context.runtime, hook);
  if (!outcome.ok) warnings.push(`The host could not be told to reload: ${outcome.message}.`);
  return !outcome.ok;
}

async function closeBooks(
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

function nothingToRollBack(agent: string, to: string | null, known: readonly string[]): ModelOpsError {
  return new ModelOpsError({
    code: "deployment/nothing-to-roll-back-to",
    message: to === null ? `${agent} has nothing to go back to.` : `${agent} cannot go back to ${to}.`,
    reason:
      known.length > 0
        ? `Versions that served before: ${[...new Set(known)].join(", ")}.`
        : "No version served before the present one.",
    fix:
      to === null
        ? "deploy another version, or name a registered one with `to`."
        : "name a version that is registered or served before.",
  });
}
