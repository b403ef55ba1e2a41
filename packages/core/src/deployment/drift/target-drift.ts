import type { ServedModel } from "../../model/routing-table.ts";
import type { DeployerContext } from "../deployer-context.ts";
import { isSameDeployment } from "../retirement/needed-deployments.ts";
import type { DeploymentRecord } from "../state/records.ts";
import type { Serving } from "../state/serving.ts";
import type { Drift } from "./drift.ts";

/**
 * Asks the targets whether what sessions are led to is there and serves the right model. A model that ran before this
 * library managed the agent was made by no target, so that none can be asked for it.
 */
export async function targetDrift(
  context: DeployerContext,
  serving: Serving,
  signal: AbortSignal | undefined,
): Promise<readonly Drift[]> {
  const { agent, baseline, canary } = serving;
  const records = await context.store.deployments(agent);
  const served = canary && !isSameDeployment(baseline, canary) ? [baseline, canary] : [baseline];
  const found = await Promise.all(
    served.map((model) => {
      const record = records.find(({ deployment }) => isSameDeployment(deployment, model));
      return record ? driftOf(context, model, record, signal) : null;
    }),
  );
  return found.filter((drift) => drift !== null);
}

async function driftOf(
  context: DeployerContext,
  served: ServedModel,
  { deployment }: DeploymentRecord,
  signal: AbortSignal | undefined,
): Promise<Drift | null> {
  const { agent, version, targetId, deploymentId } = deployment;
  const place = {
    agent,
    place: "target" as const,
    expected: `${version} ready on ${targetId} (${deploymentId})`,
  };
  const target = context.targets.get(targetId);
  if (!target) {
    const problem = `This deployer has no target ${targetId}.`;
    return { ...place, found: null, problem, fix: "give it the target that serves this version." };
  }
  try {
    const status = await target.status(deployment, { signal });
    const { state, message, servesInstead = null, wakesOnRequest = false } = status;
    if (servesInstead !== null) {
      const found = `serves ${servesInstead}`;
      const fix = `somebody changed it: have it serve ${served.modelId} again, or rollback() to another version.`;
      return { ...place, found, problem: null, fix };
    }
    if (state === "ready" || (state === "paused" && wakesOnRequest)) return null;
    return { ...place, found: message ? `${state}: ${message}` : state, problem: null, fix: FIXES[state] };
  } catch (error) {
    signal?.throwIfAborted();
    const problem = error instanceof Error ? error.message : String(error);
    return { ...place, found: null, problem, fix: `make ${targetId} reachable and ask again.` };
  }
}

const FIXES = {
  absent:
    "it is gone: rollback() to another version, or deploy another one; rollback({ to }) makes a freed one anew.",
  starting: "it is not ready yet: ask again; if it stays so, rollback() to another version.",
  paused: "wake it at the target, or rollback() to another version.",
  failed: "look at the target's own log; rollback() takes sessions to another version meanwhile.",
} as const;
