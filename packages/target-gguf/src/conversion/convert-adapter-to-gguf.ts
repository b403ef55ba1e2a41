import { GGML_TYPES } from "../format/ggml-type.ts";
import { float32, type GgufMetadata, type GgufValue, string } from "../format/gguf-value.ts";
import { type GgufTensor, writeGguf } from "../format/write-gguf.ts";
import type { ConvertedGguf } from "./convert-to-gguf.ts";
import { encodeWeights } from "./encode-weights.ts";
import { type LoraAdapter, type LoraPair, openLoraAdapter } from "./lora-adapter.ts";
import { type ModelConfig, readModelConfig } from "./model-config.ts";
import { interleaveHeads } from "./row-order.ts";

export interface ConvertAdapterToGgufOptions {
  /** Folder with adapter_config.json and adapter_model.safetensors, as PEFT saves it. */
  readonly adapterFolder: string;
  /** Folder of the base model; only its config.json is read. */
  readonly baseFolder: string;
  readonly outputPath: string;
  /** @default "F32" */
  readonly type?: "F32" | "F16";
  readonly signal?: AbortSignal;
}

function adapterMetadata(config: ModelConfig, adapter: LoraAdapter): GgufMetadata {
  return new Map<string, GgufValue>([
    ["general.architecture", string(config.architecture)],
    ["general.type", string("adapter")],
    ["adapter.type", string("lora")],
    // llama.cpp divides by the rank it sees; this alpha makes the quotient PEFT's scale, rank-stabilised or not.
    ["adapter.lora.alpha", float32(adapter.config.scale * adapter.config.rank)],
  ]);
}

function factorTensors(
  pair: LoraPair,
  config: ModelConfig,
  rank: number,
  type: "F32" | "F16",
): readonly GgufTensor[] {
  const { expected, a, b } = pair;
  const [outputs = 0, inputs = 0] = expected.shape;
  return [
    {
      name: `${expected.ggufName}.lora_a`,
      dimensions: [inputs, rank],
      type: GGML_TYPES[type],
      data: async function* () {
        yield encodeWeights(await a.readFloat32(0, a.elementCount), type);
      },
    },
    {
      name: `${expected.ggufName}.lora_b`,
      dimensions: [rank, outputs],
      type: GGML_TYPES[type],
      data: async function* () {
        const rows = await b.readFloat32(0, b.elementCount);
        // B makes the rows of q and k, so it is re-ordered like them.
        const isReordered = expected.rowOrder === "interleave-heads";
        yield encodeWeights(isReordered ? interleaveHeads(rows, config.headDimension, rank) : rows, type);
      },
    },
  ];
}

/**
 * Converts a PEFT LoRA adapter to a GGUF adapter that llama.cpp applies to any GGUF of its base, quantised or not.
 * @throws ModelOpsError `gguf/unsupported-adapter`, `gguf/unsupported-architecture`, `gguf/disk-full`
 */
export async function convertAdapterToGguf(options: ConvertAdapterToGgufOptions): Promise<ConvertedGguf> {
  const { adapterFolder, baseFolder, outputPath, type = "F32", signal } = options;
  signal?.throwIfAborted();
  const config = await readModelConfig(baseFolder);
  const adapter = await openLoraAdapter(adapterFolder, config);
  try {
    const { rank } = adapter.config;
    const sizeBytes = await writeGguf({
      path: outputPath,
      metadata: adapterMetadata(config, adapter),
      tensors: [...adapter.pairs.values()].flatMap((pair) => factorTensors(pair, config, rank, type)),
      signal,
    });
    return { path: outputPath, sizeBytes };
  } finally {
    await adapter.close();
  }
}
