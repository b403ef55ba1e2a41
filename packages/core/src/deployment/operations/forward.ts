import type { TargetDeployment } from "../../contract/deploy-target.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { NewEvent } from "../../events/event.ts";
import type { ServedModel } from "../../model/routing-table.ts";
import { newEvent } from "../../runtime.ts";
import { type DeployerContext, reach, requireTarget, superseded } from "../deployer-context.ts";
import { readHostFile } from "../host-config/host-file.ts";
import { applyConfigEdit, type HostConfigEdit, planConfigEdit } from "../host-config/models-config.ts";
import { runReloadHook } from "../reload-hook.ts";
import type { AgentState, Change } from "../state/deployment-store.ts";
import type { Operation, OperationStep, RolloutRecord } from "../state/records.ts";
import { promoted, type Serving } from "../state/serving.ts";
import { probeDeployment } from "../verification/probe.ts";
import { isOwner } from "./new-operation.ts";
import { syncRegistryPointers } from "./registry-pointers.ts";

const READY_POLL_MS = 1000;
const FULL_SHARE = 100;

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
      throw error;
    }
  }
  return publishAndFinish(context, operation, options.signal);
}

function isPast(operation: Operation, step: OperationStep): boolean {
  return operation.step >= step;
}

/** S2–S4: the model exists, is healthy and has answered a call. Nothing is routed to it yet. */
async function make(context: DeployerContext, started: Operation, signal?: AbortSignal): Promise<Operation> {
  let operation = started;
  if (operation.kind !== "deploy" || !operation.request || isPast(operation, "S4")) return operation;
  const { version, targetId } = operation.request;
  const { agent } = operation;
  const target = requireTarget(context, targetId);
  const registered = await context.registry.getVersion({ agent, version });
  await reach(context, "S2.before");
  signal?.throwIfAborted();
  const deployment = await target.deploy(
    {
      model: { agent, version, modelId: registered.modelId, artifact: registered.artifact },
      // The same version on the same target is the same deployment, whoever asks and however often.
      idempotencyKey: `${agent}@${version}`,
    },
    { signal },
  );
  await reach(context, "S2.after");
  const model: ServedModel = servedModelOf(deployment);
  operation = await context.store.update(agent, (state, at) => {
    const next: Operation = { ...owned(state, operation), step: "S3", model };
    return {
      change: {
        operations: [next],
        deployments: [
          { v: 1, state: "ready", deployment, operationId: operation.operationId, createdAt: at },
        ],
      },
      result: next,
    };
  });
  await reach(context, "S3.after");
  await waitUntilReady(context, deployment, signal);
  await probeDeployment(context, deployment, { signal });
  await reach(context, "S4.before");
  operation = await context.store.update(agent, (state) => {
    const next: Operation = { ...owned(state, operation), step: "S4" };
    return { change: { operations: [next] }, result: next };
  });
  await reach(context, "S4.after");
  return operation;
}

export function servedModelOf(deployment: TargetDeployment): ServedModel {
  const { version, modelId, targetId, deploymentId, configValue, baseUrl } = deployment;
  return { version, modelId, targetId, deploymentId, configValue, baseUrl };
}

/** The operation as stored, or the error that says that it was overtaken. */
function owned(state: AgentState, operation: Operation): Operation {
  if (!isOwner(state.serving, operation) || state.operation?.state !== "open") throw superseded(operation);
  return state.operation;
}

async function waitUntilReady(
  context: DeployerContext,
  deployment: TargetDeployment,
  signal?: AbortSignal,
): Promise<void> {
  const target = requireTarget(context, deployment.targetId);
  const { clock } = context.runtime;
  const deadline = clock.now() + context.settings.readyTimeoutMs;
  for (;;) {
    const { state, message } = await target.status(deployment, { signal });
    if (state === "ready") return;
    if (state === "failed" || state === "absent" || clock.now() > deadline) {
      throw new ModelOpsError({
        code: "deployment/not-healthy",
        message: `${deployment.version} of ${deployment.agent} did not become healthy on ${deployment.targetId}.`,
        reason: `Its state is ${state}${message ? `: ${message}` : ""}.`,
        fix: "look at the target's own logs; the model in use keeps serving.",
        details: { state, deploymentId: deployment.deploymentId },
      });
    }
    if (state === "paused") await target.resume?.(deployment, { signal });
    await clock.sleep(READY_POLL_MS, { signal, keepAlive: true });
  }
}

/** S5: from here on the store says that the new state is in force; everything after follows from it. */
async function pivot(context: DeployerContext, operation: Operation): Promise<Operation> {
  const { agent } = operation;
  const { model } = operation;
  if (!model) throw superseded(operation);
  const isFull = operation.sharePct >= FULL_SHARE;
  const edit = isFull && context.hostConfig ? await planEdit(context, agent, model) : null;
  const disk = await context.publisher.onDisk();
  const diskGeneration = disk?.agents[agent]?.generation ?? 0;
  await reach(context, "S5.before");
  const next = await context.store.update(agent, (state, at) => {
    const current = owned(state, operation);
    const serving = state.serving as Serving;
    const base: Serving = {
      ...serving,
      ...rolloutOf(operation),
      generation: Math.max(serving.generation, diskGeneration),
      routingFence: serving.fence,
    };
    const changed: Serving = isFull
      ? promoted(base, model, edit, at)
      : { ...base, generation: base.generation + 1, canary: model, sharePct: operation.sharePct };
    const stepped: Operation = { ...current, step: "S5", configEdit: edit };
    return { change: { serving: changed, operations: [stepped] }, result: stepped };
  });
  await reach(context, "S5.committed");
  return next;
}

/** A new rollout brings its own salt and caps; a step keeps those of the running one. */
function rolloutOf({ request }: Operation): Partial<Pick<Serving, "rolloutId" | "caps">> {
  if (!request) return {};
  const cap = (metric: "latencyMs" | "costUsd") =>
    request.plan.guardrails.find((guardrail) => guardrail.metric === metric)?.cap ?? null;
  return { rolloutId: request.rolloutId, caps: { latencyMs: cap("latencyMs"), costUsd: cap("costUsd") } };
}

async function planEdit(
  context: DeployerContext,
  agent: string,
  model: ServedModel,
): Promise<HostConfigEdit | null> {
  if (!context.hostConfig) return null;
  const { edit } = await planConfigEdit({
    config: context.hostConfig,
    agent,
    targetId: model.targetId,
    value: model.configValue,
  });
  return edit;
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
  return { ...result, restartRequired, warnings };
}

/** Writes the planned edit; a file that somebody else changed meanwhile gets a new plan from its new content. */
async function writeConfig(context: DeployerContext, started: Operation): Promise<Operation> {
  const config = context.hostConfig;
  const { configEdit: edit, model, agent } = started;
  if (!config || !edit || !model) return started;
  return context.publisher.exclusively(async () => {
    // Under the lock that a rollback takes, too: whoever lost the fence must not write after it.
    const { serving } = await context.store.read(agent);
    if (!isOwner(serving, started)) throw superseded(started);
    const content = await readHostFile(config.file);
    if (content.sha256 === edit.sha256After) return started;
    const planned = await planConfigEdit({
      config,
      agent,
      targetId: model.targetId,
      value: model.configValue,
    });
    const hasMoved = planned.edit.sha256Before !== edit.sha256Before;
    const operation = hasMoved ? await replaceEdit(context, started, planned.edit) : started;
    await reach(context, "S5.config-before");
    await applyConfigEdit({
      config,
      planned,
      backupFolder: context.backupFolder,
      now: context.runtime.clock.now(),
    });
    return operation;
  });
}

function replaceEdit(
  context: DeployerContext,
  operation: Operation,
  edit: HostConfigEdit,
): Promise<Operation> {
  return context.store.update(operation.agent, (state) => {
    const next: Operation = { ...owned(state, operation), configEdit: edit };
    const serving = state.serving as Serving;
    const last = serving.history.length - 1;
    const history = serving.history.map((entry, index) =>
      index === last && entry.configEdit?.sha256After === operation.configEdit?.sha256After
        ? { ...entry, configEdit: edit }
        : entry,
    );
    return { change: { operations: [next], serving: { ...serving, history } }, result: next };
  });
}

/** The files could not be changed after S5: the former state is put in force again, as a newer generation. */
async function takeBack(context: DeployerContext, operation: Operation, error: unknown): Promise<void> {
  if (ModelOpsError.isInstance(error) && error.code === "deployment/superseded") return;
  await context.store.update(operation.agent, (state, at) => {
    const current = owned(state, operation);
    const serving = state.serving as Serving;
    const last = serving.history.at(-1);
    // A promotion of what served already left the history as it was.
    const pushed = last?.configEdit?.sha256After === operation.configEdit?.sha256After ? last : undefined;
    const before: Serving = {
      ...serving,
      generation: serving.generation + 1,
      baseline: pushed?.model ?? serving.baseline,
      history: pushed ? serving.history.slice(0, -1) : serving.history,
      canary: operation.kind === "deploy" ? null : operation.model,
      sharePct: operation.kind === "deploy" ? 0 : (lastShare(state) ?? 0),
      openOperationId: null,
    };
    return {
      change: failedChange(context, { serving: before, operation: current, error, at }),
      result: undefined,
    };
  });
  await context.publisher.publish();
}

function lastShare(state: AgentState): number | null {
  const { rollout } = state;
  return rollout ? (rollout.plan.steps[rollout.stepIndex]?.sharePct ?? null) : null;
}

/** A failure before S5: nothing was visible; what was made is freed and the operation closed. */
async function compensate(context: DeployerContext, started: Operation, error: unknown): Promise<void> {
  const { agent, request } = started;
  // The steps before the failure wrote more than the caller knows.
  const operation = (await context.store.operation(agent, started.operationId)) ?? started;
  const { serving } = await context.store.read(agent);
  const isInUse = [
    serving?.baseline,
    serving?.canary,
    ...(serving?.history.map((entry) => entry.model) ?? []),
  ].some((model) => model?.version === request?.version && model?.targetId === request?.targetId);
  const record = operation.model ? await context.store.deployment(agent, operation.model.deploymentId) : null;
  const target = context.targets.get(request?.targetId ?? "");
  const isOurs = record?.operationId === operation.operationId;
  if (operation.kind === "deploy" && record && target && isOurs && !isInUse) {
    await target.remove(record.deployment).catch(() => {});
  }
  await context.store
    .update(agent, (state, at) => {
      const current = owned(state, operation);
      const closed: Serving = { ...(state.serving as Serving), openOperationId: null };
      const change = failedChange(context, { serving: closed, operation: current, error, at });
      const removed = record && isOurs && !isInUse ? [{ ...record, state: "removed" as const }] : [];
      return { change: { ...change, deployments: removed }, result: undefined };
    })
    .catch((closing: unknown) => {
      if (!ModelOpsError.isInstance(closing) || closing.code !== "deployment/superseded") throw closing;
    });
}

function failedChange(
  context: DeployerContext,
  options: {
    readonly serving: Serving;
    readonly operation: Operation;
    readonly error: unknown;
    readonly at: string;
  },
): Change {
  const { serving, operation, error, at } = options;
  const code = ModelOpsError.isInstance(error) ? error.code : "deployment/failed";
  const message = error instanceof Error ? error.message : String(error);
  return {
    serving,
    operations: [{ ...operation, state: "compensated", endedAt: at, failure: message }],
    audit: [
      {
        action: `${operation.kind}.failed`,
        subject: `${operation.agent}@${operation.request?.version ?? operation.model?.version ?? ""}`,
        operationId: operation.operationId,
        reason: code,
      },
    ],
    events: [
      newEvent(context.runtime, {
        type: "deployment.failed",
        agent: operation.agent,
        subject: operation.operationId,
        data: { operationId: operation.operationId, code, message },
      }),
    ],
  };
}

function auditAction(operation: Operation): string {
  if (operation.kind === "deploy")
    return operation.sharePct >= FULL_SHARE ? "deploy.immediate" : "deploy.canary";
  return operation.kind === "promote" ? "rollout.promoted" : "rollout.stepped";
}

/** The rollout record as the finished operation leaves it; a deploy with a ladder starts one. */
function advancedRollout(state: AgentState, operation: Operation, at: string): RolloutRecord | undefined {
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
    endedAt: isFull ? at : null,
    reason: operation.reason,
    promotedBy: promotedBy(operation.reason),
  };
}

function promotedBy(reason: string | null): "manual" | "no-alarm" | "non-inferior" {
  return reason === "no-alarm" || reason === "non-inferior" ? reason : "manual";
}

function doneEvents(context: DeployerContext, operation: Operation, rollout?: RolloutRecord): NewEvent[] {
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
