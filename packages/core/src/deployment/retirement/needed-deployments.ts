import type { ServedModel } from "../../model/routing-table.ts";
import { NO_MODEL_ID } from "../../model/served-routing.ts";
import type { Serving } from "../state/serving.ts";

/** Models of an agent that must stay able to answer: those in use, and the newest ones before them. */
export function neededModels(serving: Serving, keepVersions: number): readonly ServedModel[] {
  const needed = serving.canary ? [serving.baseline, serving.canary] : [serving.baseline];
  const inUse = needed.length;
  for (const { model } of serving.history.toReversed()) {
    if (needed.length >= inUse + keepVersions) break;
    const isKnown = needed.some((other) => isSameDeployment(other, model));
    if (!isKnown && model.deploymentId !== NO_MODEL_ID) needed.push(model);
  }
  return needed;
}

type Named = Pick<ServedModel, "targetId" | "deploymentId">;

export function isSameDeployment(left: Named, right: Named): boolean {
  return left.targetId === right.targetId && left.deploymentId === right.deploymentId;
}
