import type { HfEndpointsOptions } from "./hf-endpoints-options.ts";
import type { Compute, Endpoint } from "./hf-endpoints-wire.ts";

/** The machine that somebody wants, as the service lists it now; null when it is not listed. */
export function findCompute(
  computes: readonly Compute[],
  wanted: Readonly<Record<keyof HfEndpointsOptions["compute"], string | null | undefined>>,
): Compute | null {
  return (
    computes.find(
      (compute) =>
        compute.vendor === wanted.vendor &&
        compute.region === wanted.region &&
        compute.accelerator === wanted.accelerator &&
        compute.instanceType === wanted.instanceType &&
        compute.instanceSize === wanted.instanceSize,
    ) ?? null
  );
}

/** The machine of an endpoint, null when it is not listed any more. */
export function computeOf({ provider, compute }: Endpoint, computes: readonly Compute[]): Compute | null {
  return findCompute(computes, {
    vendor: provider?.vendor,
    region: provider?.region,
    accelerator: compute?.accelerator,
    instanceType: compute?.instanceType,
    instanceSize: compute?.instanceSize,
  });
}

/** States in which no replica is billed. */
const FREE_STATES: readonly string[] = ["paused", "scaledToZero", "pending"];

/** What an endpoint costs per hour now, all replicas together; null when the price or the number is not known. */
export function endpointCostUsdPerHour(endpoint: Endpoint, computes: readonly Compute[]): number | null {
  const { state, readyReplica, targetReplica } = endpoint.status;
  if (FREE_STATES.includes(state)) return 0;
  const compute = computeOf(endpoint, computes);
  // A replica that starts is billed like one that is up.
  const replicas = Math.max(readyReplica ?? 0, targetReplica ?? 0);
  const price = compute?.pricePerHour ?? null;
  return price === null || replicas === 0 ? null : Number((price * replicas).toPrecision(12));
}
