import { assumedShape, embeddingParameters, loraParameters, type ModelFacts } from "./model-facts.ts";

const GIB = 1024 ** 3;
const CUDA_CONTEXT_BYTES = 1e9;
const LOGITS_BYTES = 0.5e9;
const MARGIN = 1.1;

export interface MemoryQuestion {
  readonly model: ModelFacts;
  readonly adapter: "lora" | "qlora" | "full";
  readonly rank: number;
  readonly batchSize: number;
  /** Tokens of the longest row that is kept. */
  readonly sequenceLength: number;
  readonly hasCheckpointing: boolean;
  readonly device: "cuda" | "cpu";
  /** The loss keeps every logit at once, as older trainers do; the packaged script does not. @default false */
  readonly keepsLogits?: boolean;
}

/**
 * Peak memory of a training run in GiB: weights, training state, activations, logits, context and 10 %. The terms are
 * the usual accounting (fp32 weights, gradient and two Adam moments = 16 bytes per trained parameter; activations with
 * checkpointing 2·L·B·S·E + 40·B·S·E bytes, without 36·L·B·S·E); published runs are met within 15 %.
 */
export function memoryGiB(question: MemoryQuestion): number {
  const { model, adapter, rank, batchSize, sequenceLength, hasCheckpointing, device } = question;
  const { layers, hiddenSize, vocabularySize } = assumedShape(model);
  const tokens = batchSize * sequenceLength;
  const embedding = embeddingParameters(model);
  const bytesPerWeight = device === "cpu" ? 4 : 2;
  const weights =
    adapter === "full"
      ? 16 * model.parameters
      : adapter === "lora"
        ? bytesPerWeight * model.parameters
        : 0.516 * Math.max(0, model.parameters - 2 * embedding) +
          2 * Math.min(model.parameters, 2 * embedding);
  const state = adapter === "full" ? 0 : 16 * loraParameters(model, rank);
  const activations = hasCheckpointing
    ? (2 * layers + 40) * tokens * hiddenSize
    : 36 * layers * tokens * hiddenSize;
  const allLogits = 10 * tokens * vocabularySize;
  const logits = question.keepsLogits ? allLogits : Math.min(allLogits, LOGITS_BYTES);
  const context = device === "cuda" ? CUDA_CONTEXT_BYTES : 0.8e9;
  return ((weights + state + activations + logits + context) * MARGIN) / GIB;
}

/** Whether a run fits: warn above 85 % of the memory, refuse above 105 % (the estimate's own error). */
export function memoryFit(neededGiB: number, availableGiB: number): "fits" | "tight" | "too-large" {
  if (neededGiB > 1.05 * availableGiB) return "too-large";
  return neededGiB > 0.85 * availableGiB ? "tight" : "fits";
}
