import type { DeployerContext } from "../deployer-context.ts";
import type { DeploymentRecord } from "../state/records.ts";
import { liveRouters } from "../verification/live-routers.ts";

/** Whether sessions may still reach a deployment that the store does not lead them to. */
export type TrafficProof =
  /** Every live router follows the present table and has no call left on it. */
  | { readonly kind: "idle" }
  /** Nothing is known to call it, but nobody could say so. */
  | { readonly kind: "unproven"; readonly why: string }
  /** Something is known to lead to it, or to call it. */
  | { readonly kind: "in-use"; readonly why: string };

export async function trafficProof(
  context: DeployerContext,
  { deployment, wasInConfig }: DeploymentRecord,
): Promise<TrafficProof> {
  const { agent, version, deploymentId, targetId } = deployment;
  const table = await context.publisher.onDisk();
  const arms = table?.agents[agent]?.arms ?? [];
  if (!table || arms.length === 0) return inUse("the routing table cannot be read");
  if (arms.some((arm) => arm.deploymentId === deploymentId && arm.targetId === targetId))
    return inUse("the routing table on disk still names it");
  const routers = await liveRouters(context.runtime.store, context.runtime.clock.now());
  const behind = routers.filter((router) => router.generation < table.generation);
  if (behind.length > 0) return inUse(`${names(behind)} has not acknowledged the present routing table`);
  const sameName = arms.some((arm) => arm.version === version);
  const calling = routers.filter((router) => !sameName && (router.inFlight[agent]?.[version] ?? 0) > 0);
  if (calling.length > 0) return inUse(`${names(calling)} still has calls on it`);
  if (wasInConfig && !context.hostConfig?.reload)
    return unproven("the host's file named it, and without a reload hook the host may not have noticed");
  if (routers.length === 0) return unproven("no router is registered with the store");
  const blind = routers.filter((router) => !router.tracksCalls);
  if (blind.length > 0) return unproven(`${names(blind)} makes its calls outside of wrap()`);
  return { kind: "idle" };
}

const inUse = (why: string): TrafficProof => ({ kind: "in-use", why });
const unproven = (why: string): TrafficProof => ({ kind: "unproven", why });

function names(routers: readonly { readonly routerId: string }[]): string {
  return routers.map((router) => router.routerId).join(", ");
}
