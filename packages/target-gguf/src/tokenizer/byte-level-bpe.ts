import { join } from "node:path";
import {
  isJsonObject,
  type JsonObject,
  readJsonFile,
  readOptionalJsonFile,
} from "../conversion/json-file.ts";
import type { ModelConfig } from "../conversion/model-config.ts";
import {
  bool,
  type GgufMetadata,
  type GgufValue,
  int32s,
  string,
  strings,
  uint32,
} from "../format/gguf-value.ts";
import { readChatTemplate } from "./chat-template.ts";
import { preTokenizerName } from "./pre-tokenizer.ts";
import { addsBeginToken, SPECIAL_TOKEN_KEYS, specialTokenIds } from "./special-tokens.ts";
import { unsupportedTokenizer } from "./unsupported-tokenizer.ts";
import { parseMerges, parseVocabulary } from "./vocabulary.ts";

function normalizerTypes(normalizer: unknown): readonly string[] {
  if (!isJsonObject(normalizer)) return [];
  if (Array.isArray(normalizer.normalizers)) return normalizer.normalizers.flatMap(normalizerTypes);
  return [String(normalizer.type)];
}

function checkKind(tokenizer: JsonObject): void {
  const model = isJsonObject(tokenizer.model) ? tokenizer.model : {};
  if (model.type !== "BPE")
    throw unsupportedTokenizer(`Its model is ${String(model.type)}, not byte-level BPE.`);
  if (model.byte_fallback === true)
    throw unsupportedTokenizer("It is a SentencePiece tokenizer (byte_fallback).");
  // NFC is what qwen has; llama.cpp leaves text as it is, which differs only for decomposed accents.
  const changing = normalizerTypes(tokenizer.normalizer).filter((type) => type !== "NFC");
  if (changing.length > 0) throw unsupportedTokenizer(`It rewrites text first (${changing.join(", ")}).`);
}

/**
 * Reads the byte-level BPE tokenizer of a model folder as `tokenizer.*` metadata.
 * @throws ModelOpsError `gguf/unsupported-tokenizer`
 */
export async function readByteLevelTokenizer(folder: string, config: ModelConfig): Promise<GgufMetadata> {
  const tokenizer = await readJsonFile(join(folder, "tokenizer.json"));
  const tokenizerConfig = (await readOptionalJsonFile(join(folder, "tokenizer_config.json"))) ?? {};
  checkKind(tokenizer);
  const vocabulary = parseVocabulary(tokenizer, config.vocabularySize);
  const merges = parseMerges(tokenizer);
  const chatTemplate = await readChatTemplate(folder, tokenizerConfig);
  const metadata = new Map<string, GgufValue>([
    ["tokenizer.ggml.model", string("gpt2")],
    ["tokenizer.ggml.pre", string(preTokenizerName(tokenizer, merges.length))],
    ["tokenizer.ggml.tokens", strings(vocabulary.tokens)],
    ["tokenizer.ggml.token_type", int32s(vocabulary.types)],
    ["tokenizer.ggml.merges", strings(merges)],
    ["tokenizer.ggml.add_bos_token", bool(addsBeginToken(tokenizer, tokenizerConfig))],
  ]);
  for (const [kind, id] of specialTokenIds(tokenizerConfig, vocabulary, config)) {
    metadata.set(SPECIAL_TOKEN_KEYS[kind], uint32(id));
  }
  if (chatTemplate !== null) metadata.set("tokenizer.chat_template", string(chatTemplate));
  return metadata;
}
