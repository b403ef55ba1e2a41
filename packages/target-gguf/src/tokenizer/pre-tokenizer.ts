import { isJsonObject, type JsonObject } from "../conversion/json-file.ts";
import { unsupportedTokenizer } from "./unsupported-tokenizer.ts";

/** llama.cpp's names of the ways to cut text before merging (`tokenizer.ggml.pre`). */
export type PreTokenizerName = "qwen2" | "llama-bpe" | "smollm" | "gpt-2";

const LLAMA_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const QWEN_PATTERN = LLAMA_PATTERN.replace("\\p{N}{1,3}", "\\p{N}");

/** The steps of `pre_tokenizer`, with nested sequences laid out flat. */
function steps(preTokenizer: unknown): readonly JsonObject[] {
  if (!isJsonObject(preTokenizer)) return [];
  if (preTokenizer.type !== "Sequence") return [preTokenizer];
  return Array.isArray(preTokenizer.pretokenizers) ? preTokenizer.pretokenizers.flatMap(steps) : [];
}

/** Describes a step by what matters for cutting, so that families can be told apart by comparing strings. */
function describe(step: JsonObject): string {
  if (step.type === "ByteLevel") return step.use_regex === false ? "bytes" : "bytes+gpt2-pattern";
  if (step.type === "Digits") return step.individual_digits === true ? "digits" : "digit-runs";
  if (step.type !== "Split" || step.behavior !== "Isolated" || step.invert === true)
    return `other:${String(step.type)}`;
  const pattern = isJsonObject(step.pattern) ? step.pattern.Regex : undefined;
  if (pattern === LLAMA_PATTERN) return "llama-pattern";
  if (pattern === QWEN_PATTERN) return "qwen-pattern";
  return "other:Split";
}

const FAMILIES: ReadonlyMap<string, PreTokenizerName> = new Map([
  ["qwen-pattern bytes", "qwen2"],
  ["llama-pattern bytes", "llama-bpe"],
  ["digits bytes+gpt2-pattern", "smollm"],
  ["bytes+gpt2-pattern", "gpt-2"],
]);

/**
 * Recognises the pre-tokenizer of a `tokenizer.json` by its own rules instead of the model's name.
 * @throws ModelOpsError `gguf/unsupported-tokenizer`
 */
export function preTokenizerName(tokenizer: JsonObject, mergeCount: number): PreTokenizerName {
  const found = steps(tokenizer.pre_tokenizer);
  if (found.some((step) => step.add_prefix_space === true)) {
    throw unsupportedTokenizer(
      "It puts a space before the text (add_prefix_space), which llama.cpp would not.",
    );
  }
  const description = found.map(describe).join(" ");
  const isByteLevel = found.some((step) => step.type === "ByteLevel");
  // Without merges every byte is a token, wherever the text is cut.
  if (isByteLevel && mergeCount === 0) return "gpt-2";
  const family = FAMILIES.get(description);
  if (!family)
    throw unsupportedTokenizer(
      `Its pre-tokenizer (${description || "none"}) is not one of: ${[...FAMILIES.values()].join(", ")}.`,
    );
  const ignoresMerges = isJsonObject(tokenizer.model) && tokenizer.model.ignore_merges === true;
  if (ignoresMerges !== (family === "llama-bpe")) {
    throw unsupportedTokenizer(
      `Its ignore_merges setting is ${ignoresMerges}, llama.cpp's "${family}" has the other.`,
    );
  }
  return family;
}
