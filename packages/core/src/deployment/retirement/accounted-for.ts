import { hasModel } from "../../model/served-routing.ts";
import type { DeploymentStore } from "../state/deployment-store.ts";
import { isSameDeployment } from "./needed-deployments.ts";

/**
 * Names that a deployment, or a model in use, accounts for. A version of the past that was freed does not: what exists
 * under its name was made by somebody else since.
 */
export async function accountedFor(store: DeploymentStore, targetId: string): Promise<ReadonlySet<string>> {
  const records = await store.allDeployments();
  const servings = (await store.servings()).filter(hasModel);
  const inUse = servings.flatMap(({ baseline, canary }) => [baseline, ...(canary ? [canary] : [])]);
  const freed = records.filter(({ state }) => state === "removed").map(({ deployment }) => deployment);
  const past = servings
    .flatMap(({ history }) => history.map((entry) => entry.model))
    .filter((model) => !freed.some((deployment) => isSameDeployment(deployment, model)));
  const written = records.filter(({ state }) => state !== "removed").map(({ deployment }) => deployment);
  return new Set(
    [...inUse, ...past, ...written]
      .filter((entry) => entry.targetId === targetId)
      .map((entry) => entry.deploymentId),
  );
}

/** Whether a deployment is under way there: what it makes is not written down yet. */
export async function isTargetBusy(store: DeploymentStore, targetId: string): Promise<boolean> {
  return (await store.openOperations()).some(
    ({ kind, request }) => kind === "deploy" && request?.targetId === targetId,
  );
}
