import { join } from "node:path";
import { expect, it } from "vitest";
import { greedyTokens } from "../../test-models/greedy-tokens.ts";
import { temporaryFolder } from "../../test-models/temporary-folder.ts";
import { readTensorData } from "../../test-models/tensor-data.ts";
import { type WriteTinyAdapterOptions, writeTinyAdapter } from "../../test-models/tiny-adapter.ts";
import { type TinyConfig, writeTinyModel } from "../../test-models/tiny-model.ts";
import { readGguf } from "../format/read-gguf.ts";
import { convertAdapterToGguf } from "./convert-adapter-to-gguf.ts";
import { convertToGguf } from "./convert-to-gguf.ts";

const PROMPT = [256, 84, 104, 101, 32, 99, 97, 116];
const STEPS = 24;

async function modelWithAdapter(config: TinyConfig, adapter: WriteTinyAdapterOptions = {}) {
  const folder = await temporaryFolder();
  const modelFolder = join(folder, "model");
  const adapterFolder = join(folder, "adapter");
  await writeTinyModel(modelFolder, { config });
  await writeTinyAdapter(adapterFolder, { config, ...adapter });
  return { folder, modelFolder, adapterFolder };
}

const FAMILIES: readonly { name: string; config: TinyConfig; adapter?: WriteTinyAdapterOptions }[] = [
  { name: "llama with grouped heads", config: {} },
  { name: "qwen2", config: { architectures: ["Qwen2ForCausalLM"] } },
  { name: "qwen3", config: { architectures: ["Qwen3ForCausalLM"], head_dim: 32 } },
  {
    name: "a rank-stabilised adapter",
    config: {},
    adapter: { rank: 8, adapterConfig: { use_rslora: true } },
  },
];

it.each(FAMILIES)(
  "$name: the adapter applied to the base answers like the merged model",
  async ({ config, adapter }) => {
    const { folder, modelFolder, adapterFolder } = await modelWithAdapter(config, adapter);
    const path = (name: string) => join(folder, name);
    await convertToGguf({ modelFolder, outputPath: path("base.gguf"), type: "F32" });
    await convertToGguf({ modelFolder, adapterFolder, outputPath: path("merged.gguf"), type: "F32" });
    await convertAdapterToGguf({ adapterFolder, baseFolder: modelFolder, outputPath: path("adapter.gguf") });

    const base = await greedyTokens(path("base.gguf"), PROMPT, STEPS);
    const applied = await greedyTokens(path("base.gguf"), PROMPT, STEPS, path("adapter.gguf"));
    const merged = await greedyTokens(path("merged.gguf"), PROMPT, STEPS);
    expect(applied).toEqual(merged);
    expect(applied).not.toEqual(base);
  },
);

it("merges with the scale of PEFT: alpha / r, or alpha / √r when rank-stabilised", async () => {
  const change = async (adapterConfig: Record<string, unknown>) => {
    const { folder, modelFolder, adapterFolder } = await modelWithAdapter(
      { architectures: ["Qwen2ForCausalLM"] },
      { rank: 4, alpha: 8, adapterConfig },
    );
    const [base, merged] = [join(folder, "b.gguf"), join(folder, "m.gguf")];
    await convertToGguf({ modelFolder, outputPath: base, type: "F32" });
    await convertToGguf({ modelFolder, adapterFolder, outputPath: merged, type: "F32" });
    const first = async (path: string) =>
      (await readTensorData(path)).get("blk.0.ffn_up.weight")?.readFloatLE(0) ?? 0;
    return (await first(merged)) - (await first(base));
  };
  const plain = await change({});
  expect(Math.abs(plain)).toBeGreaterThan(1e-3);
  expect((await change({ use_rslora: true })) / plain).toBeCloseTo(2, 3);
});

it("writes the keys by which llama.cpp knows an adapter", async () => {
  const { folder, modelFolder, adapterFolder } = await modelWithAdapter({}, { rank: 4, alpha: 8 });
  const outputPath = join(folder, "adapter.gguf");
  await convertAdapterToGguf({ adapterFolder, baseFolder: modelFolder, outputPath });
  const { metadata, tensors } = await readGguf(outputPath);
  expect(metadata.get("general.type")?.value).toBe("adapter");
  expect(metadata.get("adapter.type")?.value).toBe("lora");
  expect(metadata.get("adapter.lora.alpha")?.value).toBe(8);
  expect(tensors.find(({ name }) => name === "blk.0.attn_k.weight.lora_a")?.dimensions).toEqual([64, 4]);
  expect(tensors.find(({ name }) => name === "blk.0.attn_k.weight.lora_b")?.dimensions).toEqual([4, 32]);
});

const weights = (count: number) => new Float32Array(count);
const PREFIX = "base_model.model.model";

it.each<[string, WriteTinyAdapterOptions]>([
  ["DoRA", { adapterConfig: { use_dora: true } }],
  ["saved modules", { adapterConfig: { modules_to_save: ["lm_head"] } }],
  ["trained biases", { adapterConfig: { bias: "all" } }],
  ["ranks that differ by layer", { adapterConfig: { rank_pattern: { q_proj: 8 } } }],
  ["a start that changes the base (PiSSA)", { adapterConfig: { init_lora_weights: "pissa_niter_16" } }],
  ["another method than LoRA", { adapterConfig: { peft_type: "IA3" } }],
  ["no rank", { adapterConfig: { r: null } }],
  ["a rank that the weights do not have", { adapterConfig: { r: 5 } }],
  [
    "embeddings",
    {
      extraTensors: [
        { name: `${PREFIX}.embed_tokens.lora_embedding_A`, shape: [4, 260], weights: weights(1040) },
      ],
    },
  ],
  [
    "a whole embedding",
    { extraTensors: [{ name: `${PREFIX}.embed_tokens.weight`, shape: [2, 2], weights: weights(4) }] },
  ],
  [
    "one factor without the other",
    {
      extraTensors: [
        { name: "base_model.model.lm_head.lora_A.weight", shape: [4, 64], weights: weights(256) },
      ],
    },
  ],
  [
    "a layer the base lacks",
    {
      extraTensors: [
        { name: `${PREFIX}.layers.9.mlp.up_proj.lora_A.weight`, shape: [4, 64], weights: weights(256) },
      ],
    },
  ],
])("refuses an adapter with %s", async (_, adapter) => {
  const { folder, modelFolder, adapterFolder } = await modelWithAdapter({}, adapter);
  const outputPath = join(folder, "adapter.gguf");
  await expect(
    convertAdapterToGguf({ adapterFolder, baseFolder: modelFolder, outputPath }),
  ).rejects.toMatchObject({
    code: "gguf/unsupported-adapter",
  });
  await expect(convertToGguf({ modelFolder, adapterFolder, outputPath })).rejects.toMatchObject({
    code: "gguf/unsupported-adapter",
  });
});
