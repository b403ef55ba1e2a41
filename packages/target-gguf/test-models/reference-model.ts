import { openSafetensorsFolder } from "../src/safetensors/safetensors-folder.ts";

/** The parts of config.json that the reference uses, under transformers' names. */
interface ReferenceConfig {
  readonly architectures: readonly string[];
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly vocab_size: number;
  readonly rms_norm_eps: number;
  readonly tie_word_embeddings: boolean;
}

/** A forward pass written from transformers' definition, in double precision: an oracle that shares no code with llama.cpp. */
export interface ReferenceModel {
  /** Logits of the token after each given one. */
  logits(tokens: readonly number[]): readonly Float64Array[];
  close(): Promise<void>;
}

type Vector = Float64Array;

function rmsNorm(input: Vector, weight: ArrayLike<number>, epsilon: number): Vector {
  const meanSquare = input.reduce((sum, value) => sum + value * value, 0) / input.length;
  const scale = 1 / Math.sqrt(meanSquare + epsilon);
  return input.map((value, index) => value * scale * (weight[index] ?? 0));
}

function linear(input: Vector, weight: Float32Array, bias: Float32Array | undefined): Vector {
  const outputs = weight.length / input.length;
  return Float64Array.from({ length: outputs }, (_, row) => {
    let sum = bias?.[row] ?? 0;
    for (let column = 0; column < input.length; column += 1) {
      sum += (weight[row * input.length + column] ?? 0) * (input[column] ?? 0);
    }
    return sum;
  });
}

/** transformers' `rotate_half`: the first half of a head turns with the second half. */
function rotate(head: Vector, position: number, frequencies: readonly number[]): Vector {
  const half = head.length / 2;
  return head.map((value, index) => {
    const angle = position * (frequencies[index % half] ?? 0);
    const partner = index < half ? -(head[index + half] ?? 0) : (head[index - half] ?? 0);
    return value * Math.cos(angle) + partner * Math.sin(angle);
  });
}

function attend(query: Vector, keys: readonly Vector[], values: readonly Vector[]): Vector {
  const scores = keys.map(
    (key) =>
      key.reduce((sum, value, index) => sum + value * (query[index] ?? 0), 0) / Math.sqrt(query.length),
  );
  const largest = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return query.map((_, index) =>
    values.reduce((sum, value, at) => sum + ((weights[at] ?? 0) / total) * (value[index] ?? 0), 0),
  );
}

/** Loads a tiny model folder whole. `frequencies` are the rotary frequencies, one per pair of a head. */
export async function openReferenceModel(
  folder: string,
  config: ReferenceConfig,
  frequencies: readonly number[],
): Promise<ReferenceModel> {
  const stored = await openSafetensorsFolder(folder);
  const weights = new Map<string, Float32Array>();
  for (const [name, tensor] of stored.tensors)
    weights.set(name, await tensor.readFloat32(0, tensor.elementCount));
  const weight = (name: string): Float32Array => {
    const found = weights.get(name);
    if (!found) throw new Error(`no ${name}`);
    return found;
  };
  const { head_dim: headDimension, rms_norm_eps: epsilon, hidden_size: hiddenSize } = config;
  const groupSize = config.num_attention_heads / config.num_key_value_heads;
  const project = (input: Vector, name: string) =>
    linear(input, weight(`${name}.weight`), weights.get(`${name}.bias`));
  const heads = (vector: Vector) =>
    Array.from({ length: vector.length / headDimension }, (_, head) =>
      vector.slice(head * headDimension, (head + 1) * headDimension),
    );
  const normHead = (head: Vector, name: string) => {
    const norm = weights.get(`${name}.weight`);
    return norm ? rmsNorm(head, norm, epsilon) : head;
  };

  const block = (hidden: readonly Vector[], layer: number): readonly Vector[] => {
    const prefix = `model.layers.${layer}`;
    const normed = hidden.map((vector) =>
      rmsNorm(vector, weight(`${prefix}.input_layernorm.weight`), epsilon),
    );
    const rotated = (kind: "q" | "k") =>
      normed.map((vector, position) =>
        heads(project(vector, `${prefix}.self_attn.${kind}_proj`)).map((head) =>
          rotate(normHead(head, `${prefix}.self_attn.${kind}_norm`), position, frequencies),
        ),
      );
    const queries = rotated("q");
    const keys = rotated("k");
    const values = normed.map((vector) => heads(project(vector, `${prefix}.self_attn.v_proj`)));
    return hidden.map((vector, position) => {
      const mixed = (queries[position] ?? []).flatMap((query, head) => {
        const shared = Math.floor(head / groupSize);
        const past = (list: readonly Vector[][]) =>
          list.slice(0, position + 1).map((all) => all[shared] ?? new Float64Array(0));
        return [...attend(query, past(keys), past(values))];
      });
      const attention = project(Float64Array.from(mixed), `${prefix}.self_attn.o_proj`);
      const afterAttention = vector.map((value, index) => value + (attention[index] ?? 0));
      const input = rmsNorm(afterAttention, weight(`${prefix}.post_attention_layernorm.weight`), epsilon);
      const gate = project(input, `${prefix}.mlp.gate_proj`);
      const up = project(input, `${prefix}.mlp.up_proj`);
      const inner = gate.map((value, index) => (value / (1 + Math.exp(-value))) * (up[index] ?? 0));
      const change = project(inner, `${prefix}.mlp.down_proj`);
      return afterAttention.map((value, index) => value + (change[index] ?? 0));
    });
  };

  return {
    logits: (tokens) => {
      const embedding = weight("model.embed_tokens.weight");
      let hidden: readonly Vector[] = tokens.map((token) =>
        Float64Array.from(embedding.subarray(token * hiddenSize, (token + 1) * hiddenSize)),
      );
      for (let layer = 0; layer < config.num_hidden_layers; layer += 1) hidden = block(hidden, layer);
      const head = config.tie_word_embeddings ? embedding : weight("lm_head.weight");
      return hidden.map((vector) =>
        linear(rmsNorm(vector, weight("model.norm.weight"), epsilon), head, undefined),
      );
    },
    close: stored.close,
  };
}

/** Plain rotary frequencies, and those of llama 3 scaling as transformers computes them. */
export function rotaryFrequencies(
  headDimension: number,
  theta: number,
  llama3?: { factor: number; lowFactor: number; highFactor: number; originalLength: number },
): readonly number[] {
  return Array.from({ length: headDimension / 2 }, (_, pair) => {
    const frequency = theta ** (-(2 * pair) / headDimension);
    if (!llama3) return frequency;
    const waveLength = (2 * Math.PI) / frequency;
    const { factor, lowFactor, highFactor, originalLength } = llama3;
    if (waveLength > originalLength / lowFactor) return frequency / factor;
    if (waveLength < originalLength / highFactor) return frequency;
    const smooth = (originalLength / waveLength - lowFactor) / (highFactor - lowFactor);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}

function largest(values: Float64Array): number {
  return values.reduce((best, value) => Math.max(best, value), Number.NEGATIVE_INFINITY);
}

/** How far below the reference's own choice each picked token's logit lies: 0 where both chose the same. */
export function choiceGaps(
  reference: ReferenceModel,
  prompt: readonly number[],
  picked: readonly number[],
): readonly number[] {
  const logits = reference.logits([...prompt, ...picked]);
  return picked.map((token, step) => {
    const scores = logits[prompt.length - 1 + step] ?? new Float64Array(0);
    return largest(scores) - (scores[token] ?? Number.NEGATIVE_INFINITY);
  });
}
