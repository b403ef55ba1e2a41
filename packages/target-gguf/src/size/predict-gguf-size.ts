import { readTokenizer } from "../conversion/convert-to-gguf.ts";
import { type JsonObject, readJsonFile } from "../conversion/json-file.ts";
import { parseModelConfig } from "../conversion/model-config.ts";
import { modelMetadata } from "../conversion/model-metadata.ts";
import { GGML_TYPES } from "../format/ggml-type.ts";
import { aligned, serialiseHeader, tensorDataBytes } from "../format/gguf-header.ts";
import type { GgufQuantization } from "./quantization.ts";
import { planQuantization } from "./quantization-plan.ts";

export interface PredictGgufSizeOptions {
  /** The model's `config.json`, parsed; or give `modelFolder`. */
  readonly config?: JsonObject;
  /** Folder with config.json and tokenizer files: then the header is predicted, too. */
  readonly modelFolder?: string;
  readonly quantization: GgufQuantization;
  /** As for the conversion: the header holds the tokenizer and the name. */
  readonly tokenizerFrom?: string;
  readonly name?: string;
}

export interface PredictedGgufSize {
  /** Bytes of all tensors, padded as in the file. */
  readonly tensorBytes: number;
  /** Bytes before the tensors, null when no tokenizer was given; some 6 MB for 150,000 tokens. */
  readonly headerBytes: number | null;
  /** Size of the file, null when the header is not known. */
  readonly totalBytes: number | null;
  readonly parameterCount: number;
  readonly bitsPerWeight: number;
}

/**
 * Predicts the size of a GGUF file to the byte from the model's configuration (and its tokenizer for the header).
 * @throws ModelOpsError `gguf/unsupported-architecture`, `gguf/unsupported-tokenizer`
 */
export async function predictGgufSize(options: PredictGgufSizeOptions): Promise<PredictedGgufSize> {
  const { modelFolder, quantization } = options;
  const config = parseModelConfig(options.config ?? (await readJsonFile(`${modelFolder}/config.json`)));
  const tensors = planQuantization(config, quantization).map((tensor) => ({
    ...tensor,
    type: GGML_TYPES[tensor.type],
  }));
  const tensorBytes = tensors.reduce((sum, tensor) => sum + aligned(tensorDataBytes(tensor)), 0);
  const parameterCount = tensors.reduce(
    (sum, { dimensions }) => sum + dimensions.reduce((a, b) => a * b, 1),
    0,
  );
  let headerBytes: number | null = null;
  if (modelFolder !== undefined) {
    const tokenizer = await readTokenizer(modelFolder, config, options.tokenizerFrom);
    const name = options.name ?? modelFolder.split(/[\\/]/).filter(Boolean).at(-1) ?? "";
    headerBytes = serialiseHeader(modelMetadata(config, { name, type: "F16", tokenizer }), tensors).length;
  }
  return {
    tensorBytes,
    headerBytes,
    totalBytes: headerBytes === null ? null : headerBytes + tensorBytes,
    parameterCount,
    bitsPerWeight: (tensorBytes * 8) / parameterCount,
  };
}
