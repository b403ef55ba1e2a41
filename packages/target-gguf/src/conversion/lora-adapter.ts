import {
  checkReadable,
  openSafetensorsFolder,
  type StoredTensor,
} from "../safetensors/safetensors-folder.ts";
import { type AdapterConfig, adapterDoesNotFit, readAdapterConfig } from "./adapter-config.ts";
import { type ExpectedTensor, expectedTensors } from "./expected-tensors.ts";
import type { ModelConfig } from "./model-config.ts";

/** The two factors of one adapted layer: the weight changes by `scale · B · A`. */
export interface LoraPair {
  readonly expected: ExpectedTensor;
  /** Shape [rank, inputs]. */
  readonly a: StoredTensor;
  /** Shape [outputs, rank]. */
  readonly b: StoredTensor;
}

export interface LoraAdapter {
  readonly config: AdapterConfig;
  /** By the GGUF name of the adapted weight. */
  readonly pairs: ReadonlyMap<string, LoraPair>;
  close(): Promise<void>;
}

/** `base_model.model.<layer>.lora_A[.default].weight`, as PEFT saves it. */
const FACTOR_NAME = /^(?:base_model\.model\.)?(?<layer>.+)\.lora_(?<factor>[AB])(?:\.default)?\.weight$/;

function checkPair(pair: LoraPair, rank: number): void {
  const [outputs, inputs] = pair.expected.shape;
  const shapes = `${pair.a.shape.join()} and ${pair.b.shape.join()}`;
  if (pair.a.shape.join() !== `${rank},${inputs}` || pair.b.shape.join() !== `${outputs},${rank}`) {
    throw adapterDoesNotFit(
      `${pair.expected.sourceName} has factors of shape ${shapes}; the base asks for ${rank},${inputs} and ${outputs},${rank}.`,
    );
  }
  checkReadable(pair.a);
  checkReadable(pair.b);
}

function collectPairs(
  tensors: ReadonlyMap<string, StoredTensor>,
  model: ModelConfig,
  rank: number,
): ReadonlyMap<string, LoraPair> {
  const weights = new Map(expectedTensors(model).map((expected) => [expected.sourceName, expected]));
  const factors = new Map<string, { a?: StoredTensor; b?: StoredTensor }>();
  for (const [name, tensor] of tensors) {
    const groups = FACTOR_NAME.exec(name)?.groups;
    if (!groups?.layer)
      throw adapterDoesNotFit(`It holds "${name}", which is not a factor of a linear layer.`);
    const found = factors.get(groups.layer) ?? {};
    factors.set(groups.layer, groups.factor === "A" ? { ...found, a: tensor } : { ...found, b: tensor });
  }
  const pairs = new Map<string, LoraPair>();
  for (const [layer, { a, b }] of factors) {
    const expected = weights.get(`${layer}.weight`);
    if (expected?.shape.length !== 2 || expected.ggufName === "token_embd.weight") {
      throw adapterDoesNotFit(`It changes "${layer}", which is not a linear layer of the base.`);
    }
    if (!a || !b) throw adapterDoesNotFit(`Layer "${layer}" has only one of its two factors.`);
    const pair = { expected, a, b };
    checkPair(pair, rank);
    pairs.set(expected.ggufName, pair);
  }
  if (pairs.size === 0) throw adapterDoesNotFit("It has no weights.");
  return pairs;
}

/**
 * Opens a PEFT LoRA adapter and checks it against its base's configuration.
 * @throws ModelOpsError `gguf/unsupported-adapter`, `gguf/malformed-safetensors`
 */
export async function openLoraAdapter(folder: string, model: ModelConfig): Promise<LoraAdapter> {
  const config = await readAdapterConfig(folder);
  const weights = await openSafetensorsFolder(folder, "adapter_model");
  try {
    return { config, pairs: collectPairs(weights.tensors, model, config.rank), close: weights.close };
  } catch (error) {
    await weights.close();
    throw error;
  }
}
