import { join } from "node:path";
import { ModelOpsError } from "@modelops/core";
import { isJsonObject, type JsonObject, readJsonFile } from "./json-file.ts";

/** What is needed of `adapter_config.json`. */
export interface AdapterConfig {
  readonly rank: number;
  /** Factor of the product B·A: alpha / r, or alpha / √r for rank-stabilised LoRA. */
  readonly scale: number;
  readonly baseModel: string | null;
}

function unsupportedAdapter(reason: string): ModelOpsError {
  return new ModelOpsError({
    code: "gguf/unsupported-adapter",
    message: "This adapter cannot become a GGUF adapter.",
    reason,
    fix: "merge it into its base with PEFT (merge_and_unload) and convert the merged model.",
  });
}

function isFilled(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isJsonObject(value) ? Object.keys(value).length > 0 : Boolean(value);
}

/** Initialisations that change the base weights: the adapter then fits no unchanged base. */
const BASE_CHANGING_STARTS = ["pissa", "olora", "corda", "loftq"];

function checkKind(config: JsonObject): void {
  if (config.peft_type !== "LORA")
    throw unsupportedAdapter(`Its kind is ${String(config.peft_type)}, not LORA.`);
  if (config.use_dora === true)
    throw unsupportedAdapter("It is a DoRA adapter (use_dora), which also scales columns.");
  if (isFilled(config.modules_to_save)) {
    throw unsupportedAdapter(
      `It replaces whole layers (modules_to_save: ${String(config.modules_to_save)}).`,
    );
  }
  if (config.bias !== undefined && config.bias !== "none")
    throw unsupportedAdapter(`It trains biases (bias: ${String(config.bias)}).`);
  const start = String(config.init_lora_weights ?? "").toLowerCase();
  if (BASE_CHANGING_STARTS.some((name) => start.startsWith(name))) {
    throw unsupportedAdapter(`It was started with ${start}, which changes the base weights.`);
  }
  for (const key of [
    "rank_pattern",
    "alpha_pattern",
    "lora_bias",
    "fan_in_fan_out",
    "layer_replication",
    "trainable_token_indices",
    "alora_invocation_tokens",
  ]) {
    if (isFilled(config[key])) throw unsupportedAdapter(`It uses ${key}.`);
  }
}

/**
 * Reads `adapter_config.json` and refuses what a GGUF adapter cannot express.
 * @throws ModelOpsError `gguf/unsupported-adapter`
 */
export async function readAdapterConfig(folder: string): Promise<AdapterConfig> {
  const config = await readJsonFile(join(folder, "adapter_config.json"));
  checkKind(config);
  const rank = config.r;
  const alpha = config.lora_alpha;
  if (
    typeof rank !== "number" ||
    !Number.isSafeInteger(rank) ||
    rank < 1 ||
    typeof alpha !== "number" ||
    !Number.isFinite(alpha)
  ) {
    throw unsupportedAdapter(`Its r (${String(rank)}) or lora_alpha (${String(alpha)}) is not a number.`);
  }
  return {
    rank,
    scale: config.use_rslora === true ? alpha / Math.sqrt(rank) : alpha / rank,
    baseModel: typeof config.base_model_name_or_path === "string" ? config.base_model_name_or_path : null,
  };
}

/** The error of an adapter file whose tensors do not fit; shared with the reader of the weights. */
export const adapterDoesNotFit = unsupportedAdapter;
