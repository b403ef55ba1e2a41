import { join } from "node:path";
import {
  type ChatModel,
  type DeployRequest,
  type DeployTarget,
  ModelOpsError,
  type TargetDeployment,
} from "@modelops/core";
import { openGgufChatModel } from "../serving/gguf-chat-model.ts";
import { checkModel } from "./check-model.ts";
import { createDeploymentRecords } from "./deployment-records.ts";
import { createGgufFileStore, type StoredGguf } from "./gguf-file-store.ts";
import { compileGgufTargetOptions, type GgufTargetOptions } from "./gguf-target-options.ts";
import { type DeploymentFiles, makeFiles } from "./make-files.ts";
import { locateModel } from "./model-source.ts";

function isStored(value: unknown): value is StoredGguf {
  const stored = value as Partial<StoredGguf> | null | undefined;
  return typeof stored?.fileName === "string" && typeof stored.sizeBytes === "number";
}

/** The files named in a stored deployment. */
function filesOf(deployment: TargetDeployment): DeploymentFiles {
  const { model, adapter } = deployment.details;
  if (!isStored(model)) {
    throw new ModelOpsError({
      code: "target/unknown-deployment",
      message: `Deployment ${deployment.deploymentId} names no GGUF file.`,
      reason: "It was not made by this target, or its record is damaged.",
      fix: "deploy the model again.",
    });
  }
  return { model, adapter: isStored(adapter) ? adapter : null };
}

function describe(
  request: DeployRequest,
  targetId: string,
  { model, adapter }: DeploymentFiles,
): TargetDeployment {
  const names = [model, adapter]
    .filter((file) => file !== null)
    .map((file) => file.fileName.replace(/\.gguf$/, ""));
  const deploymentId = names.join("+");
  return {
    targetId,
    deploymentId,
    modelId: request.model.modelId,
    agent: request.model.agent,
    version: request.model.version,
    configValue: `${targetId}:${deploymentId}`,
    baseUrl: null,
    details: { model, adapter },
  };
}

function keyReused(request: DeployRequest, earlier: TargetDeployment): ModelOpsError {
  const { agent, version } = request.model;
  return new ModelOpsError({
    code: "target/idempotency-key-reused",
    message: `The idempotency key already deployed ${earlier.agent} ${earlier.version}, not ${agent} ${version}.`,
    fix: "use a new key for another model version.",
  });
}

/**
 * A target that converts models to GGUF files in `folder` and serves them in this process. A base model is converted
 * once and shared by all its adapters; files are named after the content they were made from and used again when they
 * are unharmed.
 */
export function gguf(options: GgufTargetOptions): DeployTarget {
  const compiled = compileGgufTargetOptions(options);
  const store = createGgufFileStore(compiled.folder);
  const records = createDeploymentRecords(join(compiled.folder, "deployments"));

  const isReady = async (deployment: TargetDeployment): Promise<boolean> => {
    const { model, adapter } = filesOf(deployment);
    return (await store.isPresent(model)) && (adapter === null || (await store.isPresent(adapter)));
  };

  const open = (deployment: TargetDeployment, signal: AbortSignal | undefined): Promise<ChatModel> => {
    const { model, adapter } = filesOf(deployment);
    const { contextLength, contextCount, threads, gpu } = compiled;
    return openGgufChatModel({
      id: deployment.configValue,
      modelPath: store.pathOf(model.fileName),
      adapterPath: adapter === null ? undefined : store.pathOf(adapter.fileName),
      contextLength,
      contextCount,
      threads,
      gpu,
      signal,
    });
  };

  /** A deployment that cannot answer is none: one token proves files, library and template. */
  const proveAnswers = async (
    deployment: TargetDeployment,
    signal: AbortSignal | undefined,
  ): Promise<void> => {
    const model = await open(deployment, signal);
    try {
      await model.generate(
        { messages: [{ role: "user", content: "Hello" }], maxOutputTokens: 1 },
        { signal },
      );
    } finally {
      await model.close?.();
    }
  };

  return {
    contract: "deploy-target/v1",
    id: compiled.id,
    capabilities: { servesArtifacts: true, removable: false, scaleToZero: true },
    check: async (model, { signal } = {}) => {
      signal?.throwIfAborted();
      return checkModel(model, compiled, signal);
    },
    deploy: async (request, { signal } = {}) => {
      signal?.throwIfAborted();
      const earlier = await records.find(request.idempotencyKey);
      const { agent, version } = request.model;
      if (earlier && (earlier.agent !== agent || earlier.version !== version))
        throw keyReused(request, earlier);
      if (earlier && (await isReady(earlier))) return earlier;
      const source = await locateModel(request.model, compiled, signal);
      const files = await makeFiles(source, { options: compiled, store, signal });
      const deployment = describe(request, compiled.id, files);
      await proveAnswers(deployment, signal);
      await records.save(request.idempotencyKey, deployment);
      return deployment;
    },
    status: async (deployment) => {
      const known = (await records.all()).some(
        ({ deploymentId }) => deploymentId === deployment.deploymentId,
      );
      if (!known) return { state: "absent", message: null, costUsdPerHour: 0 };
      if (await isReady(deployment)) return { state: "ready", message: null, costUsdPerHour: 0 };
      const message =
        "A GGUF file of this deployment is missing or has another size; deploy the version again.";
      return { state: "failed", message, costUsdPerHour: 0 };
    },
    remove: async (deployment) => {
      await records.removeDeployment(deployment.deploymentId);
      const { model, adapter } = filesOf(deployment);
      const inUse = new Set(
        (await records.all())
          .map(filesOf)
          .flatMap((files) => [files.model.fileName, files.adapter?.fileName]),
      );
      for (const file of [model, adapter]) {
        if (file !== null && !inUse.has(file.fileName)) await store.remove(file.fileName);
      }
    },
    chatModel: (deployment, { signal } = {}) => open(deployment, signal),
  };
}
