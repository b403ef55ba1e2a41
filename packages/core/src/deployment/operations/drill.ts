import { ModelOpsError } from "../../errors/modelops-error.ts";
import { hasModel } from "../../model/served-routing.ts";
import type { DeployerContext } from "../deployer-context.ts";
import { inProgress } from "../deployer-context.ts";
import type { Serving } from "../state/serving.ts";
import { runRollback } from "./rollback.ts";
import type { RollbackResult } from "./rollback-contract.ts";

/** Version name of the drill's canary: the present model under another name, with no sessions. */
export const DRILL_VERSION = "drill";

/** Publishes a canary of 0 % and takes it back, with the full proof. */
export async function runDrill(
  context: DeployerContext,
  input: { readonly agent: string; readonly signal?: AbortSignal },
): Promise<RollbackResult> {
  const { agent } = input;
  const disk = (await context.publisher.onDisk())?.agents[agent];
  await context.store.update(agent, (state) => {
    const { serving, operation } = state;
    if (operation && serving?.openOperationId) throw inProgress(operation);
    if (!serving || !hasModel(serving)) throw notPossible(agent, "nothing is deployed yet");
    if (serving.canary) throw notPossible(agent, "a canary is running");
    const fence = serving.fence + 1;
    const generation = Math.max(serving.generation, disk?.generation ?? 0) + 1;
    const canary = { ...serving.baseline, version: DRILL_VERSION };
    const drilling: Serving = { ...serving, generation, fence, routingFence: fence, canary, sharePct: 0 };
    return { change: { serving: drilling }, result: undefined };
  });
  await context.publisher.publish();
  return runRollback(context, {
    agent,
    to: null,
    from: DRILL_VERSION,
    reason: "drill",
    kind: "drill",
    signal: input.signal,
  });
}

function notPossible(agent: string, reason: string): ModelOpsError {
  return new ModelOpsError({
    code: "deployment/drill-not-possible",
    message: `A rollback of ${agent} cannot be rehearsed now.`,
    reason: `${reason[0]?.toUpperCase()}${reason.slice(1)}.`,
    fix: "deploy a version, and drill while no rollout is under way.",
  });
}
