import type {
  DeployTarget,
  ModelReference,
  TargetDeployment,
  TargetResource,
} from "../../contract/deploy-target.ts";
import type { Runtime } from "../../runtime.ts";
import { accountedFor, isTargetBusy } from "../retirement/accounted-for.ts";
import { DeploymentStore } from "../state/deployment-store.ts";
import { installationOwner } from "../state/installation.ts";
import { ServingLease } from "./serving-lease.ts";

/** How far a service's clock may be behind ours for what it made to count as made by this call. */
const CLOCK_SKEW_MS = 60_000;

export interface LentModel {
  readonly deployment: TargetDeployment;
  /** Ends the use. Frees what this call has made, unless somebody else needs it by now. Calling it twice is calm. */
  release(): Promise<void>;
}

interface Lending {
  readonly runtime: Runtime;
  readonly target: DeployTarget;
  readonly model: ModelReference;
  readonly idempotencyKey: string;
  readonly signal?: AbortSignal;
}

/**
 * Serves a model outside of any rollout where that costs money by the hour. What is made carries the installation's mark
 * from the start, and a lease says that it is in use, so that whatever a dead process leaves behind is found and removed.
 */
export async function lendModel(lending: Lending): Promise<LentModel> {
  const { runtime, target, model, idempotencyKey, signal } = lending;
  const owner = await installationOwner(runtime);
  const { agent, version } = model;
  const before = await listed(target, owner, signal);
  const startedAtMs = runtime.clock.now();
  const lease = await ServingLease.open(runtime, { target: target.id, agent, version });
  try {
    const deployment = await target.deploy({ model, idempotencyKey, owner }, { signal });
    const { deploymentId } = deployment;
    await lease.name(deploymentId);
    const wasThere = before === null || before.some((resource) => resource.deploymentId === deploymentId);
    const made = wasThere
      ? undefined
      : (await listed(target, owner, signal))?.find((resource) => resource.deploymentId === deploymentId);
    const isMadeHere = Date.parse(made?.createdAt ?? "") >= startedAtMs - CLOCK_SKEW_MS;
    let released: Promise<void> | null = null;
    return {
      deployment,
      release() {
        released ??= release(lending, { deployment, lease, isMadeHere });
        return released;
      },
    };
  } catch (error) {
    await lease.end().catch(() => {});
    throw error;
  }
}

/** Null when it cannot be told what is there: then nothing counts as made by us. */
async function listed(
  target: DeployTarget,
  owner: string,
  signal: AbortSignal | undefined,
): Promise<readonly TargetResource[] | null> {
  try {
    return (await target.list?.({ owner, signal })) ?? null;
  } catch {
    signal?.throwIfAborted();
    return null;
  }
}

async function release(
  { runtime, target }: Lending,
  options: {
    readonly deployment: TargetDeployment;
    readonly lease: ServingLease;
    readonly isMadeHere: boolean;
  },
): Promise<void> {
  const { deployment, lease } = options;
  const { deploymentId } = deployment;
  try {
    const store = new DeploymentStore(runtime, () => {});
    const isShared = (await lease.others()).length > 0 || (await isTargetBusy(store, target.id));
    const isAccounted = (await accountedFor(store, target.id)).has(deploymentId);
    const records = isAccounted ? await store.deployments(deployment.agent) : [];
    const wasPaused = records.some(
      (record) => record.state === "paused" && record.deployment.deploymentId === deploymentId,
    );
    if (!isShared && wasPaused) await target.pause?.(deployment);
    if (!isShared && !isAccounted && options.isMadeHere) await target.remove(deployment);
  } catch (error) {
    runtime.logger.warn(
      `${deploymentId} on ${target.id} could not be freed: ${String(error)}; reconcile() looks for it.`,
    );
  } finally {
    await lease.end().catch((error: unknown) => {
      runtime.logger.warn(
        `${deploymentId} on ${target.id} counts as in use a while longer: ${String(error)}`,
      );
    });
  }
}
