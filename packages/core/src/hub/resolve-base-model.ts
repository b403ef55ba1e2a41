import { existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { downloadFileToCacheDir, listFiles, modelInfo } from "@huggingface/hub";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { hubError } from "./hub-error.ts";

export interface ResolveBaseModelOptions {
  /** A folder on this machine or a Hub id (`organization/name`). */
  readonly baseModel: string;
  /** Branch, tag or commit on the Hub; default `main`. Ignored for folders. */
  readonly revision?: string;
  /** Read access to private or gated models. Default: `HF_TOKEN`. */
  readonly token?: string;
  /** Default: `HF_ENDPOINT`, else the public Hub. */
  readonly hubUrl?: string;
  /** Default: the cache that the Python libraries use, so that nothing is downloaded twice. */
  readonly cacheFolder?: string;
  readonly fetch?: typeof globalThis.fetch;
  /** Told about each file before it is fetched. */
  readonly onFile?: (file: {
    readonly path: string;
    readonly sizeBytes: number;
    readonly index: number;
    readonly count: number;
  }) => void;
  readonly signal?: AbortSignal;
}

export interface ResolvedBaseModel {
  /** Folder that holds config, tokenizer and safetensors weights. */
  readonly folder: string;
  /** The commit on the Hub, null for a local folder. */
  readonly revision: string | null;
}

const WANTED = [
  /^config\.json$/,
  /^generation_config\.json$/,
  /^tokenizer/,
  /^special_tokens_map\.json$/,
  /^vocab\.json$/,
  /^merges\.txt$/,
  /^chat_template/,
  /^(model|pytorch_model)[^/]*\.safetensors(\.index\.json)?$/,
];

/**
 * Gives the folder of a base model: a local folder as it is, a Hub model downloaded once (config, tokenizer and
 * safetensors only). Rejects with `hub/...` when the model does not exist, is gated, or has no safetensors weights.
 */
export async function resolveBaseModel(options: ResolveBaseModelOptions): Promise<ResolvedBaseModel> {
  options.signal?.throwIfAborted();
  if (isFolder(options.baseModel)) {
    const folder = resolve(options.baseModel);
    if (!existsSync(join(folder, "config.json"))) {
      throw new ModelOpsError({
        code: "hub/not-a-model-folder",
        message: `${options.baseModel} holds no config.json.`,
        reason: "A base model folder has config.json, a tokenizer and safetensors weights.",
        fix: "give the folder that save_pretrained wrote, or a Hub id such as organization/name.",
      });
    }
    return { folder, revision: null };
  }
  if (
    !/^[\w.-]{1,96}\/[\w.-]{1,96}$/.test(options.baseModel) ||
    /\.\.|--|(^|\/)[.-]|[.-](\/|$)/.test(options.baseModel)
  ) {
    throw new ModelOpsError({
      code: "hub/invalid-model-id",
      message: `${JSON.stringify(options.baseModel)} is neither a folder on this machine nor a Hub id.`,
      reason: "No such folder exists, and a Hub id has the form organization/name.",
      fix: "check the path, or write the id as on the Hub.",
    });
  }
  return download(options);
}

async function download(options: ResolveBaseModelOptions): Promise<ResolvedBaseModel> {
  const subject = `model ${options.baseModel}`;
  const token = options.token ?? process.env.HF_TOKEN;
  const baseFetch = options.fetch ?? globalThis.fetch;
  const connection = {
    hubUrl: options.hubUrl ?? process.env.HF_ENDPOINT,
    ...(token ? { accessToken: token } : {}),
    // The client takes no signal: it is added to each request here.
    fetch: ((input: Parameters<typeof globalThis.fetch>[0], init?: RequestInit) =>
      baseFetch(input, { ...init, signal: options.signal ?? init?.signal })) as typeof globalThis.fetch,
  };
  try {
    const info = await modelInfo({
      name: options.baseModel,
      revision: options.revision ?? "main",
      additionalFields: ["sha"],
      ...connection,
    });
    const repo = { type: "model" as const, name: options.baseModel };
    const wanted: { path: string; size: number }[] = [];
    for await (const file of listFiles({ repo, revision: info.sha, recursive: false, ...connection })) {
      if (file.type === "file" && WANTED.some((pattern) => pattern.test(file.path)))
        wanted.push({ path: file.path, size: file.size });
    }
    if (!wanted.some((file) => file.path.endsWith(".safetensors"))) {
      throw new ModelOpsError({
        code: "hub/no-safetensors",
        message: `${options.baseModel} has no safetensors weights at its top level.`,
        reason: "Other weight formats can run code when they are loaded, so they are not used.",
        fix: "choose a model that publishes safetensors files.",
      });
    }
    let folder: string | null = null;
    for (const [index, file] of wanted.entries()) {
      options.signal?.throwIfAborted();
      options.onFile?.({ path: file.path, sizeBytes: file.size, index, count: wanted.length });
      const path = await downloadFileToCacheDir({
        repo,
        path: file.path,
        revision: info.sha,
        cacheDir: options.cacheFolder ?? defaultCacheFolder(),
        ...connection,
      });
      if (file.path === "config.json") folder = path.slice(0, -"config.json".length - 1);
    }
    if (folder === null) {
      throw new ModelOpsError({
        code: "hub/not-a-model",
        message: `${options.baseModel} has no config.json.`,
        reason: "It is not a model of the transformers library.",
        fix: "choose a model with config.json, tokenizer and safetensors weights.",
      });
    }
    return { folder, revision: info.sha };
  } catch (error) {
    options.signal?.throwIfAborted();
    throw hubError(error, subject);
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function defaultCacheFolder(): string {
  if (process.env.HF_HUB_CACHE) return process.env.HF_HUB_CACHE;
  const home =
    process.env.HF_HOME ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "huggingface");
  return join(home, "hub");
}
