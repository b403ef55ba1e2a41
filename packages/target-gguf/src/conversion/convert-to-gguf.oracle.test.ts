import { join } from "node:path";
import { expect, it } from "vitest";
import { greedyTokens } from "../../test-models/greedy-tokens.ts";
import { choiceGaps, openReferenceModel, rotaryFrequencies } from "../../test-models/reference-model.ts";
import { temporaryFolder } from "../../test-models/temporary-folder.ts";
import { TINY_LLAMA, type TinyConfig, writeTinyModel } from "../../test-models/tiny-model.ts";
import { convertToGguf } from "./convert-to-gguf.ts";

const PROMPT = [256, 72, 101, 108, 108, 111, 44, 32, 119, 111, 114, 108, 100];
const STEPS = 24;
/** llama.cpp keeps keys and values in half precision, so two nearly equal logits may change places. */
const NEAR_TIE = 0.02;

const llama3 = { factor: 8, lowFactor: 1, highFactor: 4, originalLength: 64 };

const FAMILIES: readonly { name: string; config: TinyConfig; frequencies: readonly number[] }[] = [
  { name: "llama with grouped heads", config: {}, frequencies: rotaryFrequencies(16, 10_000) },
  {
    name: "llama with attention biases and an untied head",
    config: { attention_bias: true, mlp_bias: true, tie_word_embeddings: false },
    frequencies: rotaryFrequencies(16, 10_000),
  },
  {
    name: "llama 3 rope scaling",
    config: {
      head_dim: 32,
      rope_parameters: {
        rope_theta: 500_000,
        rope_type: "llama3",
        factor: llama3.factor,
        low_freq_factor: llama3.lowFactor,
        high_freq_factor: llama3.highFactor,
        original_max_position_embeddings: llama3.originalLength,
      } as never,
    },
    frequencies: rotaryFrequencies(32, 500_000, llama3),
  },
  {
    name: "mistral",
    config: {
      architectures: ["MistralForCausalLM"],
      head_dim: 32,
      rope_parameters: undefined,
      rope_theta: 1_000_000,
    },
    frequencies: rotaryFrequencies(32, 1_000_000),
  },
  {
    name: "qwen2 with biases",
    config: { architectures: ["Qwen2ForCausalLM"] },
    frequencies: rotaryFrequencies(16, 10_000),
  },
  {
    name: "qwen3 with q and k norms",
    config: { architectures: ["Qwen3ForCausalLM"], head_dim: 32 },
    frequencies: rotaryFrequencies(32, 10_000),
  },
];

it.each(FAMILIES)("$name answers like the forward pass of transformers", async ({ config, frequencies }) => {
  const folder = await temporaryFolder();
  const modelFolder = join(folder, "model");
  const outputPath = join(folder, "model.gguf");
  await writeTinyModel(modelFolder, { config });
  await convertToGguf({ modelFolder, outputPath, type: "F32" });

  const picked = await greedyTokens(outputPath, PROMPT, STEPS);

  const reference = await openReferenceModel(
    modelFolder,
    { ...TINY_LLAMA, ...config } as typeof TINY_LLAMA,
    frequencies,
  );
  const gaps = choiceGaps(reference, PROMPT, picked);
  await reference.close();
  expect(Math.max(...gaps)).toBeLessThan(NEAR_TIE);
  expect(gaps.filter((gap) => gap === 0).length).toBeGreaterThanOrEqual(STEPS - 1);
  expect(new Set(picked).size).toBeGreaterThan(4);
});
