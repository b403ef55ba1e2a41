/** `struct llama_model_quantize_params` of llama.cpp v0.5.0, field by field in its order. */
export const QUANTIZE_PARAMETERS_LAYOUT = {
  nthread: "int32_t",
  ftype: "int32_t",
  output_tensor_type: "int32_t",
  token_embedding_type: "int32_t",
  allow_requantize: "bool",
  quantize_output_tensor: "bool",
  only_copy: "bool",
  pure: "bool",
  keep_split: "bool",
  dry_run: "bool",
  imatrix: "void *",
  kv_overrides: "void *",
  tt_overrides: "void *",
  prune_layers: "void *",
  max_buf_size: "size_t",
} as const;

export type QuantizeParameters = Record<keyof typeof QUANTIZE_PARAMETERS_LAYOUT, unknown>;

const EXPECTED_DEFAULTS: Partial<QuantizeParameters> = {
  nthread: 0,
  ftype: 7,
  allow_requantize: false,
  quantize_output_tensor: true,
  only_copy: false,
  pure: false,
  keep_split: false,
  dry_run: false,
  imatrix: null,
  kv_overrides: null,
  tt_overrides: null,
  prune_layers: null,
};
const EXPECTED_BUFFER_BYTES = 8 * 1024 ** 3;

/**
 * Compares the library's defaults with those of the known layout. A library whose struct has another shape shows
 * itself here, before it is handed misplaced settings. Returns what differs, or null.
 */
export function unexpectedDefault(defaults: QuantizeParameters): string | null {
  for (const [field, expected] of Object.entries(EXPECTED_DEFAULTS)) {
    const found = defaults[field as keyof QuantizeParameters];
    if (found !== expected) return `${field} is ${String(found)} instead of ${String(expected)}`;
  }
  if (Number(defaults.max_buf_size) !== EXPECTED_BUFFER_BYTES)
    return `max_buf_size is ${String(defaults.max_buf_size)}`;
  return defaults.output_tensor_type === defaults.token_embedding_type ? null : "the two tensor types differ";
}
