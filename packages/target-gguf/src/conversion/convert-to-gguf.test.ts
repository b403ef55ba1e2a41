import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../test-models/temporary-folder.ts";
import { readTensorData } from "../../test-models/tensor-data.ts";
import { TINY_LLAMA, writeTinyModel } from "../../test-models/tiny-model.ts";
import { readGguf } from "../format/read-gguf.ts";
import { convertToGguf } from "./convert-to-gguf.ts";

async function tinyModel(options: Parameters<typeof writeTinyModel>[1] = {}) {
  const folder = await temporaryFolder();
  const modelFolder = join(folder, "model");
  await writeTinyModel(modelFolder, options);
  return { folder, modelFolder, outputPath: join(folder, "model.gguf") };
}

/** Changes config.json after the weights were written for the old one. */
async function changeConfig(modelFolder: string, change: Record<string, unknown>): Promise<void> {
  await writeFile(join(modelFolder, "config.json"), JSON.stringify({ ...TINY_LLAMA, ...change }));
}

it("writes llama.cpp's metadata for the model and its tokenizer", async () => {
  const { modelFolder, outputPath } = await tinyModel();
  await convertToGguf({ modelFolder, outputPath, name: "tiny" });
  const { metadata } = await readGguf(outputPath);
  const plain = Object.fromEntries([...metadata].map(([key, { value }]) => [key, value]));
  expect(plain).toMatchObject({
    "general.architecture": "llama",
    "general.name": "tiny",
    "general.file_type": 1,
    "llama.context_length": 512,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "llama.rope.dimension_count": 16,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "gpt-2",
    "tokenizer.ggml.bos_token_id": 256,
    "tokenizer.ggml.eos_token_id": 258,
    "tokenizer.ggml.padding_token_id": 259,
    "tokenizer.ggml.add_bos_token": false,
  });
  expect(plain["tokenizer.chat_template"]).toContain("<|im_start|>");
});

it("gives the same bytes for the same input, in one file or in shards", async () => {
  const whole = await tinyModel();
  const sharded = await tinyModel({ shardCount: 3 });
  await convertToGguf(whole);
  await convertToGguf(sharded);
  expect(Buffer.compare(await readFile(whole.outputPath), await readFile(sharded.outputPath))).toBe(0);
});

it.each(["F32", "F16", "BF16", "Q8_0"] as const)(
  "reports the size of the %s file and its progress",
  async (type) => {
    const { modelFolder, outputPath } = await tinyModel();
    const progress: number[] = [];
    const { sizeBytes } = await convertToGguf({
      modelFolder,
      outputPath,
      type,
      onProgress: ({ writtenBytes, totalBytes }) => progress.push(writtenBytes / totalBytes),
    });
    expect((await readFile(outputPath)).length).toBe(sizeBytes);
    expect(progress.at(-1)).toBe(1);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  },
);

it("keeps a stored BF16 weight exactly", async () => {
  const { modelFolder, outputPath } = await tinyModel({
    dtype: "BF16",
    config: { architectures: ["Qwen2ForCausalLM"] },
  });
  await convertToGguf({ modelFolder, outputPath, type: "BF16" });
  const stored = await readFile(join(modelFolder, "model.safetensors"));
  const weight = (await readTensorData(outputPath)).get("blk.1.ffn_down.weight") ?? Buffer.alloc(0);
  expect(weight.length).toBeGreaterThan(0);
  expect(stored.includes(weight)).toBe(true);
});

it.each([
  ["an unknown architecture", { architectures: ["FalconForCausalLM"] }],
  ["no architecture", { architectures: undefined }],
  ["weights that are already quantised", { quantization_config: { quant_method: "gptq" } }],
  ["another activation", { hidden_act: "gelu" }],
  ["a rope scaling it does not know", { rope_parameters: { rope_type: "longrope", rope_theta: 1 } }],
])("refuses %s and names the way around", async (_, change) => {
  const { modelFolder, outputPath } = await tinyModel();
  await changeConfig(modelFolder, change);
  await expect(convertToGguf({ modelFolder, outputPath })).rejects.toMatchObject({
    code: "gguf/unsupported-architecture",
    fix: expect.stringMatching(/convert_hf_to_gguf\.py.*LlamaForCausalLM/s),
  });
});

it.each([
  ["lacks a layer", { num_hidden_layers: 3 }, /lack "model\.layers\.2/],
  ["holds a layer too many", { num_hidden_layers: 1 }, /does not explain/],
  ["has other shapes", { intermediate_size: 64 }, /config\.json asks for/],
])("refuses weights of which config.json says that it %s", async (_, change, reason) => {
  const { folder, modelFolder, outputPath } = await tinyModel();
  await changeConfig(modelFolder, change);
  await expect(convertToGguf({ modelFolder, outputPath })).rejects.toMatchObject({
    code: "gguf/malformed-safetensors",
    reason: expect.stringMatching(reason),
  });
  expect(await readdir(folder)).toEqual(["model"]);
});

it.each([
  ["hidden_size", { hidden_size: "64" }],
  ["num_hidden_layers", { num_hidden_layers: -1 }],
  ["vocab_size", { vocab_size: 1.5 }],
])("names the field of config.json that is wrong: %s", async (key, change) => {
  const { modelFolder, outputPath } = await tinyModel();
  await changeConfig(modelFolder, change);
  await expect(convertToGguf({ modelFolder, outputPath })).rejects.toMatchObject({
    code: "gguf/malformed-config",
    details: { key },
  });
});

it.each(["config.json", "tokenizer.json"])("says which file is missing: %s", async (name) => {
  const { modelFolder, outputPath } = await tinyModel();
  await rm(join(modelFolder, name));
  await expect(convertToGguf({ modelFolder, outputPath })).rejects.toMatchObject({
    code: "gguf/file-not-found",
  });
});

it("does nothing when already aborted", async () => {
  const { folder, modelFolder, outputPath } = await tinyModel();
  await expect(convertToGguf({ modelFolder, outputPath, signal: AbortSignal.abort() })).rejects.toThrow(
    /aborted/,
  );
  expect(await readdir(folder)).toEqual(["model"]);
});
