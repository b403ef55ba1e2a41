import type { ModelConfig } from "./model-config.ts";

/** Which heads' rows must be re-ordered: llama.cpp rotates neighbouring rows where transformers rotates halves. */
type RowOrder = "as-stored" | "interleave-heads";

/** A tensor that a model of this configuration has, under both its names. */
export interface ExpectedTensor {
  readonly ggufName: string;
  readonly sourceName: string;
  /** As in PyTorch: rows, then row length. */
  readonly shape: readonly number[];
  readonly rowOrder: RowOrder;
}

/** Linear layers of a block: PyTorch name, GGUF name, output and input sizes, and whether they have a bias. */
function linearLayers(config: ModelConfig) {
  const { hiddenSize, intermediateSize, headDimension, attentionBias, feedForwardBias } = config;
  const queryRows = config.headCount * headDimension;
  const keyRows = config.keyValueHeadCount * headDimension;
  const rotated: RowOrder = config.architecture === "llama" ? "interleave-heads" : "as-stored";
  const plain: RowOrder = "as-stored";
  const { queryKeyValue, output } = attentionBias;
  return [
    {
      source: "self_attn.q_proj",
      gguf: "attn_q",
      rows: queryRows,
      rowLength: hiddenSize,
      bias: queryKeyValue,
      order: rotated,
    },
    {
      source: "self_attn.k_proj",
      gguf: "attn_k",
      rows: keyRows,
      rowLength: hiddenSize,
      bias: queryKeyValue,
      order: rotated,
    },
    {
      source: "self_attn.v_proj",
      gguf: "attn_v",
      rows: keyRows,
      rowLength: hiddenSize,
      bias: queryKeyValue,
      order: plain,
    },
    {
      source: "self_attn.o_proj",
      gguf: "attn_output",
      rows: hiddenSize,
      rowLength: queryRows,
      bias: output,
      order: plain,
    },
    {
      source: "mlp.gate_proj",
      gguf: "ffn_gate",
      rows: intermediateSize,
      rowLength: hiddenSize,
      bias: feedForwardBias,
      order: plain,
    },
    {
      source: "mlp.up_proj",
      gguf: "ffn_up",
      rows: intermediateSize,
      rowLength: hiddenSize,
      bias: feedForwardBias,
      order: plain,
    },
    {
      source: "mlp.down_proj",
      gguf: "ffn_down",
      rows: hiddenSize,
      rowLength: intermediateSize,
      bias: feedForwardBias,
      order: plain,
    },
  ] as const;
}

function vector(sourceName: string, ggufName: string, length: number): ExpectedTensor {
  return { sourceName, ggufName, shape: [length], rowOrder: "as-stored" };
}

function blockTensors(config: ModelConfig, block: number): readonly ExpectedTensor[] {
  const source = `model.layers.${block}`;
  const gguf = `blk.${block}`;
  const tensors: ExpectedTensor[] = [
    vector(`${source}.input_layernorm.weight`, `${gguf}.attn_norm.weight`, config.hiddenSize),
    vector(`${source}.post_attention_layernorm.weight`, `${gguf}.ffn_norm.weight`, config.hiddenSize),
  ];
  if (config.architecture === "qwen3") {
    tensors.push(
      vector(`${source}.self_attn.q_norm.weight`, `${gguf}.attn_q_norm.weight`, config.headDimension),
    );
    tensors.push(
      vector(`${source}.self_attn.k_norm.weight`, `${gguf}.attn_k_norm.weight`, config.headDimension),
    );
  }
  for (const layer of linearLayers(config)) {
    const names = { sourceName: `${source}.${layer.source}`, ggufName: `${gguf}.${layer.gguf}` };
    const weight = { sourceName: `${names.sourceName}.weight`, ggufName: `${names.ggufName}.weight` };
    tensors.push({ ...weight, shape: [layer.rows, layer.rowLength], rowOrder: layer.order });
    if (!layer.bias) continue;
    const bias = { sourceName: `${names.sourceName}.bias`, ggufName: `${names.ggufName}.bias` };
    tensors.push({ ...bias, shape: [layer.rows], rowOrder: layer.order });
  }
  return tensors;
}

/** Every tensor that the weights of this configuration hold, in the order of the GGUF file. */
export function expectedTensors(config: ModelConfig): readonly ExpectedTensor[] {
  const embedding = { shape: [config.vocabularySize, config.hiddenSize], rowOrder: "as-stored" } as const;
  const tensors: ExpectedTensor[] = [
    { sourceName: "model.embed_tokens.weight", ggufName: "token_embd.weight", ...embedding },
  ];
  for (let block = 0; block < config.layerCount; block += 1) tensors.push(...blockTensors(config, block));
  tensors.push(vector("model.norm.weight", "output_norm.weight", config.hiddenSize));
  if (!config.tiedEmbeddings)
    tensors.push({ sourceName: "lm_head.weight", ggufName: "output.weight", ...embedding });
  return tensors;
}
