import { stat } from "node:fs/promises";
import { type ModelArtifact, ModelOpsError, type ModelReference } from "@modelops/core";
import type { GgufTargetOptions, RepositoryReference } from "./gguf-target-options.ts";

/** The folders a deployment is made of. */
export interface ModelSource {
  /** The base of an adapter, or the whole model. */
  readonly modelFolder: string;
  readonly adapterFolder: string | null;
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

async function fetchFolder(
  repository: RepositoryReference,
  options: GgufTargetOptions,
  signal: AbortSignal | undefined,
): Promise<string> {
  if (options.fetchRepository) return options.fetchRepository(repository, { signal });
  throw new ModelOpsError({
    code: "target/model-not-local",
    message: `${repository.repoId} is not a folder on this machine.`,
    reason: "GGUF files are made from local files.",
    fix: "download it and give the folder, or pass fetchRepository to gguf().",
    details: { repoId: repository.repoId },
  });
}

/** A base model is named by a folder or by a repository. */
async function baseFolder(
  artifact: Pick<ModelArtifact, "baseModel" | "baseModelRevision">,
  options: GgufTargetOptions,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { baseModel, baseModelRevision } = artifact;
  if (await isFolder(baseModel)) return baseModel;
  return fetchFolder({ repoId: baseModel, revision: baseModelRevision }, options, signal);
}

/**
 * Finds the files of a model. A model without an artifact is taken as it is: its id is a folder or a repository.
 * @throws ModelOpsError `target/model-not-local`
 */
export async function locateModel(
  model: ModelReference,
  options: GgufTargetOptions,
  signal?: AbortSignal,
): Promise<ModelSource> {
  const { artifact } = model;
  if (artifact === null) {
    const modelFolder = await baseFolder(
      { baseModel: model.modelId, baseModelRevision: null },
      options,
      signal,
    );
    return { modelFolder, adapterFolder: null };
  }
  const { location } = artifact;
  const artifactFolder =
    location.type === "folder" ? location.path : await fetchFolder(location, options, signal);
  if (!(await isFolder(artifactFolder))) {
    throw new ModelOpsError({
      code: "target/model-not-local",
      message: `The model's folder ${artifactFolder} does not exist.`,
      fix: "restore the folder, or register the version again with the place of its files.",
    });
  }
  if (artifact.kind === "full-model") return { modelFolder: artifactFolder, adapterFolder: null };
  return { modelFolder: await baseFolder(artifact, options, signal), adapterFolder: artifactFolder };
}
