import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeByteTokenizer } from "../../test-models/byte-tokenizer.ts";
import { temporaryFolder } from "../../test-models/temporary-folder.ts";
import { TINY_LLAMA, writeTinyModel } from "../../test-models/tiny-model.ts";
import { convertToGguf } from "../conversion/convert-to-gguf.ts";
import { parseModelConfig } from "../conversion/model-config.ts";
import type { GgufMetadata } from "../format/gguf-value.ts";
import { readByteLevelTokenizer } from "./byte-level-bpe.ts";

interface Files {
  readonly tokenizer?: Record<string, unknown>;
  readonly model?: Record<string, unknown>;
  readonly tokenizerConfig?: Record<string, unknown>;
  readonly config?: Record<string, unknown>;
}

/** Reads the test tokenizer after some fields were changed. */
async function read(changes: Files = {}): Promise<Record<string, unknown>> {
  const folder = await temporaryFolder();
  await writeByteTokenizer(folder);
  const path = join(folder, "tokenizer.json");
  const tokenizer = JSON.parse(await readFile(path, "utf8"));
  await writeFile(
    path,
    JSON.stringify({ ...tokenizer, ...changes.tokenizer, model: { ...tokenizer.model, ...changes.model } }),
  );
  if (changes.tokenizerConfig) {
    await rm(join(folder, "chat_template.jinja"));
    await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify(changes.tokenizerConfig));
  }
  const metadata: GgufMetadata = await readByteLevelTokenizer(
    folder,
    parseModelConfig({ ...TINY_LLAMA, ...changes.config }),
  );
  return Object.fromEntries([...metadata].map(([key, { value }]) => [key, value]));
}

const MERGES = ["h e", "l l"];
const LLAMA =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const split = (Regex: string) => ({ type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false });
const bytes = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
const gpt2 = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
const sequence = (...pretokenizers: unknown[]) => ({ type: "Sequence", pretokenizers });

describe("the way to cut text", () => {
  it.each([
    ["qwen2", sequence(split(LLAMA.replace("{1,3}", "")), bytes), {}],
    ["llama-bpe", sequence(split(LLAMA), bytes), { ignore_merges: true }],
    ["smollm", sequence({ type: "Digits", individual_digits: true }, gpt2), {}],
    ["gpt-2", gpt2, {}],
  ])("is recognised by its rules: %s", async (name, preTokenizer, model) => {
    const metadata = await read({
      tokenizer: { pre_tokenizer: preTokenizer },
      model: { merges: MERGES, ...model },
    });
    expect(metadata["tokenizer.ggml.pre"]).toBe(name);
  });

  it.each([
    ["an unknown pattern", { pre_tokenizer: sequence(split("\\w+"), bytes) }, {}],
    [
      "a pattern that is used the other way round",
      { pre_tokenizer: sequence({ ...split(LLAMA), invert: true }, bytes) },
      {},
    ],
    ["no rule at all", { pre_tokenizer: null }, {}],
    ["a space put before the text", { pre_tokenizer: { ...gpt2, add_prefix_space: true } }, {}],
    ["llama's pattern without its rule for merges", { pre_tokenizer: sequence(split(LLAMA), bytes) }, {}],
    ["SentencePiece bytes", {}, { byte_fallback: true }],
    ["unigrams", {}, { type: "Unigram" }],
    ["lower-casing", { normalizer: { type: "Sequence", normalizers: [{ type: "Lowercase" }] } }, {}],
  ])("is refused when it is %s, and the error names tokenizerFrom", async (_, tokenizer, model) => {
    await expect(read({ tokenizer, model: { merges: MERGES, ...model } })).rejects.toMatchObject({
      code: "gguf/unsupported-tokenizer",
      fix: expect.stringContaining("tokenizerFrom"),
    });
  });
});

it("writes merges given as texts and as pairs alike, spaces inside as their stand-in", async () => {
  const texts = await read({ tokenizer: { pre_tokenizer: gpt2 }, model: { merges: ["h e", "Ġ t"] } });
  const pairs = await read({
    tokenizer: { pre_tokenizer: gpt2 },
    model: {
      merges: [
        ["h", "e"],
        [" ", "t"],
      ],
    },
  });
  expect(pairs["tokenizer.ggml.merges"]).toEqual(texts["tokenizer.ggml.merges"]);
});

it("marks control, user-defined and unused tokens", async () => {
  const added = [
    { id: 256, content: "<|bos|>", special: true },
    { id: 257, content: "<tool>", special: false },
    { id: 258, content: "<|im_end|>", special: false },
  ];
  const metadata = await read({ tokenizer: { added_tokens: added }, config: { vocab_size: 262 } });
  const tokens = metadata["tokenizer.ggml.tokens"] as string[];
  const types = metadata["tokenizer.ggml.token_type"] as number[];
  expect(tokens.length).toBe(262);
  expect(tokens.slice(255)).toEqual([
    "ÿ",
    "<|bos|>",
    "<tool>",
    "<|im_end|>",
    "[PAD259]",
    "[PAD260]",
    "[PAD261]",
  ]);
  expect(types.slice(255)).toEqual([1, 3, 4, 3, 5, 5, 5]);
});

it("refuses a token that has no embedding row", async () => {
  await expect(read({ config: { vocab_size: 258 } })).rejects.toMatchObject({
    code: "gguf/unsupported-tokenizer",
  });
});

it("adds a beginning token when the post-processor does, unless the settings say no", async () => {
  const processor = {
    type: "Sequence",
    processors: [
      {
        type: "TemplateProcessing",
        single: [{ SpecialToken: { id: "<|bos|>", type_id: 0 } }, { Sequence: { id: "A" } }],
      },
    ],
  };
  const added = await read({ tokenizer: { post_processor: processor } });
  expect(added["tokenizer.ggml.add_bos_token"]).toBe(true);
  const denied = await read({
    tokenizer: { post_processor: processor },
    tokenizerConfig: { bos_token: "<|bos|>", add_bos_token: false },
  });
  expect(denied["tokenizer.ggml.add_bos_token"]).toBe(false);
});

it("takes the default of several chat templates, and special ids from config.json when they have no name", async () => {
  const metadata = await read({
    tokenizerConfig: {
      chat_template: [
        { name: "tool_use", template: "t" },
        { name: "default", template: "d" },
      ],
    },
  });
  expect(metadata["tokenizer.chat_template"]).toBe("d");
  expect(metadata["tokenizer.ggml.eos_token_id"]).toBe(258);
});

describe("a tokenizer copied from another GGUF file", () => {
  async function donorAndModel(config: Record<string, unknown> = {}) {
    const folder = await temporaryFolder();
    await writeTinyModel(join(folder, "donor"));
    await convertToGguf({ modelFolder: join(folder, "donor"), outputPath: join(folder, "donor.gguf") });
    await writeTinyModel(join(folder, "model"), { config, seed: 8 });
    const options = {
      modelFolder: join(folder, "model"),
      outputPath: join(folder, "model.gguf"),
      tokenizerFrom: join(folder, "donor.gguf"),
    };
    return { folder, options };
  }

  it("is used where there is none", async () => {
    const { folder, options } = await donorAndModel();
    await rm(join(folder, "model", "tokenizer.json"));
    await expect(convertToGguf(options)).resolves.toMatchObject({ path: options.outputPath });
  });

  it.each([
    ["another number of tokens", { vocab_size: 300 }],
    ["another end token", { eos_token_id: 257 }],
  ])("is refused with %s", async (_, config) => {
    const { options } = await donorAndModel(config);
    await expect(convertToGguf(options)).rejects.toMatchObject({ code: "gguf/tokenizer-mismatch" });
  });
});
