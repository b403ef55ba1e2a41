import { isJsonObject, type JsonObject } from "../conversion/json-file.ts";
import type { ModelConfig } from "../conversion/model-config.ts";
import type { Vocabulary } from "./vocabulary.ts";

export type SpecialTokenKind = "bos" | "eos" | "unk" | "pad";

/** Metadata keys of the special tokens. */
export const SPECIAL_TOKEN_KEYS: Readonly<Record<SpecialTokenKind, string>> = {
  bos: "tokenizer.ggml.bos_token_id",
  eos: "tokenizer.ggml.eos_token_id",
  unk: "tokenizer.ggml.unknown_token_id",
  pad: "tokenizer.ggml.padding_token_id",
};

function tokenText(value: unknown): string | null {
  if (typeof value === "string") return value;
  return isJsonObject(value) && typeof value.content === "string" ? value.content : null;
}

/** Ids of the special tokens: named in `tokenizer_config.json` first, else numbered in `config.json`. */
export function specialTokenIds(
  tokenizerConfig: JsonObject,
  vocabulary: Pick<Vocabulary, "idOf">,
  config: Pick<ModelConfig, "specialTokenIds" | "vocabularySize">,
): ReadonlyMap<SpecialTokenKind, number> {
  const ids = new Map<SpecialTokenKind, number>();
  for (const kind of ["bos", "eos", "unk", "pad"] as const) {
    const text = tokenText(tokenizerConfig[`${kind}_token`]);
    const id = (text === null ? undefined : vocabulary.idOf(text)) ?? config.specialTokenIds.get(kind);
    if (id !== undefined && id < config.vocabularySize) ids.set(kind, id);
  }
  return ids;
}

/** Whether a template of the post-processor begins with the given token. */
function beginsWith(processor: unknown, token: string): boolean {
  if (!isJsonObject(processor)) return false;
  if (Array.isArray(processor.processors))
    return processor.processors.some((inner) => beginsWith(inner, token));
  const first: unknown = Array.isArray(processor.single) ? processor.single[0] : undefined;
  const special = isJsonObject(first) ? first.SpecialToken : undefined;
  return processor.type === "TemplateProcessing" && isJsonObject(special) && special.id === token;
}

/** Whether plain text gets a beginning-of-sequence token: said outright, or done by the post-processor. */
export function addsBeginToken(tokenizer: JsonObject, tokenizerConfig: JsonObject): boolean {
  if (typeof tokenizerConfig.add_bos_token === "boolean") return tokenizerConfig.add_bos_token;
  const beginToken = tokenText(tokenizerConfig.bos_token);
  return beginToken !== null && beginsWith(tokenizer.post_processor, beginToken);
}
