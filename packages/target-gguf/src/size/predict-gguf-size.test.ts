import { stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../test-models/temporary-folder.ts";
import { writeTinyModel } from "../../test-models/tiny-model.ts";
import { convertToGguf } from "../conversion/convert-to-gguf.ts";
import { quantizeGguf } from "../quantization/quantize-gguf.ts";
import { predictGgufSize } from "./predict-gguf-size.ts";
import { type GgufQuantization, K_QUANTIZATION_IDS, type KQuantization } from "./quantization.ts";

/** Settings of the published models. */
const MODELS = {
  "Qwen2.5-7B": {
    architectures: ["Qwen2ForCausalLM"],
    hidden_size: 3584,
    num_hidden_layers: 28,
    num_attention_heads: 28,
    num_key_value_heads: 4,
    intermediate_size: 18_944,
    vocab_size: 152_064,
    max_position_embeddings: 32_768,
    rope_theta: 1_000_000,
    tie_word_embeddings: false,
  },
  "Llama-3.1-8B": {
    architectures: ["LlamaForCausalLM"],
    hidden_size: 4096,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    intermediate_size: 14_336,
    vocab_size: 128_256,
    max_position_embeddings: 131_072,
    rope_theta: 500_000,
    rope_scaling: {
      rope_type: "llama3",
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    },
    tie_word_embeddings: false,
  },
  "Qwen3-4B": {
    architectures: ["Qwen3ForCausalLM"],
    hidden_size: 2560,
    num_hidden_layers: 36,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    head_dim: 128,
    intermediate_size: 9728,
    vocab_size: 151_936,
    max_position_embeddings: 40_960,
    rope_theta: 1_000_000,
    tie_word_embeddings: true,
  },
  "Qwen2.5-0.5B": {
    architectures: ["Qwen2ForCausalLM"],
    hidden_size: 896,
    num_hidden_layers: 24,
    num_attention_heads: 14,
    num_key_value_heads: 2,
    intermediate_size: 4864,
    vocab_size: 151_936,
    max_position_embeddings: 32_768,
    rope_theta: 1_000_000,
    tie_word_embeddings: true,
  },
} as const;

/** MiB as llama.cpp's dry run gave them for header-only files of the real shapes (2026-11). */
const MEASURED_MIB: Readonly<Record<keyof typeof MODELS, Partial<Record<GgufQuantization, number>>>> = {
  "Qwen2.5-7B": { F16: 14_526, Q8_0: 7718, Q6_K: 5959, Q5_K_M: 5187, Q4_K_M: 4460, Q3_K_M: 3626, Q2_K: 2871 },
  "Llama-3.1-8B": {
    F16: 15_317,
    Q8_0: 8138,
    Q6_K: 6283,
    Q5_K_M: 5460,
    Q4_K_M: 4685,
    Q3_K_M: 3825,
    Q2_K: 3024,
  },
  "Qwen3-4B": { F16: 7673, Q8_0: 4076, Q6_K: 3147, Q5_K_M: 2750, Q4_K_M: 2376, Q3_K_M: 1974, Q2_K: 1586 },
  "Qwen2.5-0.5B": { F16: 942, Q8_0: 501, Q6_K: 477, Q5_K_M: 395, Q4_K_M: 374, Q3_K_M: 333, Q2_K: 317 },
};

/** Whole-file bits per weight of Llama-3.1-8B in llama.cpp's own table. */
const LLAMA_BITS_PER_WEIGHT: Partial<Record<GgufQuantization, number>> = {
  Q2_K: 3.16,
  Q3_K_S: 3.64,
  Q3_K_M: 4.0,
  Q3_K_L: 4.3,
  IQ4_XS: 4.46,
  Q4_K_S: 4.67,
  IQ4_NL: 4.68,
  Q4_K_M: 4.89,
  Q5_K_S: 5.57,
  Q5_K_M: 5.7,
  Q6_K: 6.56,
  Q8_0: 8.5,
};

const rows = Object.entries(MEASURED_MIB).flatMap(([model, sizes]) =>
  Object.entries(sizes).map(
    ([quantization, mib]) => [model, quantization, mib] as [keyof typeof MODELS, GgufQuantization, number],
  ),
);

it.each(rows)("%s as %s has %i MiB of tensors", async (model, quantization, mib) => {
  const { tensorBytes } = await predictGgufSize({ config: MODELS[model], quantization });
  expect(Math.round(tensorBytes / 1024 ** 2)).toBe(mib);
});

it.each(Object.entries(LLAMA_BITS_PER_WEIGHT))(
  "Llama-3.1-8B as %s has %f bits per weight",
  async (quantization, bits) => {
    const config = MODELS["Llama-3.1-8B"];
    const { bitsPerWeight } = await predictGgufSize({
      config,
      quantization: quantization as GgufQuantization,
    });
    expect(bitsPerWeight).toBeCloseTo(bits, 1);
    expect(Math.abs(bitsPerWeight - bits)).toBeLessThan(0.02);
  },
);

it("knows no file size without a tokenizer", async () => {
  const { totalBytes, headerBytes } = await predictGgufSize({
    config: MODELS["Qwen3-4B"],
    quantization: "F16",
  });
  expect([totalBytes, headerBytes]).toEqual([null, null]);
});

const EVERY_KIND = Object.keys(K_QUANTIZATION_IDS) as KQuantization[];
/** llama.cpp prints sizes in steps of 0.01 MiB; giving one tensor of these models another type changes more. */
const PRINTED_STEP_BYTES = 0.01 * 1024 ** 2;

it.each<{ name: string; config: Record<string, unknown> }>([
  {
    name: "rows that fill blocks of 256",
    config: { hidden_size: 256, head_dim: 64, intermediate_size: 256, num_hidden_layers: 9 },
  },
  {
    // 96 is no multiple of 256, so every K-quant falls back to types with smaller blocks.
    name: "rows of 96",
    config: { hidden_size: 96, head_dim: 24, intermediate_size: 192, tie_word_embeddings: false },
  },
])("predicts files to the byte, and plans of llama.cpp to the digit it prints: $name", async ({ config }) => {
  const folder = await temporaryFolder();
  const modelFolder = join(folder, "model");
  await writeTinyModel(modelFolder, { config });
  for (const type of ["F32", "F16", "BF16", "Q8_0"] as const) {
    const { sizeBytes } = await convertToGguf({ modelFolder, outputPath: join(folder, "direct.gguf"), type });
    expect((await predictGgufSize({ modelFolder, quantization: type })).totalBytes, type).toBe(sizeBytes);
  }
  const inputPath = join(folder, "f16.gguf");
  const outputPath = join(folder, "k.gguf");
  await convertToGguf({ modelFolder, outputPath: inputPath });
  for (const quantization of ["Q3_K_M", "Q4_K_M"] as const) {
    await quantizeGguf({ inputPath, outputPath, quantization });
    const { totalBytes } = await predictGgufSize({ modelFolder, quantization });
    expect((await stat(outputPath)).size, quantization).toBe(totalBytes);
  }
  for (const quantization of EVERY_KIND) {
    const { tensorBytes } = await quantizeGguf({ inputPath, outputPath, quantization, isDryRun: true });
    const predicted = await predictGgufSize({ modelFolder, quantization });
    expect(Math.abs(tensorBytes - predicted.tensorBytes), quantization).toBeLessThan(
      PRINTED_STEP_BYTES / 2 + 1,
    );
  }
});
