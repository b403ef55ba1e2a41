import { directTensorType } from "../conversion/encode-weights.ts";
import { type ExpectedTensor, expectedTensors } from "../conversion/expected-tensors.ts";
import type { ModelConfig } from "../conversion/model-config.ts";
import { GGML_TYPES, type GgmlTypeName } from "../format/ggml-type.ts";
import type { GgufQuantization, KQuantization } from "./quantization.ts";

/** The type most weights get. */
const BASE_TYPES: Readonly<Record<KQuantization, GgmlTypeName>> = {
  Q2_K: "Q2_K",
  Q3_K_S: "Q3_K",
  Q3_K_M: "Q3_K",
  Q3_K_L: "Q3_K",
  Q4_K_S: "Q4_K",
  Q4_K_M: "Q4_K",
  Q5_K_S: "Q5_K",
  Q5_K_M: "Q5_K",
  Q6_K: "Q6_K",
  IQ4_NL: "IQ4_NL",
  IQ4_XS: "IQ4_XS",
};

/** Smaller-block types for rows that are not a multiple of 256. */
const FALLBACKS: Partial<Record<GgmlTypeName, GgmlTypeName>> = {
  IQ4_XS: "IQ4_NL",
  Q2_K: "Q4_0",
  Q3_K: "Q4_0",
  Q4_K: "Q5_0",
  Q5_K: "Q5_1",
  Q6_K: "Q8_0",
};

function isDivisible(rowLength: number, type: GgmlTypeName): boolean {
  return rowLength % GGML_TYPES[type].blockWeights === 0;
}

function withFallback(type: GgmlTypeName, rowLength: number): GgmlTypeName {
  if (isDivisible(rowLength, type)) return type;
  const fallback = FALLBACKS[type] ?? type;
  return isDivisible(rowLength, fallback) ? fallback : "F16";
}

/** Layers whose value and down projections matter most get more bits. */
function getsMoreBits(layer: number, layerCount: number): boolean {
  const eighth = Math.floor(layerCount / 8);
  return layer < eighth || layer >= Math.floor((7 * layerCount) / 8) || (layer - eighth) % 3 === 2;
}

function valueType(quantization: KQuantization, config: ModelConfig, layer: number): GgmlTypeName {
  const { layerCount } = config;
  const sharesHeads = config.headCount / config.keyValueHeadCount >= 4;
  if (quantization === "Q2_K") return sharesHeads ? "Q4_K" : "Q3_K";
  if (quantization === "Q3_K_M") return layer < 2 ? "Q5_K" : "Q4_K";
  if (quantization === "Q3_K_L") return "Q5_K";
  if ((quantization === "IQ4_NL" || quantization === "IQ4_XS") && sharesHeads) return "Q5_K";
  if ((quantization === "Q4_K_M" || quantization === "Q5_K_M") && getsMoreBits(layer, layerCount))
    return "Q6_K";
  if (quantization === "Q4_K_S" && layer < 4) return "Q5_K";
  return BASE_TYPES[quantization];
}

/** In 70B models eight heads share a value projection, so more bits there cost almost nothing. */
function valueTypeBySize(quantization: KQuantization, config: ModelConfig, layer: number): GgmlTypeName {
  const type = valueType(quantization, config, layer);
  const isLlama70b = config.architecture === "llama" && config.headCount !== config.keyValueHeadCount;
  const is70b = config.layerCount === 80 && (isLlama70b || config.architecture === "qwen2");
  return is70b && (type === "Q3_K" || type === "Q4_K") ? "Q5_K" : type;
}

function downType(quantization: KQuantization, config: ModelConfig, layer: number): GgmlTypeName {
  const { layerCount } = config;
  const isFirstEighth = layer < Math.floor(layerCount / 8);
  if (quantization === "Q2_K") return "Q3_K";
  if (quantization === "Q3_K_M") return layer < Math.floor(layerCount / 16) ? "Q5_K" : "Q4_K";
  if (quantization === "Q3_K_L") return "Q5_K";
  if ((quantization === "Q4_K_M" || quantization === "Q5_K_M") && getsMoreBits(layer, layerCount))
    return "Q6_K";
  if ((quantization === "Q4_K_S" || quantization === "IQ4_NL" || quantization === "IQ4_XS") && isFirstEighth)
    return "Q5_K";
  return BASE_TYPES[quantization];
}

function attentionOutputType(quantization: KQuantization): GgmlTypeName {
  if (quantization === "Q2_K") return "Q3_K";
  if (quantization === "Q3_K_M") return "Q4_K";
  if (quantization === "Q3_K_L") return "Q5_K";
  return BASE_TYPES[quantization];
}

function kQuantType(quantization: KQuantization, config: ModelConfig, tensor: ExpectedTensor): GgmlTypeName {
  const name = tensor.ggufName;
  const rowLength = tensor.shape.at(-1) ?? 1;
  const base = BASE_TYPES[quantization];
  const isHead = name === "output.weight" || (config.tiedEmbeddings && name === "token_embd.weight");
  if (isHead) return isDivisible(rowLength, base) ? "Q6_K" : "Q8_0";
  const layer = Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? 0);
  if (name.endsWith(".attn_v.weight")) return valueTypeBySize(quantization, config, layer);
  if (name.endsWith(".ffn_down.weight")) return downType(quantization, config, layer);
  if (name.endsWith(".attn_output.weight")) return attentionOutputType(quantization);
  return base;
}

/** A tensor and the type it gets in a file of a given quantisation. */
export interface PlannedTensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly type: GgmlTypeName;
}

function plannedType(
  quantization: GgufQuantization,
  config: ModelConfig,
  tensor: ExpectedTensor,
): GgmlTypeName {
  if (tensor.shape.length < 2) return "F32";
  if (!(quantization in BASE_TYPES))
    return directTensorType(tensor.shape, quantization as "F32" | "F16" | "BF16" | "Q8_0");
  return withFallback(kQuantType(quantization as KQuantization, config, tensor), tensor.shape.at(-1) ?? 1);
}

/**
 * The type llama.cpp gives to each tensor, without an importance matrix: `llama_tensor_get_type_impl` and
 * `tensor_type_fallback` of its quantiser, for the dense architectures converted here.
 */
export function planQuantization(
  config: ModelConfig,
  quantization: GgufQuantization,
): readonly PlannedTensor[] {
  const planned = expectedTensors(config).map((tensor) => ({
    name: tensor.ggufName,
    dimensions: tensor.shape.toReversed(),
    type: plannedType(quantization, config, tensor),
  }));
  if (config.rope.scaling.type !== "llama3") return planned;
  return [{ name: "rope_freqs.weight", dimensions: [config.headDimension / 2], type: "F32" }, ...planned];
}
