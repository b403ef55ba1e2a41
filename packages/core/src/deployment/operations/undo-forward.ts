import { ModelOpsError } from "../../errors/modelops-error.ts";
import { newEvent } from "../../runtime.ts";
import type { DeployerContext } from "../deployer-context.ts";
import type { AgentState, Change } from "../state/deployment-store.ts";
import type { Operation } from "../state/records.ts";
import type { Serving } from "../state/serving.ts";
import { owned } from "./owned-operation.ts";

/** The files could not be changed after S5: the former state is put in force again, as a newer generation. */
export async function takeBack(
  context: DeployerContext,
  operation: Operation,
  error: unknown,
): Promise<void> {
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
export async function compensate(
  context: DeployerContext,
  started: Operation,
  error: unknown,
): Promise<void> {
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
