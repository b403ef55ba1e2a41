import { createHash } from "node:crypto";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { HubConnection } from "../../hub/hub-connection.ts";
import { type ModelFile, type ModelFiles, openModelFiles } from "../../hub/model-files.ts";
import type { ArtifactFile, ModelArtifact } from "../../model/artifact.ts";
import { summariseSafetensors } from "../safetensors-check.ts";

const TOKENIZER_FILES = ["tokenizer.json", "tokenizer.model", "vocab.json"];
const NOT_PART_OF_IT = /^(\.|checkpoint-|last-checkpoint\/|runs\/)/;
const MAX_HASHED_BYTES = 32 * 1024 * 1024;

/**
 * Opens the repository that a completed job says it pushed to.
 * @throws ModelOpsError `training/artifact-invalid` when it is not there
 */
export async function openPushedModel(
  connection: HubConnection,
  model: { readonly repository: string; readonly revision?: string },
  signal?: AbortSignal,
): Promise<ModelFiles> {
  try {
    return await openModelFiles(connection, { ...model, signal });
  } catch (error) {
    if (!ModelOpsError.isInstance(error) || error.code !== "hub/not-found") throw error;
    // A job that ended well says nothing about what was saved.
    throw new ModelOpsError({
      code: "training/artifact-invalid",
      message: `The job completed, but the repository ${model.repository} does not hold its result.`,
      reason: error.reason ?? error.what,
      fix: "look at the job's log, then start the run again.",
      cause: error,
    });
  }
}

/**
 * Looks at a model repository that a run pushed and says what it is, after checking that it is complete:
 * configuration, weights whose header fits the file (read by range), tokenizer, and the very files the script
 * reported (size, and SHA-256 where the Hub knows it or the file is small).
 * @throws ModelOpsError `training/artifact-invalid`
 */
export async function verifyModelRepository(options: {
  readonly model: ModelFiles;
  readonly baseModel: string;
  readonly baseModelRevision: string | null;
  readonly reported: readonly ArtifactFile[] | null;
}): Promise<ModelArtifact> {
  const { model } = options;
  const found = model.files.filter((file) => !NOT_PART_OF_IT.test(file.path));
  const byPath = new Map(found.map((file) => [file.path, file]));
  const isAdapter = byPath.has("adapter_config.json");
  if (!isAdapter && !byPath.has("config.json"))
    throw invalid(model, "It holds no adapter_config.json and no config.json.");
  await readJsonObject(model, isAdapter ? "adapter_config.json" : "config.json");
  if (!TOKENIZER_FILES.some((name) => byPath.has(name))) throw invalid(model, "It holds no tokenizer.");
  for (const name of isAdapter ? ["adapter_model.safetensors"] : await weightFiles(model, byPath)) {
    const file = byPath.get(name);
    if (!file) throw invalid(model, `${name} is missing.`);
    await summariseSafetensors(file.sizeBytes, (start, end) => model.read(name, { start, end })).catch(
      (error: unknown) => {
        if (ModelOpsError.isInstance(error)) throw error;
        throw invalid(
          model,
          `${name} is damaged: ${error instanceof Error ? error.message : String(error)}.`,
        );
      },
    );
  }
  const files = await Promise.all(found.map((file) => withHash(model, file)));
  for (const reported of options.reported ?? []) {
    const file = files.find((candidate) => candidate.path === reported.path);
    if (!file) throw invalid(model, `${reported.path} was reported by the script but is not there.`);
    const isOther = file.sha256 !== null && reported.sha256 !== null && file.sha256 !== reported.sha256;
    if (file.sizeBytes !== reported.sizeBytes || isOther)
      throw invalid(model, `${reported.path} is not the file that the script wrote.`);
  }
  return {
    kind: isAdapter ? "adapter" : "full-model",
    location: { type: "hub", repoId: model.repository, revision: model.revision },
    baseModel: options.baseModel,
    baseModelRevision: options.baseModelRevision,
    files,
  };
}

async function weightFiles(
  model: ModelFiles,
  byPath: ReadonlyMap<string, ModelFile>,
): Promise<readonly string[]> {
  if (!byPath.has("model.safetensors.index.json")) return ["model.safetensors"];
  const map = (await readJsonObject(model, "model.safetensors.index.json")).weight_map;
  if (typeof map !== "object" || map === null) throw invalid(model, "Its shard index names no files.");
  return [...new Set(Object.values(map).map(String))];
}

async function withHash(model: ModelFiles, file: ModelFile): Promise<ArtifactFile> {
  const { path, sizeBytes } = file;
  if (file.sha256 !== null || sizeBytes > MAX_HASHED_BYTES) return { path, sizeBytes, sha256: file.sha256 };
  const bytes = await model.read(path);
  return { path, sizeBytes, sha256: createHash("sha256").update(bytes).digest("hex") };
}

async function readJsonObject(model: ModelFiles, path: string): Promise<Record<string, unknown>> {
  const bytes = await model.read(path);
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
    throw new Error("it is no object");
  } catch (error) {
    throw invalid(
      model,
      `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
}

function invalid(model: ModelFiles, reason: string): ModelOpsError {
  return new ModelOpsError({
    code: "training/artifact-invalid",
    message: `The training run left no usable model in ${model.repository}.`,
    reason: `${reason} (revision ${model.revision})`,
    fix: "look at the repository and at the job's log, then start the run again.",
    details: { repository: model.repository, revision: model.revision },
  });
}
