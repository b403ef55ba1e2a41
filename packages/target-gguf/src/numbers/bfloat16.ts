/** Rounds a float32, given as bits, to bfloat16 (nearest, ties to even); a NaN stays a quiet NaN, as in ggml. */
export function float32BitsToBfloat16Bits(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return ((bits >>> 16) | 64) & 0xffff;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
