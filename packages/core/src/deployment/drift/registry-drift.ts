import type { DeployerContext } from "../deployer-context.ts";
import { DRILL_VERSION } from "../operations/drill.ts";
import { registryShare, UNMANAGED_VERSION } from "../operations/registry-pointers.ts";
import type { Serving } from "../state/serving.ts";
import type { Drift } from "./drift.ts";

/**
 * Whether the registry's pointers name what is served. While a change is under way they are on their way, too; a model
 * from before this library managed the agent, and the canary of a drill, have no version that a pointer could name.
 */
export async function registryDrift(context: DeployerContext, serving: Serving): Promise<readonly Drift[]> {
  if (serving.openOperationId || serving.canary?.version === DRILL_VERSION) return [];
  const { agent, baseline, canary } = serving;
  const isNamed = baseline.version !== UNMANAGED_VERSION;
  const wantedCanary = canary && { version: canary.version, share: registryShare(serving.sharePct) };
  const place = { agent, place: "registry" as const };
  try {
    const pointers = await context.registry.pointers({ agent });
    const drift: Drift[] = [];
    if (isNamed && pointers.current !== baseline.version) {
      drift.push({
        ...place,
        expected: `current ${baseline.version}`,
        found: pointers.current === null ? null : `current ${pointers.current}`,
        problem: null,
        fix: await fixOfCurrent(context, serving, pointers),
      });
    }
    const [expected, found] = [canaryText(wantedCanary), canaryText(pointers.canary)];
    if (expected !== found) {
      drift.push({ ...place, expected, found, problem: null, fix: fixOfCanary(wantedCanary, pointers) });
    }
    return drift;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    const expected = isNamed ? `current ${baseline.version}` : canaryText(wantedCanary);
    return [{ ...place, expected, found: null, problem, fix: "make the registry readable and ask again." }];
  }
}

interface Canary {
  readonly version: string;
  readonly share: number;
}

interface Pointers {
  readonly current: string | null;
  readonly canary: Canary | null;
}

function canaryText(canary: Canary | null): string | null {
  return canary && `canary ${canary.version} at ${canary.share} %`;
}

async function fixOfCurrent(
  context: DeployerContext,
  { agent, baseline }: Serving,
  pointers: Pointers,
): Promise<string> {
  const { version } = baseline;
  const { deploymentStatus } = await context.registry.getVersion({ agent, version });
  const back =
    deploymentStatus === "archived"
      ? `registry.rollback({ agent, to: "${version}" })`
      : `registry.setCurrent({ agent, version: "${version}" })`;
  const first = pointers.canary === null ? "" : " (after the canary there has ended)";
  const other = pointers.current === null ? "" : `, or deploy ${pointers.current} if that is what you want`;
  return `sessions still get ${version}: put the pointer back with ${back}${first}${other}.`;
}

function fixOfCanary(wanted: Canary | null, { canary }: Pointers): string {
  if (wanted === null)
    return `no session gets ${canary?.version}: end it with registry.rollback({ agent }), and start it with deploy().`;
  const { version, share } = wanted;
  const start = `registry.setCanary({ agent, version: "${version}", share: ${share} })`;
  const isBehind = canary === null || (canary.version === version && canary.share < share);
  const put = isBehind ? start : `registry.rollback({ agent }) and ${start}`;
  return `sessions still get ${version} at its share: put the pointer back with ${put}, or take the canary back with abort().`;
}
