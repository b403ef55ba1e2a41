import { float32, type GgufMetadata, type GgufValue, string, uint32 } from "../format/gguf-value.ts";
import type { DirectType } from "./encode-weights.ts";
import type { ModelConfig } from "./model-config.ts";

/** llama.cpp's numbers of file types (`enum llama_ftype`). */
const FILE_TYPE_IDS: Readonly<Record<DirectType, number>> = { F32: 0, F16: 1, Q8_0: 7, BF16: 32 };
/** Version of the block layouts; llama.cpp writes it when it quantises, so the header keeps its length. */
const QUANTIZATION_VERSION = 2;

function ropeMetadata({
  rope,
  architecture,
  headDimension,
}: ModelConfig): readonly (readonly [string, GgufValue])[] {
  const { scaling } = rope;
  const entries: (readonly [string, GgufValue])[] = [
    [`${architecture}.rope.freq_base`, float32(rope.theta)],
    [`${architecture}.rope.dimension_count`, uint32(headDimension)],
  ];
  // llama3 scaling is a tensor (rope_freqs), not metadata.
  if (scaling.type === "none" || scaling.type === "llama3") return entries;
  entries.push([`${architecture}.rope.scaling.type`, string(scaling.type)]);
  entries.push([`${architecture}.rope.scaling.factor`, float32(scaling.factor)]);
  if (scaling.type === "linear") return entries;
  const { attentionFactor, betaFast, betaSlow } = scaling.extra;
  entries.push([
    `${architecture}.rope.scaling.original_context_length`,
    uint32(scaling.originalContextLength),
  ]);
  if (attentionFactor !== null)
    entries.push([`${architecture}.rope.scaling.yarn_attn_factor`, float32(attentionFactor)]);
  if (betaFast !== null) entries.push([`${architecture}.rope.scaling.yarn_beta_fast`, float32(betaFast)]);
  if (betaSlow !== null) entries.push([`${architecture}.rope.scaling.yarn_beta_slow`, float32(betaSlow)]);
  return entries;
}

/** Metadata of a model file, tokenizer included. */
export function modelMetadata(
  config: ModelConfig,
  options: { readonly name: string; readonly type: DirectType; readonly tokenizer: GgufMetadata },
): GgufMetadata {
  const prefix = config.architecture;
  return new Map<string, GgufValue>([
    ["general.architecture", string(prefix)],
    ["general.type", string("model")],
    ["general.name", string(options.name)],
    ["general.file_type", uint32(FILE_TYPE_IDS[options.type])],
    ["general.quantization_version", uint32(QUANTIZATION_VERSION)],
    [`${prefix}.block_count`, uint32(config.layerCount)],
    [`${prefix}.context_length`, uint32(config.contextLength)],
    [`${prefix}.embedding_length`, uint32(config.hiddenSize)],
    [`${prefix}.feed_forward_length`, uint32(config.intermediateSize)],
    [`${prefix}.attention.head_count`, uint32(config.headCount)],
    [`${prefix}.attention.head_count_kv`, uint32(config.keyValueHeadCount)],
    [`${prefix}.attention.key_length`, uint32(config.headDimension)],
    [`${prefix}.attention.value_length`, uint32(config.headDimension)],
    [`${prefix}.attention.layer_norm_rms_epsilon`, float32(config.rmsNormEpsilon)],
    [`${prefix}.vocab_size`, uint32(config.vocabularySize)],
    ...ropeMetadata(config),
    ...options.tokenizer,
  ]);
}
