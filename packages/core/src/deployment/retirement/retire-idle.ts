import type { DeployTarget } from "../../contract/deploy-target.ts";
import { newEvent } from "../../runtime.ts";
import { type DeployerContext, reach } from "../deployer-context.ts";
import type { DeploymentRecord } from "../state/records.ts";
import { isSameDeployment, neededModels } from "./needed-deployments.ts";
import { trafficProof } from "./traffic-proof.ts";

/** A deployment that nothing leads to and that still costs something, or may. */
export interface IdleDeployment {
  readonly agent: string;
  readonly version: string;
  readonly target: string;
  readonly deploymentId: string;
  readonly state: "ready" | "retiring" | "paused";
  readonly idleSince: string;
  /** When it may be retired, ISO 8601; null while something keeps it from that. */
  readonly retiresAt: string | null;
  /** Why it is still there. */
  readonly why: string;
}

export interface Retirement {
  /** What was done, in words. */
  readonly actions: readonly string[];
  readonly idle: readonly IdleDeployment[];
}

/**
 * Frees what no session reaches any more. In force stay: what serves, the canary, and the newest versions before it.
 * Others go when the routing table no longer names them, every live router follows it and no call is left on them; a
 * change that is under way comes first.
 */
export async function retireIdle(
  context: DeployerContext,
  agent: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Retirement> {
  const { retirement } = context.settings;
  const records = await noteIdle(context, agent);
  const idle: IdleDeployment[] = [];
  const actions: string[] = [];
  for (const record of records) {
    const target = context.targets.get(record.deployment.targetId);
    if (!target || record.idleSince === null || record.state === "removed") continue;
    const isPause = retirement.action === "pause" && target.pause !== undefined;
    if (record.state === "paused" && retirement.action !== "remove") continue;
    const waits = await whatItWaitsFor(context, record);
    if (waits || retirement.action === "keep") {
      const why = waits?.why ?? "retirement.action is keep";
      idle.push(idleEntry(record, { why, retiresAt: waits?.retiresAt ?? null }));
      continue;
    }
    options.signal?.throwIfAborted();
    try {
      const action = await retire(context, { record, target, isPause, signal: options.signal });
      if (action) actions.push(action);
    } catch (error) {
      options.signal?.throwIfAborted();
      const why = `it could not be ${isPause ? "paused" : "removed"}: ${error instanceof Error ? error.message : String(error)}`;
      idle.push(idleEntry(record, { why, retiresAt: null }));
    }
  }
  return { actions, idle };
}

/** After an operation: what cannot be freed now is a line for the caller, never a failure of what was done. */
export async function retireAfterwards(
  context: DeployerContext,
  agent: string,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  try {
    const { idle } = await retireIdle(context, agent, { signal });
    return idle.map(
      ({ version, target, why }) =>
        `${version} on ${target} is no longer in use, but stays for now: ${why}; reconcile() looks again.`,
    );
  } catch (error) {
    return [`What is no longer in use could not be freed: ${String(error)}; run reconcile().`];
  }
}

/** Brings `idleSince` of an agent's deployments up to date; empty while a change is under way. */
function noteIdle(context: DeployerContext, agent: string): Promise<readonly DeploymentRecord[]> {
  const { keepVersions } = context.settings.retirement;
  return context.store.updateDeployments(agent, ({ serving, deployments }, at) => {
    const costly = deployments.filter((record) => isCostly(context, record));
    if (!serving || serving.openOperationId || costly.length === 0) return { change: null, result: [] };
    const needed = neededModels(serving, keepVersions);
    const judged = costly.map((record): DeploymentRecord => {
      const isNeeded = needed.some((model) => isSameDeployment(model, record.deployment));
      return { ...record, idleSince: isNeeded ? null : (record.idleSince ?? at) };
    });
    const hasNews = judged.some((record, index) => record.idleSince !== costly[index]?.idleSince);
    return { change: hasNews ? { deployments: judged } : null, result: judged };
  });
}

function isCostly(context: DeployerContext, { state, deployment }: DeploymentRecord): boolean {
  return state !== "removed" && context.targets.get(deployment.targetId)?.capabilities.removable === true;
}

async function whatItWaitsFor(
  context: DeployerContext,
  record: DeploymentRecord,
): Promise<{ readonly why: string; readonly retiresAt: string | null } | null> {
  if (record.state === "retiring") return null;
  const { afterMs, unprovenAfterMs } = context.settings.retirement;
  const proof = await trafficProof(context, record);
  if (proof.kind === "in-use") return { why: proof.why, retiresAt: null };
  const dueMs =
    Date.parse(record.idleSince ?? "") +
    (proof.kind === "idle" ? afterMs : Math.max(afterMs, unprovenAfterMs));
  if (dueMs <= context.runtime.clock.now()) return null;
  const why = proof.kind === "idle" ? "its time is not over" : proof.why;
  return { why, retiresAt: new Date(dueMs).toISOString() };
}

/** The books first: who reads them afterwards deploys it anew instead of leading sessions to what is going away. */
async function retire(
  context: DeployerContext,
  options: {
    readonly record: DeploymentRecord;
    readonly target: DeployTarget;
    readonly isPause: boolean;
    readonly signal?: AbortSignal;
  },
): Promise<string | null> {
  const { record, target, isPause, signal } = options;
  const { deployment } = record;
  const { agent, version, targetId, deploymentId } = deployment;
  const begun = await context.store.updateDeployments(agent, ({ serving, deployments }) => {
    const current = deployments.find((other) => isSameDeployment(other.deployment, deployment));
    const needed = serving ? neededModels(serving, context.settings.retirement.keepVersions) : [];
    const isNeeded = needed.some((model) => isSameDeployment(model, deployment));
    const mayGo = serving !== null && !serving.openOperationId && !isNeeded && current?.idleSince != null;
    const retiring = current && mayGo ? { ...current, state: "retiring" as const } : null;
    return { change: retiring && { deployments: [retiring] }, result: retiring };
  });
  if (!begun) return null;
  await reach(context, "retire.begun");
  if (isPause) await target.pause?.(deployment, { signal });
  else await target.remove(deployment, { signal });
  await reach(context, "retire.freed");
  const action = isPause ? ("paused" as const) : ("removed" as const);
  await context.store.updateDeployments(agent, ({ deployments }) => {
    const current = deployments.find((other) => isSameDeployment(other.deployment, deployment));
    // Somebody has deployed it anew meanwhile: it is theirs now.
    if (current?.state !== "retiring") return { change: null, result: undefined };
    return {
      change: {
        deployments: [{ ...current, state: action }],
        audit: [
          {
            action: "deployment.retired",
            subject: `${agent}@${version}`,
            reason: "no session reaches it any more",
            evidence: { target: targetId, deploymentId, action, idleSince: record.idleSince },
          },
        ],
        events: [
          newEvent(context.runtime, {
            type: "deployment.retired",
            agent,
            subject: `${agent}@${version}`,
            data: { version, target: targetId, deploymentId, action },
          }),
        ],
      },
      result: undefined,
    };
  });
  return `${action} ${version} on ${targetId} (${deploymentId})`;
}

function idleEntry(
  { deployment, state, idleSince }: DeploymentRecord,
  rest: Pick<IdleDeployment, "why" | "retiresAt">,
): IdleDeployment {
  const { agent, version, targetId: target, deploymentId } = deployment;
  return {
    agent,
    version,
    target,
    deploymentId,
    state: state === "removed" ? "retiring" : state,
    idleSince: idleSince ?? "",
    ...rest,
  };
}
