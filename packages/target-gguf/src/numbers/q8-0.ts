import { float16Bits } from "./float16.ts";

/** Weights per Q8_0 block. */
const Q8_0_BLOCK_WEIGHTS = 32;
/** Bytes per Q8_0 block: one half-precision scale and 32 signed bytes. */
const Q8_0_BLOCK_BYTES = 34;

/**
 * Quantises whole blocks exactly as ggml's `quantize_row_q8_0_ref`: all arithmetic in float32, `roundf` (halves away
 * from zero), the scale stored in half precision but used unrounded.
 */
export function quantizeQ8Blocks(weights: Float32Array): Uint8Array {
  const blockCount = weights.length / Q8_0_BLOCK_WEIGHTS;
  const bytes = new Uint8Array(blockCount * Q8_0_BLOCK_BYTES);
  for (let block = 0; block < blockCount; block += 1) {
    const start = block * Q8_0_BLOCK_WEIGHTS;
    let largest = 0;
    for (let index = start; index < start + Q8_0_BLOCK_WEIGHTS; index += 1) {
      const magnitude = Math.abs(weights[index] ?? 0);
      if (magnitude > largest) largest = magnitude;
    }
    const scale = Math.fround(largest / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    const target = block * Q8_0_BLOCK_BYTES;
    const scaleBits = float16Bits(scale);
    bytes[target] = scaleBits & 0xff;
    bytes[target + 1] = scaleBits >>> 8;
    for (let index = 0; index < Q8_0_BLOCK_WEIGHTS; index += 1) {
      const scaled = Math.fround((weights[start + index] ?? 0) * inverse);
      // A Uint8Array keeps the two's complement of a negative number, which is what int8 is.
      bytes[target + 2 + index] = Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
    }
  }
  return bytes;
}
