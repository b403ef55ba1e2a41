import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { z } from "zod";
import type { ModelFacts } from "../cost/model-facts.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { sha256File } from "./artifact-check.ts";
import { readSafetensorsSummary } from "./safetensors-check.ts";

const MAX_HASHED_BYTES = 2 * 1024 ** 3;
const HUB_ID = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/;

/** A base model as the plan sees it. */
export interface BaseModel extends ModelFacts {
  /** As the caller named it; the new name of a hub model that was renamed. */
  readonly id: string;
  /** Absolute path when it is a folder on this machine. */
  readonly folder: string | null;
  readonly revision: string | null;
  /** SHA-256 over the names, sizes and contents of configuration and weights; null when it is not known. */
  readonly fingerprint: string | null;
  readonly architecture: string | null;
  readonly license: string | null;
  /** Of its weights, for machines with little disk; null when it is not known. */
  readonly sizeBytes?: number | null;
  /** Where its tokenizer was put, or why it could not be had; missing when nobody looked. */
  readonly tokenizer?: { readonly folder: string } | { readonly problem: string };
  /** What a person should know before training from it. */
  readonly warnings?: readonly string[];
}

/** Looks up a model on a hub: exists, licence allows, size, access. Rejects with `hub/...`. */
export type BaseModelLookup = (
  id: string,
  options: { readonly revision: string | null; readonly signal?: AbortSignal },
) => Promise<BaseModel>;

const configSchema = z.looseObject({
  architectures: z.array(z.string()).nullish(),
  num_hidden_layers: z.number().nullish(),
  hidden_size: z.number().nullish(),
  vocab_size: z.number().nullish(),
  max_position_embeddings: z.number().nullish(),
});

/**
 * What is known about a base model: a folder is read, a hub id is looked up (or, without a lookup, sized by its name).
 * @throws ModelOpsError `training/base-model`
 */
export async function inspectBaseModel(
  id: string,
  options: {
    readonly revision: string | null;
    readonly lookup: BaseModelLookup | null;
    readonly signal?: AbortSignal;
  },
): Promise<BaseModel> {
  const folder = resolve(id);
  const found = await stat(folder).catch(() => null);
  if (found?.isDirectory()) return await readFolder(id, folder, options.signal);
  if (!HUB_ID.test(id) || /\.\.|--/.test(id)) {
    throw new ModelOpsError({
      code: "training/base-model",
      message: `${JSON.stringify(id).slice(0, 120)} is neither a folder on this machine nor a hub id.`,
      fix: "give the path of a folder with config.json and safetensors weights, or an id such as organisation/name.",
    });
  }
  if (options.lookup) return await options.lookup(id, options);
  const parameters = parametersFromName(id);
  if (parameters === null) {
    throw new ModelOpsError({
      code: "training/base-model",
      message: `The size of ${id} is not known, so nothing can be planned.`,
      reason: "There is no hub access here, and the name does not tell the size.",
      fix: "give the trainer a lookup of base models, or a folder with the model.",
    });
  }
  return {
    id,
    folder: null,
    revision: options.revision,
    fingerprint: null,
    architecture: null,
    license: null,
    parameters,
    parametersFrom: "name",
    layers: null,
    hiddenSize: null,
    vocabularySize: null,
    contextLength: null,
    hasChatTemplate: null,
  };
}

/** 7e9 of "Qwen2.5-7B-Instruct", 5e8 of "smol-0.5b"; null when the name says nothing. */
export function parametersFromName(id: string): number | null {
  const match = /(?:^|[-_/])(\d+(?:\.\d+)?)([bm])(?=$|[-_.])/i.exec(id);
  return match ? Number(match[1]) * (match[2]?.toLowerCase() === "b" ? 1e9 : 1e6) : null;
}

async function readFolder(id: string, folder: string, signal: AbortSignal | undefined): Promise<BaseModel> {
  const names = (await readdir(folder)).sort();
  const invalid = (reason: string, cause?: unknown) =>
    new ModelOpsError({
      code: "training/base-model",
      message: `The base model in ${folder} cannot be used.`,
      reason,
      fix: "give a folder as save_pretrained writes it: config.json, tokenizer and safetensors weights.",
      cause,
    });
  if (names.includes("adapter_config.json") && !names.includes("config.json")) {
    throw invalid("It holds an adapter, not a whole model.");
  }
  let config: z.output<typeof configSchema>;
  try {
    config = configSchema.parse(JSON.parse(await readFile(join(folder, "config.json"), "utf8")));
  } catch (error) {
    throw invalid("Its config.json is missing or cannot be read.", error);
  }
  const weights = names.filter((name) => name.endsWith(".safetensors") && !name.startsWith("adapter_"));
  if (weights.length === 0) throw invalid("It holds no safetensors weights.");
  if (!names.some((name) => ["tokenizer.json", "tokenizer.model", "vocab.json"].includes(name))) {
    throw invalid("It holds no tokenizer.");
  }
  let parameters = 0;
  let sizeBytes = 0;
  for (const name of weights) {
    const summary = await readSafetensorsSummary(join(folder, name)).catch((error: unknown) => {
      throw invalid(`${name} is damaged: ${error instanceof Error ? error.message : String(error)}.`, error);
    });
    parameters += summary.parameterCount;
    sizeBytes += summary.sizeBytes;
  }
  const hash = createHash("sha256");
  for (const name of ["config.json", ...weights]) {
    // Hashing very large weights would hold up every plan; their headers and sizes were checked.
    const digest =
      sizeBytes <= MAX_HASHED_BYTES
        ? await sha256File(join(folder, name), signal)
        : String((await stat(join(folder, name))).size);
    hash.update(`${name}\n${digest}\n`);
  }
  const tokenizerConfig = await readFile(join(folder, "tokenizer_config.json"), "utf8").catch(() => "");
  return {
    id,
    folder,
    revision: null,
    fingerprint: `sha256:${hash.digest("hex")}`,
    architecture: config.architectures?.[0] ?? null,
    license: null,
    sizeBytes,
    parameters,
    parametersFrom: "weights",
    layers: config.num_hidden_layers ?? null,
    hiddenSize: config.hidden_size ?? null,
    vocabularySize: config.vocab_size ?? null,
    contextLength: config.max_position_embeddings ?? null,
    hasChatTemplate: names.includes("chat_template.jinja") || tokenizerConfig.includes('"chat_template"'),
  };
}
