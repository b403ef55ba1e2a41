import { GGML_TYPES, type GgmlType } from "../format/ggml-type.ts";
import { float32BitsToBfloat16Bits } from "../numbers/bfloat16.ts";
import { float32BitsToFloat16Bits } from "../numbers/float16.ts";
import { quantizeQ8Blocks } from "../numbers/q8-0.ts";

/** Types that are written without llama.cpp. */
export type DirectType = "F32" | "F16" | "BF16" | "Q8_0";

function encodeHalves(weights: Float32Array, round: (bits: number) => number): Uint8Array {
  const bits = new Uint32Array(weights.buffer, weights.byteOffset, weights.length);
  const halves = new Uint16Array(weights.length);
  for (let index = 0; index < bits.length; index += 1) halves[index] = round(bits[index] ?? 0);
  return new Uint8Array(halves.buffer);
}

/** Encodes float32 weights as the bytes of a tensor type. */
export function encodeWeights(weights: Float32Array, type: DirectType): Uint8Array {
  if (type === "F32") return new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
  if (type === "F16") return encodeHalves(weights, float32BitsToFloat16Bits);
  if (type === "BF16") return encodeHalves(weights, float32BitsToBfloat16Bits);
  return quantizeQ8Blocks(weights);
}

/** The type a tensor gets in a file of type `fileType`: vectors stay F32, rows that fill no block become F16. */
export function directTensorType(shape: readonly number[], fileType: DirectType): DirectType {
  if (shape.length < 2) return "F32";
  const rowLength = shape.at(-1) ?? 1;
  const type: GgmlType = GGML_TYPES[fileType];
  return rowLength % type.blockWeights === 0 ? fileType : "F16";
}
