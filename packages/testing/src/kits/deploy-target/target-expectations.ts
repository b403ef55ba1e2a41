import assert from "node:assert/strict";
import type { DeployTarget, ModelReference, TargetDeployment } from "@modelops/core";

/** Areas a target's errors may come from; `model` when the model it started does not answer. */
export const TARGET_AREAS = ["target", "gguf", "model", "deployment", "hub"];

export async function deploy(
  target: DeployTarget,
  model: ModelReference,
  idempotencyKey = `key-${model.agent}-${model.version}`,
): Promise<TargetDeployment> {
  return target.deploy({ model, idempotencyKey });
}

/** The deployment answers a question. */
export async function answers(target: DeployTarget, deployment: TargetDeployment): Promise<void> {
  const model = await target.chatModel(deployment);
  try {
    const result = await model.generate({
      messages: [{ role: "user", content: "Hello, how are you?" }],
      maxOutputTokens: 8,
    });
    assert.equal(typeof result.text, "string");
  } finally {
    await model.close?.();
  }
}

export async function stateOf(target: DeployTarget, deployment: TargetDeployment): Promise<string> {
  return (await target.status(deployment)).state;
}

/** A deployment nobody ever made. */
export function neverMade(deployment: TargetDeployment, unservable: ModelReference): TargetDeployment {
  return {
    ...deployment,
    deploymentId: `${deployment.deploymentId}-never`,
    modelId: unservable.modelId,
    version: unservable.version,
  };
}
