import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { ArtifactFile, ModelArtifact } from "../model/artifact.ts";
import { readSafetensorsSummary } from "./safetensors-check.ts";

const TOKENIZER_FILES = ["tokenizer.json", "tokenizer.model", "vocab.json"];

/**
 * Looks at a folder that a training run left and says what it is, after checking that it is complete: configuration,
 * weights whose header fits the file, tokenizer, and the very files the script reported (size and SHA-256).
 * @throws ModelOpsError `training/artifact-invalid`
 */
export async function verifyModelFolder(options: {
  readonly path: string;
  readonly baseModel: string;
  readonly baseModelRevision: string | null;
  /** Files as the script reported them; null when it is not known. */
  readonly reported: readonly ArtifactFile[] | null;
  readonly signal?: AbortSignal;
}): Promise<ModelArtifact> {
  const { path, signal } = options;
  const names = await fileNames(path);
  const isAdapter = names.includes("adapter_config.json");
  if (!isAdapter && !names.includes("config.json"))
    throw invalid(path, "It holds no adapter_config.json and no config.json.");
  await readJsonObject(path, isAdapter ? "adapter_config.json" : "config.json");
  if (!TOKENIZER_FILES.some((name) => names.includes(name))) throw invalid(path, "It holds no tokenizer.");
  const weights = isAdapter ? ["adapter_model.safetensors"] : await weightFiles(path, names);
  for (const name of weights) {
    if (!names.includes(name)) throw invalid(path, `${name} is missing.`);
    await readSafetensorsSummary(join(path, name)).catch((error: unknown) => {
      throw invalid(path, `${name} is damaged: ${error instanceof Error ? error.message : String(error)}.`);
    });
  }
  const files: ArtifactFile[] = [];
  for (const name of names) {
    signal?.throwIfAborted();
    const { size } = await stat(join(path, name));
    files.push({ path: name, sizeBytes: size, sha256: await sha256File(join(path, name), signal) });
  }
  for (const reported of options.reported ?? []) {
    const found = files.find((file) => file.path === reported.path);
    if (!found) throw invalid(path, `${reported.path} was reported by the script but is not there.`);
    if (found.sizeBytes !== reported.sizeBytes || (reported.sha256 && found.sha256 !== reported.sha256)) {
      throw invalid(path, `${reported.path} is not the file that the script wrote.`);
    }
  }
  return {
    kind: isAdapter ? "adapter" : "full-model",
    location: { type: "folder", path },
    baseModel: options.baseModel,
    baseModelRevision: options.baseModelRevision,
    files,
  };
}

/** The files of a result: checkpoints, tracking logs and hidden files are not part of it. */
async function fileNames(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
    throw invalid(path, "The folder cannot be read.", error);
  });
  const names: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith(".") || entry.name.startsWith("checkpoint-") || entry.name === "runs") continue;
    if (entry.isDirectory())
      names.push(...(await fileNames(join(path, entry.name))).map((name) => `${entry.name}/${name}`));
    else if (entry.isFile()) names.push(entry.name);
  }
  return names.sort();
}

async function weightFiles(path: string, names: readonly string[]): Promise<readonly string[]> {
  if (!names.includes("model.safetensors.index.json")) return ["model.safetensors"];
  const index = await readJsonObject(path, "model.safetensors.index.json");
  const map = index.weight_map;
  if (typeof map !== "object" || map === null) throw invalid(path, "Its shard index names no files.");
  return [...new Set(Object.values(map).map(String))];
}

async function readJsonObject(path: string, name: string): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(await readFile(join(path, name), "utf8"));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
    throw new Error("it is no object");
  } catch (error) {
    throw invalid(
      path,
      `${name} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
      error,
    );
  }
}

/** SHA-256 of a file, lower-case hex. */
export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash, { signal });
  return hash.digest("hex");
}

function invalid(path: string, reason: string, cause?: unknown): ModelOpsError {
  return new ModelOpsError({
    code: "training/artifact-invalid",
    message: "The training run left no usable model.",
    reason: `${reason} (${path})`,
    fix: "start the same run again: it goes on from its last checkpoint.",
    isRetryable: true,
    cause,
  });
}
