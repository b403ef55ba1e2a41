import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { ServedModel } from "../../model/routing-table.ts";
import { NO_MODEL_ID } from "../../model/served-routing.ts";
import { isoTime } from "../../time/clock.ts";
import type { DeployerContext } from "../deployer-context.ts";
import { type HostConfigEdit, planConfigEdit } from "../host-config/models-config.ts";
import { isSameDeployment } from "../retirement/needed-deployments.ts";
import type { DeploymentRecord } from "../state/records.ts";
import { type RolledBack, rolledBack, type Serving } from "../state/serving.ts";
import { deployVersion, readyRecord, servedModelOf } from "./make-available.ts";
import type { RollbackInput } from "./rollback-contract.ts";

export function targetOf(
  serving: Serving,
  input: RollbackInput,
  extra: ServedModel | null,
  configEdit: HostConfigEdit | null,
): RolledBack {
  const { from, to, agent } = input;
  if (!hasTraffic(serving, from)) {
    throw new ModelOpsError({
      code: "deployment/already-rolled-back",
      message: `${from} of ${agent} gets no traffic.`,
      reason: "It was taken back before.",
      fix: "nothing needs to be done.",
    });
  }
  const found = rolledBack(extra ? withNewAddress(serving, extra) : serving, to);
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

/** A version that had to be made available before sessions can be led to it. */
export interface MadeAvailable {
  readonly model: ServedModel;
  readonly record: DeploymentRecord;
  /** False when it never served before: there is no edit of the host's file to undo. */
  readonly isInHistory: boolean;
}

/**
 * Makes the version to go to available when it is not: never deployed, freed since it served, or paused. Null when
 * sessions can be led to it at once.
 */
export async function makeAvailable(
  context: DeployerContext,
  input: RollbackInput,
  operationId: string,
): Promise<MadeAvailable | null> {
  const { agent } = input;
  const { serving, operation } = await context.store.read(agent);
  if (!serving || !hasTraffic(serving, input.from)) return null;
  const isCancellation =
    operation?.state === "open" && operation.step < "S5" && operation.kind !== "rollback";
  const version = input.to ?? (serving.canary || isCancellation ? null : lastVersion(serving));
  if (version === null || version === serving.baseline.version) return null;
  const past = serving.history.findLast((entry) => entry.model.version === version)?.model ?? null;
  if (past?.deploymentId === NO_MODEL_ID) return null;
  const records = await context.store.deployments(agent);
  const known = past
    ? records.find((record) => isSameDeployment(record.deployment, past))
    : records.findLast((record) => record.deployment.version === version);
  if (past && (!known || known.state === "ready")) return null;
  const targetId = past?.targetId ?? known?.deployment.targetId ?? serving.baseline.targetId;
  const deployment = await deployVersion(context, { agent, version, targetId, signal: input.signal });
  const at = isoTime(context.runtime.clock);
  const same = records.find((record) => isSameDeployment(record.deployment, deployment)) ?? null;
  return {
    model: servedModelOf(deployment),
    record: readyRecord({ deployment, operationId, at, known: same }),
    isInHistory: past !== null,
  };
}

function hasTraffic(serving: Serving, from: string | null): boolean {
  return from === null || serving.canary?.version === from || serving.baseline.version === from;
}

function lastVersion(serving: Serving): string | null {
  return serving.history.at(-1)?.model.version ?? null;
}

/** The history with a version's new address: what was freed and made again may have another one. */
function withNewAddress(serving: Serving, model: ServedModel): Serving {
  const history = serving.history.map((entry) =>
    entry.model.version === model.version && entry.model.targetId === model.targetId
      ? { ...entry, model }
      : entry,
  );
  return { ...serving, history };
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
