import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectedTensors } from "../src/conversion/expected-tensors.ts";
import { parseModelConfig } from "../src/conversion/model-config.ts";
import { TEST_VOCABULARY_SIZE, writeByteTokenizer } from "./byte-tokenizer.ts";
import { seededRandom } from "./random.ts";
import { type TensorToWrite, writeSafetensors } from "./write-safetensors.ts";

/** Settings of a tiny llama that is quick to run and still has grouped heads. */
export const TINY_LLAMA = {
  architectures: ["LlamaForCausalLM"],
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  intermediate_size: 128,
  vocab_size: TEST_VOCABULARY_SIZE,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_parameters: { rope_theta: 10_000, rope_type: "default" },
  tie_word_embeddings: true,
  hidden_act: "silu",
  bos_token_id: 256,
  eos_token_id: 258,
  pad_token_id: 259,
};

export type TinyConfig = Partial<typeof TINY_LLAMA> & Record<string, unknown>;

/** Weights around zero; large enough that a wrong row order changes which token wins. */
function randomWeights(count: number, random: () => number, spread: number, centre: number): Float32Array {
  return Float32Array.from({ length: count }, () => centre + (random() * 2 - 1) * spread);
}

export interface WriteTinyModelOptions {
  readonly config?: TinyConfig;
  readonly seed?: number;
  readonly dtype?: "F32" | "F16" | "BF16";
  /** Writes this many files and an index instead of one file. */
  readonly shardCount?: number;
}

async function writeShards(
  folder: string,
  tensors: readonly TensorToWrite[],
  options: WriteTinyModelOptions,
): Promise<void> {
  const { shardCount = 1, dtype } = options;
  if (shardCount === 1) return writeSafetensors(join(folder, "model.safetensors"), tensors, dtype);
  const weightMap: Record<string, string> = {};
  for (let shard = 0; shard < shardCount; shard += 1) {
    const name = `model-0000${shard + 1}-of-0000${shardCount}.safetensors`;
    const own = tensors.filter((_, index) => index % shardCount === shard);
    for (const tensor of own) weightMap[tensor.name] = name;
    await writeSafetensors(join(folder, name), own, dtype);
  }
  await writeFile(join(folder, "model.safetensors.index.json"), JSON.stringify({ weight_map: weightMap }));
}

/** Writes a model folder with random weights as `save_pretrained` would. */
export async function writeTinyModel(folder: string, options: WriteTinyModelOptions = {}): Promise<void> {
  await mkdir(folder, { recursive: true });
  const config = { ...TINY_LLAMA, ...options.config };
  const random = seededRandom(options.seed ?? 7);
  const tensors = expectedTensors(parseModelConfig(config)).map((tensor): TensorToWrite => {
    const count = tensor.shape.reduce((product, size) => product * size, 1);
    const isNorm = tensor.sourceName.endsWith("norm.weight");
    return {
      name: tensor.sourceName,
      shape: tensor.shape,
      weights: randomWeights(count, random, isNorm ? 0.1 : 0.25, isNorm ? 1 : 0),
    };
  });
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  await writeShards(folder, tensors, options);
  await writeByteTokenizer(folder);
}
