import type { ServedModel } from "../../model/routing-table.ts";
import { type DeployerContext, reach, superseded } from "../deployer-context.ts";
import { type HostConfigEdit, planConfigEdit } from "../host-config/models-config.ts";
import type { Operation } from "../state/records.ts";
import { promoted, type Serving } from "../state/serving.ts";
import { FULL_SHARE, owned } from "./owned-operation.ts";

/** S5: from here on the store says that the new state is in force; everything after follows from it. */
export async function pivot(context: DeployerContext, operation: Operation): Promise<Operation> {
  const { agent } = operation;
  const { model } = operation;
  if (!model) throw superseded(operation);
  const isFull = operation.sharePct >= FULL_SHARE;
  const edit = isFull && context.hostConfig ? await planEdit(context, agent, model) : null;
  const disk = await context.publisher.onDisk();
  const diskGeneration = disk?.agents[agent]?.generation ?? 0;
  await reach(context, "S5.before");
  const record = edit ? await context.store.deployment(agent, model.deploymentId) : null;
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
    const deployments = record ? [{ ...record, wasInConfig: true }] : [];
    return { change: { serving: changed, operations: [stepped], deployments }, result: stepped };
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
