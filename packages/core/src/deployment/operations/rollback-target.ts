import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { ServedModel } from "../../model/routing-table.ts";
import { type DeployerContext, requireTarget } from "../deployer-context.ts";
import { type HostConfigEdit, planConfigEdit } from "../host-config/models-config.ts";
import { type RolledBack, rolledBack, type Serving } from "../state/serving.ts";
import type { RollbackInput } from "./rollback-contract.ts";

export function targetOf(
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
export async function planned(
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
export async function deployWhenUnknown(
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

export function nothingToRollBack(agent: string, to: string | null, known: readonly string[]): ModelOpsError {
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
