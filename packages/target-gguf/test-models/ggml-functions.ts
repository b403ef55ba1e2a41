import { load } from "koffi";
import { findLlamaLibraries } from "../src/quantization/llama-library.ts";

/** ggml's own rounding and quantisation, called directly: the oracle of the byte tests. */
export interface GgmlFunctions {
  toFloat16(weights: Float32Array): Uint16Array;
  toBfloat16(weights: Float32Array): Uint16Array;
  quantizeQ8(weights: Float32Array): Uint8Array;
}

let library: ReturnType<typeof load> | null = null;

/**
 * Loads libggml-base of the installed node-llama-cpp, and keeps it: a handle that is collected unloads the library, and
 * ggml aborts the process when it is loaded a second time.
 */
function ggmlBase(): ReturnType<typeof load> {
  const libraries = findLlamaLibraries();
  if (!libraries) throw new Error("node-llama-cpp is not installed");
  library ??= load(libraries.ggmlBase);
  return library;
}

export function loadGgmlFunctions(): GgmlFunctions {
  const library = ggmlBase();
  const float16 = library.func("void ggml_fp32_to_fp16_row(const float *x, _Out_ uint16_t *y, int64_t n)");
  const bfloat16 = library.func(
    "void ggml_fp32_to_bf16_row_ref(const float *x, _Out_ uint16_t *y, int64_t n)",
  );
  const q8 = library.func("void quantize_row_q8_0_ref(const float *x, _Out_ uint8_t *y, int64_t n)");
  const halves = (convert: typeof float16) => (weights: Float32Array) => {
    const result = new Uint16Array(weights.length);
    convert(weights, result, weights.length);
    return result;
  };
  return {
    toFloat16: halves(float16),
    toBfloat16: halves(bfloat16),
    quantizeQ8: (weights) => {
      const result = new Uint8Array((weights.length / 32) * 34);
      q8(weights, result, weights.length);
      return result;
    },
  };
}
