import { ModelOpsError } from "@modelops/core";
import { parseOrThrow } from "@modelops/core/target-utils";
import { z } from "zod";
import { type GgufQuantization, K_QUANTIZATION_IDS } from "../size/quantization.ts";

/** A model repository that has to be on this machine before it can be converted. */
export interface RepositoryReference {
  readonly repoId: string;
  readonly revision: string | null;
}

export interface GgufTargetOptions {
  /** Where GGUF files and deployment records are kept. */
  readonly folder: string;
  /** Names the target in records. @default "gguf" */
  readonly id?: string;
  /** Kind of file made of base models and full models. @default "F16" */
  readonly quantization?: GgufQuantization;
  /**
   * Merges adapters into a file of their own. Otherwise one base file serves every adapter, each a small file beside
   * it. @default false
   */
  readonly mergeAdapters?: boolean;
  /** A GGUF file of the base model whose tokenizer is copied, for tokenizers that cannot be converted. */
  readonly tokenizerFrom?: string;
  /** Brings a repository to this machine and returns its folder; needed for models that are not in a folder yet. */
  readonly fetchRepository?: (
    repository: RepositoryReference,
    options: { readonly signal?: AbortSignal },
  ) => Promise<string>;
  /** Tokens of prompt and answer together. @default 4096, at most what the model was trained for */
  readonly contextLength?: number;
  /** Calls answered at the same time by one chat model. @default 1 */
  readonly contextCount?: number;
  /** @default 1 below 50 million parameters, else all cores but one */
  readonly threads?: number;
  /** @default false */
  readonly gpu?: false | "auto";
}

/** Options with every default in place. */
export interface CompiledGgufTargetOptions extends GgufTargetOptions {
  readonly id: string;
  readonly quantization: GgufQuantization;
  readonly mergeAdapters: boolean;
}

const QUANTIZATIONS = ["F32", "F16", "BF16", "Q8_0", ...Object.keys(K_QUANTIZATION_IDS)] as [
  GgufQuantization,
  ...GgufQuantization[],
];

const positive = z.number().int().positive();

const optionsSchema = z.strictObject({
  folder: z.string().min(1),
  id: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*$/, "use small letters, digits and hyphens")
    .default("gguf"),
  quantization: z.enum(QUANTIZATIONS).default("F16"),
  mergeAdapters: z.boolean().default(false),
  tokenizerFrom: z.string().min(1).optional(),
  fetchRepository: z
    .custom<GgufTargetOptions["fetchRepository"]>((value) => typeof value === "function")
    .optional(),
  contextLength: positive.optional(),
  contextCount: positive.optional(),
  threads: positive.optional(),
  gpu: z.union([z.literal(false), z.literal("auto")]).optional(),
});

/**
 * Checks the options; an unknown key is refused, because it is a typo.
 * @throws ModelOpsError `target/invalid-options`
 */
export function compileGgufTargetOptions(options: GgufTargetOptions): CompiledGgufTargetOptions {
  const compiled = parseOrThrow(optionsSchema, options, {
    code: "target/invalid-options",
    subject: "The options of gguf()",
  });
  if (compiled.folder.includes("\0")) {
    throw new ModelOpsError({
      code: "target/invalid-options",
      message: "The folder holds a zero byte.",
      fix: "give the path of a folder.",
    });
  }
  return compiled;
}
