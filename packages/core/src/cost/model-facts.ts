/** What the estimates need to know about a base model. Null = not known. */
export interface ModelFacts {
  readonly parameters: number;
  /** How the number is known: counted in the weights, computed from the configuration, or read off the name. */
  readonly parametersFrom: "weights" | "configuration" | "name";
  readonly layers: number | null;
  readonly hiddenSize: number | null;
  readonly vocabularySize: number | null;
  readonly contextLength: number | null;
  readonly hasChatTemplate: boolean | null;
}

/** Parameters of the embedding table (counted once): they stay 16-bit when the rest is quantised. */
export function embeddingParameters(model: ModelFacts): number {
  return (model.vocabularySize ?? 0) * (model.hiddenSize ?? 0);
}

/** Layers and width of a llama-like model of this size, for models of which only the size is known. */
export function assumedShape(model: ModelFacts): {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly vocabularySize: number;
} {
  const hiddenSize =
    model.hiddenSize ?? Math.max(64, 128 * Math.round(Math.cbrt(model.parameters / 1.5) / 14));
  const layers = model.layers ?? Math.max(2, Math.round(model.parameters / (12 * hiddenSize ** 2)));
  return { layers, hiddenSize, vocabularySize: model.vocabularySize ?? 128_000 };
}

/** Trainable parameters of LoRA on all linear layers: about 22 × hidden × rank per layer in llama-like models. */
export function loraParameters(model: ModelFacts, rank: number): number {
  const { layers, hiddenSize } = assumedShape(model);
  return layers * 25 * hiddenSize * rank;
}
