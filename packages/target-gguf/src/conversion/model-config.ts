import { join } from "node:path";
import { ModelOpsError } from "@modelops/core";
import { isJsonObject, type JsonObject, readJsonFile } from "./json-file.ts";
import { parseRope, type RopeConfig } from "./rope-config.ts";

/** llama.cpp's name of an architecture this package converts. */
type GgufArchitecture = "llama" | "qwen2" | "qwen3";

/** What conversion, size prediction and serving need of `config.json`. */
export interface ModelConfig {
  readonly architecture: GgufArchitecture;
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly keyValueHeadCount: number;
  readonly headDimension: number;
  readonly intermediateSize: number;
  readonly vocabularySize: number;
  readonly contextLength: number;
  readonly rmsNormEpsilon: number;
  readonly rope: RopeConfig;
  readonly tiedEmbeddings: boolean;
  /** Biases on q, k, v and on the attention output. */
  readonly attentionBias: { readonly queryKeyValue: boolean; readonly output: boolean };
  readonly feedForwardBias: boolean;
  /** `bos_token_id` and its kind, where they are plain numbers. */
  readonly specialTokenIds: ReadonlyMap<"bos" | "eos" | "unk" | "pad", number>;
}

/** Architectures as `config.json` names them. */
const ARCHITECTURES: ReadonlyMap<string, GgufArchitecture> = new Map([
  ["LlamaForCausalLM", "llama"],
  ["MistralForCausalLM", "llama"],
  ["Qwen2ForCausalLM", "qwen2"],
  ["Qwen3ForCausalLM", "qwen3"],
]);

function unsupportedModel(reason: string, details: JsonObject): ModelOpsError {
  return new ModelOpsError({
    code: "gguf/unsupported-architecture",
    message: "This model cannot be converted to GGUF here.",
    reason,
    fix: `convert it with llama.cpp's convert_hf_to_gguf.py and give the resulting GGUF file; supported here: ${[...ARCHITECTURES.keys()].join(", ")}.`,
    details,
  });
}

function parseArchitecture(config: JsonObject): GgufArchitecture {
  const names = Array.isArray(config.architectures) ? config.architectures : [];
  const name = String(names[0] ?? "none");
  const architecture = ARCHITECTURES.get(name);
  if (!architecture) throw unsupportedModel(`Its architecture is ${name}.`, { architecture: name });
  if (isJsonObject(config.quantization_config)) {
    throw unsupportedModel("Its weights are already quantised (quantization_config).", {
      architecture: name,
    });
  }
  if (config.hidden_act !== undefined && config.hidden_act !== "silu") {
    throw unsupportedModel(`Its activation is ${String(config.hidden_act)}, not silu.`, {
      architecture: name,
    });
  }
  return architecture;
}

function positiveInteger(config: JsonObject, key: string, fallback?: number): number {
  const value = config[key] ?? fallback;
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw new ModelOpsError({
    code: "gguf/malformed-config",
    message: `config.json has ${key}: ${JSON.stringify(config[key])}.`,
    reason: "A whole number above zero is needed.",
    fix: "give the config.json that belongs to the weights.",
    details: { key },
  });
}

function parseSpecialTokenIds(config: JsonObject): ModelConfig["specialTokenIds"] {
  const ids = new Map<"bos" | "eos" | "unk" | "pad", number>();
  for (const kind of ["bos", "eos", "unk", "pad"] as const) {
    const value = config[`${kind}_token_id`];
    // Several end tokens: the first is the model's own, the others are found by their names in llama.cpp.
    const id = Array.isArray(value) ? value[0] : value;
    if (typeof id === "number" && Number.isSafeInteger(id) && id >= 0) ids.set(kind, id);
  }
  return ids;
}

/**
 * Checks a parsed `config.json`.
 * @throws ModelOpsError `gguf/unsupported-architecture`, `gguf/malformed-config`
 */
export function parseModelConfig(config: JsonObject): ModelConfig {
  const architecture = parseArchitecture(config);
  const hiddenSize = positiveInteger(config, "hidden_size");
  const headCount = positiveInteger(config, "num_attention_heads");
  const hasAttentionBias = config.attention_bias === true;
  const rope = parseRope(config);
  if (rope === null) {
    throw unsupportedModel(
      `Its rope scaling ${JSON.stringify(config.rope_parameters ?? config.rope_scaling)} is not known.`,
      {},
    );
  }
  return {
    architecture,
    hiddenSize,
    headCount,
    layerCount: positiveInteger(config, "num_hidden_layers"),
    keyValueHeadCount: positiveInteger(config, "num_key_value_heads", headCount),
    headDimension: positiveInteger(
      config,
      "head_dim",
      architecture === "qwen3" ? 128 : hiddenSize / headCount,
    ),
    intermediateSize: positiveInteger(config, "intermediate_size"),
    vocabularySize: positiveInteger(config, "vocab_size"),
    contextLength: positiveInteger(config, "max_position_embeddings"),
    rmsNormEpsilon: typeof config.rms_norm_eps === "number" ? config.rms_norm_eps : 1e-6,
    rope,
    tiedEmbeddings: config.tie_word_embeddings === true,
    attentionBias: { queryKeyValue: architecture === "qwen2" || hasAttentionBias, output: hasAttentionBias },
    feedForwardBias: config.mlp_bias === true,
    specialTokenIds: parseSpecialTokenIds(config),
  };
}

/** Reads and checks `config.json` of a model folder. */
export async function readModelConfig(folder: string): Promise<ModelConfig> {
  return parseModelConfig(await readJsonFile(join(folder, "config.json")));
}
