import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectedTensors } from "../src/conversion/expected-tensors.ts";
import { parseModelConfig } from "../src/conversion/model-config.ts";
import { seededRandom } from "./random.ts";
import { TINY_LLAMA, type TinyConfig } from "./tiny-model.ts";
import { type TensorToWrite, writeSafetensors } from "./write-safetensors.ts";

export interface WriteTinyAdapterOptions {
  readonly config?: TinyConfig;
  readonly seed?: number;
  readonly rank?: number;
  readonly alpha?: number;
  /** Fields put over the ordinary `adapter_config.json`. */
  readonly adapterConfig?: Readonly<Record<string, unknown>>;
  /** More tensors, for adapters that should be refused. */
  readonly extraTensors?: readonly TensorToWrite[];
}

/** Writes a PEFT adapter folder over all linear layers with random factors. */
export async function writeTinyAdapter(folder: string, options: WriteTinyAdapterOptions = {}): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { rank = 4, alpha = 8 } = options;
  const random = seededRandom(options.seed ?? 11);
  const layers = expectedTensors(parseModelConfig({ ...TINY_LLAMA, ...options.config })).filter(
    (tensor) =>
      tensor.ggufName.endsWith(".weight") && tensor.ggufName.startsWith("blk.") && tensor.shape.length === 2,
  );
  const factor = (count: number) => Float32Array.from({ length: count }, () => (random() * 2 - 1) * 0.3);
  const tensors = layers.flatMap(({ sourceName, shape: [outputs = 0, inputs = 0] }): TensorToWrite[] => {
    const layer = `base_model.model.${sourceName.replace(/\.weight$/, "")}`;
    return [
      { name: `${layer}.lora_A.weight`, shape: [rank, inputs], weights: factor(rank * inputs) },
      { name: `${layer}.lora_B.weight`, shape: [outputs, rank], weights: factor(outputs * rank) },
    ];
  });
  const adapterConfig = {
    peft_type: "LORA",
    r: rank,
    lora_alpha: alpha,
    bias: "none",
    use_rslora: false,
    use_dora: false,
    modules_to_save: null,
    base_model_name_or_path: "tiny",
    ...options.adapterConfig,
  };
  await writeFile(join(folder, "adapter_config.json"), JSON.stringify(adapterConfig));
  await writeSafetensors(join(folder, "adapter_model.safetensors"), [
    ...tensors,
    ...(options.extraTensors ?? []),
  ]);
}
