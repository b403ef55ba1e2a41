import { isDeepStrictEqual } from "node:util";
import { hasModel, routingOf } from "../../model/served-routing.ts";
import type { DeployerContext } from "../deployer-context.ts";
import { configDrift } from "./config-drift.ts";
import { registryDrift } from "./registry-drift.ts";
import { targetDrift } from "./target-drift.ts";

/** A place that differs from what was deployed, or that could not be looked at. */
export interface Drift {
  readonly agent: string;
  readonly place: "routing-table" | "host-config" | "registry" | "target";
  readonly expected: string | null;
  readonly found: string | null;
  /** Why the place could not be looked at, null when it was. What is not known is not counted as fine. */
  readonly problem: string | null;
  readonly fix: string;
}

/** Compares what should be with what is. Changes nothing. */
export async function findDrift(
  context: DeployerContext,
  { agent, signal }: { readonly agent?: string; readonly signal?: AbortSignal },
): Promise<readonly Drift[]> {
  const servings = (await context.store.servings()).filter(
    (serving) => hasModel(serving) && (agent === undefined || serving.agent === agent),
  );
  const table = await context.publisher.onDisk();
  const drift: Drift[] = [];
  for (const serving of servings) {
    const found = table?.agents[serving.agent];
    if (!isDeepStrictEqual(found, routingOf(serving))) {
      drift.push({
        agent: serving.agent,
        place: "routing-table",
        expected: `generation ${serving.generation}`,
        found: found ? `generation ${found.generation}` : null,
        problem: null,
        fix: "run reconcile(): the table is written anew from the store.",
      });
    }
    drift.push(...(await configDrift(context, serving)));
    drift.push(...(await registryDrift(context, serving)));
    drift.push(...(await targetDrift(context, serving, signal)));
  }
  return drift;
}
