/** Element types of safetensors whose size is known; only the floating ones of `READABLE_DTYPES` can be read. */
export const DTYPE_BYTES: ReadonlyMap<string, number> = new Map([
  ["BOOL", 1],
  ["U8", 1],
  ["I8", 1],
  ["F8_E4M3", 1],
  ["F8_E5M2", 1],
  ["U16", 2],
  ["I16", 2],
  ["F16", 2],
  ["BF16", 2],
  ["U32", 4],
  ["I32", 4],
  ["F32", 4],
  ["U64", 8],
  ["I64", 8],
  ["F64", 8],
]);

/** The element types a model's weights may have here. */
export type ReadableDtype = "F32" | "F16" | "BF16";

export function isReadableDtype(dtype: string): dtype is ReadableDtype {
  return dtype === "F32" || dtype === "F16" || dtype === "BF16";
}
