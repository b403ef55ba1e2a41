import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** The printable stand-ins that byte-level BPE uses for the 256 bytes. */
export function byteCharacters(): readonly string[] {
  const isPrintable = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : next++));
}

const SPECIAL_TOKENS = ["<|bos|>", "<|im_start|>", "<|im_end|>", "<|pad|>"];

/** The vocabulary of the test models: every byte, then four control tokens. */
export const TEST_VOCABULARY_SIZE = 256 + SPECIAL_TOKENS.length;

export const TEST_CHAT_TEMPLATE =
  "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}" +
  "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/** Writes the tokenizer files of a byte-level model without merges. */
export async function writeByteTokenizer(folder: string): Promise<void> {
  const vocab = Object.fromEntries(byteCharacters().map((character, id) => [character, id]));
  const addedTokens = SPECIAL_TOKENS.map((content, index) => ({
    id: 256 + index,
    content,
    special: true,
    normalized: false,
  }));
  const tokenizer = {
    version: "1.0",
    added_tokens: addedTokens,
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: false },
    post_processor: null,
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab, merges: [] },
  };
  await writeFile(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  const tokenizerConfig = {
    bos_token: "<|bos|>",
    eos_token: "<|im_end|>",
    pad_token: { content: "<|pad|>" },
  };
  await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify(tokenizerConfig));
  await writeFile(join(folder, "chat_template.jinja"), TEST_CHAT_TEMPLATE);
}
