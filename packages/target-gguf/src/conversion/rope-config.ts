import { isJsonObject, type JsonObject } from "./json-file.ts";

/** Rotary position embedding of a model. */
export interface RopeConfig {
  readonly theta: number;
  readonly scaling:
    | { readonly type: "none" }
    | { readonly type: "linear"; readonly factor: number }
    | {
        readonly type: "yarn";
        readonly factor: number;
        readonly originalContextLength: number;
        readonly extra: YarnExtra;
      }
    | {
        readonly type: "llama3";
        readonly factor: number;
        readonly lowFrequencyFactor: number;
        readonly highFrequencyFactor: number;
        readonly originalContextLength: number;
      };
}

/** Settings of YaRN that a model may leave to the defaults. */
interface YarnExtra {
  readonly attentionFactor: number | null;
  readonly betaFast: number | null;
  readonly betaSlow: number | null;
}

function numberOr<Fallback>(value: unknown, fallback: Fallback): number | Fallback {
  return typeof value === "number" && Number.isFinite(value) ? value : fallback;
}

function parseScaling(parameters: JsonObject): RopeConfig["scaling"] | null {
  const type = parameters.rope_type ?? parameters.type ?? "default";
  const factor = numberOr(parameters.factor, null);
  const originalContextLength = numberOr(parameters.original_max_position_embeddings, 8192);
  if (type === "default") return { type: "none" };
  if (type === "linear" && factor !== null) return { type, factor };
  if (type === "yarn" && factor !== null) {
    const extra = {
      attentionFactor: numberOr(parameters.attention_factor, null),
      betaFast: numberOr(parameters.beta_fast, null),
      betaSlow: numberOr(parameters.beta_slow, null),
    };
    return { type, factor, originalContextLength, extra };
  }
  if (type === "llama3") {
    return {
      type,
      factor: factor ?? 8,
      lowFrequencyFactor: numberOr(parameters.low_freq_factor, 1),
      highFrequencyFactor: numberOr(parameters.high_freq_factor, 4),
      originalContextLength,
    };
  }
  return null;
}

/**
 * Reads the rope settings: `rope_parameters` of transformers 5, or `rope_theta` and `rope_scaling` before it.
 * Null when the scaling is of a kind that is not converted.
 */
export function parseRope(config: JsonObject): RopeConfig | null {
  const parameters = [config.rope_parameters, config.rope_scaling].find(isJsonObject) ?? {};
  const rotaryShare = numberOr(parameters.partial_rotary_factor ?? config.partial_rotary_factor, 1);
  const scaling = parseScaling(parameters);
  if (scaling === null || rotaryShare !== 1) return null;
  return { theta: numberOr(parameters.rope_theta ?? config.rope_theta, 10_000), scaling };
}

/**
 * Divisors of the rotary frequencies for llama 3 scaling, one per pair of dimensions; computed as in llama.cpp's
 * converter, in float32.
 */
export function llama3FrequencyFactors(rope: RopeConfig, headDimension: number): Float32Array | null {
  const { scaling, theta } = rope;
  if (scaling.type !== "llama3") return null;
  const { factor, lowFrequencyFactor, highFrequencyFactor, originalContextLength } = scaling;
  return Float32Array.from({ length: headDimension / 2 }, (_, pair) => {
    const frequency = Math.fround(1 / Math.fround(theta ** Math.fround((2 * pair) / headDimension)));
    const waveLength = Math.fround((2 * Math.PI) / frequency);
    if (waveLength < originalContextLength / highFrequencyFactor) return 1;
    if (waveLength > originalContextLength / lowFrequencyFactor) return factor;
    const smooth =
      (originalContextLength / waveLength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}
