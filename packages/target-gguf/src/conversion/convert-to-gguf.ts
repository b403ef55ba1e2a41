import { basename, resolve } from "node:path";
import { GGML_TYPES } from "../format/ggml-type.ts";
import type { GgufMetadata } from "../format/gguf-value.ts";
import { type GgufTensor, type WriteGgufOptions, writeGguf } from "../format/write-gguf.ts";
import { malformedSafetensors } from "../safetensors/malformed-safetensors.ts";
import { openSafetensorsFolder, type SafetensorsFolder } from "../safetensors/safetensors-folder.ts";
import { readByteLevelTokenizer } from "../tokenizer/byte-level-bpe.ts";
import { readChatTemplate } from "../tokenizer/chat-template.ts";
import { copyTokenizer } from "../tokenizer/copied-tokenizer.ts";
import { type DirectType, directTensorType } from "./encode-weights.ts";
import { type ExpectedTensor, expectedTensors } from "./expected-tensors.ts";
import { readOptionalJsonFile } from "./json-file.ts";
import { type LoraAdapter, openLoraAdapter } from "./lora-adapter.ts";
import { mergeTransform } from "./merge-adapter.ts";
import { type ModelConfig, readModelConfig } from "./model-config.ts";
import { modelMetadata } from "./model-metadata.ts";
import { llama3FrequencyFactors } from "./rope-config.ts";
import { findTensor, streamTensor } from "./tensor-source.ts";

export interface ConvertToGgufOptions {
  /** Folder with config.json, safetensors and tokenizer files. */
  readonly modelFolder: string;
  /** Path of the GGUF file to write. */
  readonly outputPath: string;
  /** @default "F16" */
  readonly type?: DirectType;
  /** A PEFT LoRA adapter to merge into the weights on the way, in float32. */
  readonly adapterFolder?: string;
  /** A GGUF file whose tokenizer is copied; needed for tokenizers that cannot be converted. */
  readonly tokenizerFrom?: string;
  /** Name stored in the file. @default the model folder's name */
  readonly name?: string;
  readonly onProgress?: WriteGgufOptions["onProgress"];
  readonly signal?: AbortSignal;
}

export interface ConvertedGguf {
  readonly path: string;
  readonly sizeBytes: number;
}

/** Reads the tokenizer as metadata: converted, or copied from another GGUF file. */
export async function readTokenizer(
  modelFolder: string,
  config: ModelConfig,
  tokenizerFrom: string | undefined,
): Promise<GgufMetadata> {
  if (tokenizerFrom === undefined) return readByteLevelTokenizer(modelFolder, config);
  const tokenizerConfig = (await readOptionalJsonFile(`${modelFolder}/tokenizer_config.json`)) ?? {};
  return copyTokenizer(tokenizerFrom, config, await readChatTemplate(modelFolder, tokenizerConfig));
}

/** Buffers that checkpoints may carry although they are computed, and a tied head stored a second time. */
function isRedundant(name: string, config: ModelConfig): boolean {
  return name.endsWith(".rotary_emb.inv_freq") || (config.tiedEmbeddings && name === "lm_head.weight");
}

/** A tensor that nobody asks for would be lost in silence, and the converted model would answer differently. */
function checkNothingIsLeft(
  weights: SafetensorsFolder,
  expected: readonly ExpectedTensor[],
  config: ModelConfig,
): void {
  const known = new Set(expected.map((tensor) => tensor.sourceName));
  const left = [...weights.tensors.keys()].filter((name) => !known.has(name) && !isRedundant(name, config));
  if (left.length === 0) return;
  const file = weights.files[0] ?? "model.safetensors";
  throw malformedSafetensors(
    file,
    `It holds ${left.length} tensors that its config.json does not explain, such as "${left[0]}".`,
  );
}

/** The tensor of llama 3 rope scaling, for models that have it. */
function ropeTensors(config: ModelConfig): readonly GgufTensor[] {
  const factors = llama3FrequencyFactors(config.rope, config.headDimension);
  if (factors === null) return [];
  const data = async function* () {
    yield new Uint8Array(factors.buffer);
  };
  return [{ name: "rope_freqs.weight", dimensions: [factors.length], type: GGML_TYPES.F32, data }];
}

function modelTensors(
  config: ModelConfig,
  weights: SafetensorsFolder,
  adapter: LoraAdapter | null,
  fileType: DirectType,
): readonly GgufTensor[] {
  const expected = expectedTensors(config);
  checkNothingIsLeft(weights, expected, config);
  const tensors = expected.map((tensor): GgufTensor => {
    const stored = findTensor(weights, tensor);
    const type = directTensorType(tensor.shape, fileType);
    const pair = adapter?.pairs.get(tensor.ggufName);
    return {
      name: tensor.ggufName,
      dimensions: tensor.shape.toReversed(),
      type: GGML_TYPES[type],
      data: async function* () {
        const transform = adapter && pair ? await mergeTransform(pair, adapter.config.scale) : undefined;
        yield* streamTensor({
          stored,
          expected: tensor,
          headDimension: config.headDimension,
          type,
          transform,
        });
      },
    };
  });
  return [...ropeTensors(config), ...tensors];
}

/**
 * Converts a Hugging Face model folder (llama, mistral, qwen2, qwen3) to GGUF, streaming tensor by tensor; the result
 * appears under its name only when it is complete.
 * @throws ModelOpsError `gguf/unsupported-architecture`, `gguf/unsupported-tokenizer`, `gguf/malformed-safetensors`,
 * `gguf/unsupported-adapter`, `gguf/disk-full`
 */
export async function convertToGguf(options: ConvertToGgufOptions): Promise<ConvertedGguf> {
  const { modelFolder, outputPath, type = "F16", signal } = options;
  signal?.throwIfAborted();
  const config = await readModelConfig(modelFolder);
  const tokenizer = await readTokenizer(modelFolder, config, options.tokenizerFrom);
  const weights = await openSafetensorsFolder(modelFolder);
  let adapter: LoraAdapter | null = null;
  try {
    if (options.adapterFolder !== undefined) adapter = await openLoraAdapter(options.adapterFolder, config);
    const name = options.name ?? basename(resolve(modelFolder));
    const sizeBytes = await writeGguf({
      path: outputPath,
      metadata: modelMetadata(config, { name, type, tokenizer }),
      tensors: modelTensors(config, weights, adapter, type),
      onProgress: options.onProgress,
      signal,
    });
    return { path: outputPath, sizeBytes };
  } finally {
    await Promise.all([weights.close(), adapter?.close()]);
  }
}
