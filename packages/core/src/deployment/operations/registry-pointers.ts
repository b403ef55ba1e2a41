import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { DeployerContext } from "../deployer-context.ts";
import type { Serving } from "../state/serving.ts";

/** Version name of a model that ran before this library managed the agent. */
export const UNMANAGED_VERSION = "unmanaged";

const HALF_SHARE = 50;

/**
 * Makes the registry's pointers say what is being served. Compares first, so that it may be repeated after a crash.
 * A move the registry refuses is a warning, since traffic has moved already; a registry that is down is an error.
 */
export async function syncRegistryPointers(
  context: DeployerContext,
  serving: Serving,
  reason: string,
): Promise<readonly string[]> {
  try {
    await moveCurrent(context, serving, reason);
    await moveCanary(context, serving, reason);
    const deployed = serving.canary ?? serving.baseline;
    if (deployed.version !== UNMANAGED_VERSION) {
      const { agent } = serving;
      const { version, deploymentId } = deployed;
      await context.registry.link?.({ agent, version, deploymentId });
    }
    return [];
  } catch (error) {
    if (!ModelOpsError.isInstance(error) || !error.code.startsWith("registry/")) throw error;
    return [`The registry kept its pointers: ${error.message}`];
  }
}

async function moveCurrent(context: DeployerContext, serving: Serving, reason: string): Promise<void> {
  const { registry } = context;
  const { agent } = serving;
  const { version } = serving.baseline;
  const { current, canary } = await registry.pointers({ agent });
  if (version === UNMANAGED_VERSION || current === version) return;
  if (canary?.version === version) {
    await registry.promote({ agent, reason });
    return;
  }
  const { deploymentStatus } = await registry.getVersion({ agent, version });
  if (deploymentStatus === "archived") {
    await registry.rollback({ agent, to: version, reason });
    return;
  }
  if (canary) await registry.rollback({ agent, reason });
  await registry.setCurrent({ agent, version, reason });
}

async function moveCanary(context: DeployerContext, serving: Serving, reason: string): Promise<void> {
  const { registry } = context;
  const { agent } = serving;
  const { canary } = await registry.pointers({ agent });
  if (canary && canary.version !== serving.canary?.version) await registry.rollback({ agent, reason });
  if (!serving.canary) return;
  const share = registryShare(serving.sharePct);
  if (canary?.version === serving.canary.version && canary.share >= share) return;
  await registry.setCanary({ agent, version: serving.canary.version, share, reason });
}

/** The registry knows two shares; what lies between goes with the lower one. */
export function registryShare(sharePct: number): 20 | 50 {
  return sharePct >= HALF_SHARE ? 50 : 20;
}
