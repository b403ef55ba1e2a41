import { ModelOpsError } from "@modelops/core";
import type { ModelConfig } from "../conversion/model-config.ts";
import { type GgufMetadata, type GgufValue, string } from "../format/gguf-value.ts";
import { readGguf } from "../format/read-gguf.ts";
import { SPECIAL_TOKEN_KEYS } from "./special-tokens.ts";

function otherTokenizer(path: string, reason: string): ModelOpsError {
  return new ModelOpsError({
    code: "gguf/tokenizer-mismatch",
    message: `The tokenizer of ${path} does not belong to this model.`,
    reason,
    fix: "give a GGUF file of the very base model that was fine-tuned.",
  });
}

/**
 * Copies all `tokenizer.*` keys of another GGUF file after comparing vocabulary size and special tokens.
 * @throws ModelOpsError `gguf/tokenizer-mismatch`, `gguf/malformed-gguf`
 */
export async function copyTokenizer(
  path: string,
  config: ModelConfig,
  chatTemplate: string | null,
): Promise<GgufMetadata> {
  const { metadata } = await readGguf(path);
  const copied = new Map<string, GgufValue>([...metadata].filter(([key]) => key.startsWith("tokenizer.")));
  const tokens = copied.get("tokenizer.ggml.tokens");
  const tokenCount = tokens?.type === "array" ? tokens.value.length : 0;
  if (tokenCount !== config.vocabularySize) {
    throw otherTokenizer(
      path,
      `It has ${tokenCount} tokens, the model has ${config.vocabularySize} embedding rows.`,
    );
  }
  for (const kind of ["bos", "eos"] as const) {
    const here = config.specialTokenIds.get(kind);
    const there = copied.get(SPECIAL_TOKEN_KEYS[kind])?.value;
    if (here !== undefined && there !== undefined && here !== there) {
      throw otherTokenizer(path, `Its ${kind} token is ${String(there)}, config.json says ${here}.`);
    }
  }
  // A fine-tune may bring its own template; that is what it was trained with.
  if (chatTemplate !== null) copied.set("tokenizer.chat_template", string(chatTemplate));
  return copied;
}
