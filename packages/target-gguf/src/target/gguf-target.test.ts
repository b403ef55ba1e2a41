import { appendFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ModelReference } from "@modelops/core";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../test-models/temporary-folder.ts";
import { writeTinyAdapter } from "../../test-models/tiny-adapter.ts";
import { TINY_LLAMA, writeTinyModel } from "../../test-models/tiny-model.ts";
import { gguf } from "./gguf-target.ts";
import type { GgufTargetOptions } from "./gguf-target-options.ts";

async function workshop(options: Partial<GgufTargetOptions> = {}) {
  const folder = await temporaryFolder();
  const base = join(folder, "base");
  const served = join(folder, "served");
  await writeTinyModel(base);
  const adapter = async (name: string, seed: number): Promise<ModelReference> => {
    await writeTinyAdapter(join(folder, name), { seed });
    return {
      modelId: `host/${name}`,
      agent: "support",
      version: `v1.${seed}.0`,
      artifact: {
        kind: "adapter",
        location: { type: "folder", path: join(folder, name) },
        baseModel: base,
        baseModelRevision: null,
        files: [],
      },
    };
  };
  const baseModel: ModelReference = { modelId: base, agent: "support", version: "v1.0.0", artifact: null };
  const ggufFiles = async () => (await readdir(served)).filter((name) => name.endsWith(".gguf")).sort();
  return {
    folder,
    base,
    served,
    adapter,
    baseModel,
    ggufFiles,
    target: gguf({ folder: served, ...options }),
  };
}

const question = { messages: [{ role: "user", content: "Hello" }], maxOutputTokens: 16 } as const;

it("serves an adapter over its base, and the base by itself, from one base file", async () => {
  const { target, adapter, baseModel, ggufFiles } = await workshop();
  const tuned = await target.deploy({ model: await adapter("tuned", 1), idempotencyKey: "a" });
  const plain = await target.deploy({ model: baseModel, idempotencyKey: "b" });
  expect(await ggufFiles()).toEqual([
    expect.stringMatching(/^adapter-/),
    expect.stringMatching(/^model-f16-/),
  ]);
  expect(tuned).toMatchObject({ targetId: "gguf", agent: "support", version: "v1.1.0", baseUrl: null });
  expect(tuned.configValue).toBe(`gguf:${tuned.deploymentId}`);
  expect(JSON.parse(JSON.stringify(tuned))).toEqual(tuned);
  expect(await target.status(tuned)).toMatchObject({ state: "ready", costUsdPerHour: 0 });

  const [tunedModel, plainModel] = [await target.chatModel(tuned), await target.chatModel(plain)];
  const [tunedAnswer, plainAnswer] = [
    await tunedModel.generate(question),
    await plainModel.generate(question),
  ];
  expect(tunedModel.id).toBe(tuned.configValue);
  expect(tunedAnswer.text).not.toBe(plainAnswer.text);
  await Promise.all([tunedModel.close?.(), plainModel.close?.()]);
});

it("adopts what the same key made, also in another process, without making a file again", async () => {
  const { target, adapter, served, ggufFiles } = await workshop();
  const model = await adapter("tuned", 1);
  const first = await target.deploy({ model, idempotencyKey: "a" });
  const times = async () =>
    Promise.all((await ggufFiles()).map(async (name) => (await stat(join(served, name))).mtimeMs));
  const before = await times();
  const restarted = gguf({ folder: served });
  expect(await restarted.deploy({ model, idempotencyKey: "a" })).toEqual(first);
  expect(await restarted.deploy({ model, idempotencyKey: "another key, same model" })).toEqual(first);
  expect(await times()).toEqual(before);
});

it("makes one set of files for simultaneous deployments", async () => {
  const { target, adapter, ggufFiles } = await workshop();
  const model = await adapter("tuned", 1);
  const made = await Promise.all(
    [1, 2, 3].map((key) => target.deploy({ model, idempotencyKey: String(key) })),
  );
  expect(new Set(made.map(({ deploymentId }) => deploymentId)).size).toBe(1);
  expect((await ggufFiles()).length).toBe(2);
});

it("makes a file again that was damaged, even when its size is right", async () => {
  const { target, baseModel, served, ggufFiles } = await workshop();
  const deployment = await target.deploy({ model: baseModel, idempotencyKey: "a" });
  const path = join(served, (await ggufFiles())[0] ?? "");
  const { size } = await stat(path);
  await writeFile(path, Buffer.alloc(size));
  expect(await target.deploy({ model: baseModel, idempotencyKey: "b" })).toEqual(deployment);
  const model = await target.chatModel(deployment);
  await expect(model.generate(question)).resolves.toMatchObject({ finishReason: "length" });
  await model.close?.();
});

it("reports a file that was cut or removed as failed, and makes it again", async () => {
  const { target, baseModel, served, ggufFiles } = await workshop();
  const deployment = await target.deploy({ model: baseModel, idempotencyKey: "a" });
  const path = join(served, (await ggufFiles())[0] ?? "");
  await appendFile(path, "x");
  expect(await target.status(deployment)).toMatchObject({ state: "failed" });
  await rm(path);
  expect(await target.status(deployment)).toMatchObject({ state: "failed" });
  await target.deploy({ model: baseModel, idempotencyKey: "a" });
  expect(await target.status(deployment)).toMatchObject({ state: "ready" });
});

it("names files after their content: another adapter or quantisation is another deployment", async () => {
  const { target, adapter, served, baseModel, ggufFiles } = await workshop();
  const one = await target.deploy({ model: await adapter("one", 1), idempotencyKey: "1" });
  const two = await target.deploy({ model: await adapter("two", 2), idempotencyKey: "2" });
  const bytes = await gguf({ folder: served, quantization: "Q8_0" }).deploy({
    model: baseModel,
    idempotencyKey: "3",
  });
  expect(new Set([one.deploymentId, two.deploymentId, bytes.deploymentId]).size).toBe(3);
  expect((await ggufFiles()).length).toBe(4);
});

it("removes calmly and keeps the base that another deployment uses", async () => {
  const { target, adapter, ggufFiles } = await workshop();
  const one = await target.deploy({ model: await adapter("one", 1), idempotencyKey: "1" });
  const two = await target.deploy({ model: await adapter("two", 2), idempotencyKey: "2" });
  await target.remove(one);
  await target.remove(one);
  expect(await target.status(one)).toMatchObject({ state: "absent" });
  expect(await target.status(two)).toMatchObject({ state: "ready" });
  expect((await ggufFiles()).length).toBe(2);
  await target.remove(two);
  expect(await ggufFiles()).toEqual([]);
});

it("makes a K-quant of the base and leaves no file in between", async () => {
  const { folder, base, served, ggufFiles } = await workshop();
  const config = { hidden_size: 256, head_dim: 64, intermediate_size: 256 };
  await writeTinyModel(base, { config });
  await writeTinyAdapter(join(folder, "tuned"), { config });
  const target = gguf({ folder: served, quantization: "Q4_K_M" });
  const artifact = {
    kind: "adapter",
    location: { type: "folder", path: join(folder, "tuned") },
    baseModel: base,
    baseModelRevision: null,
    files: [],
  } as const;
  const model = { modelId: "m", agent: "a", version: "v1.0.0", artifact: { ...artifact, files: [] } };
  const deployment = await target.deploy({ model, idempotencyKey: "k" });
  expect(deployment.deploymentId).toMatch(/^model-q4_k_m-/);
  expect(await ggufFiles()).toEqual([
    expect.stringMatching(/^adapter-/),
    expect.stringMatching(/^model-q4_k_m-/),
  ]);
  expect((await readdir(served)).filter((name) => name.includes("tmp"))).toEqual([]);
});

it("merges the adapter when asked to", async () => {
  const { target, adapter, ggufFiles } = await workshop({ mergeAdapters: true });
  const deployment = await target.deploy({ model: await adapter("tuned", 1), idempotencyKey: "a" });
  expect(await ggufFiles()).toEqual([expect.stringMatching(/^merged-f16-/)]);
  expect(deployment.details.adapter).toBeNull();
});

it("refuses a key that was used for another version", async () => {
  const { target, adapter } = await workshop();
  await target.deploy({ model: await adapter("one", 1), idempotencyKey: "k" });
  await expect(target.deploy({ model: await adapter("two", 2), idempotencyKey: "k" })).rejects.toMatchObject({
    code: "target/idempotency-key-reused",
  });
});

it("checks a model without writing anything: sizes, context, price", async () => {
  const { folder, target, adapter } = await workshop();
  const check = await target.check(await adapter("tuned", 1));
  expect(check).toMatchObject({ canServe: true, problems: [], contextLength: 512 });
  expect(check.price).toMatchObject({ inputUsdPerMillionTokens: 0, usdPerHour: 0 });
  expect(check.notes.join("; ")).toMatch(/model file \(F16\): 0\.\d MB; adapter: 0\.0 MB; free disk/);
  expect((await readdir(folder)).sort()).toEqual(["base", "tuned"]);
});

it("checks and explains what it cannot serve", async () => {
  const { folder, base, target, adapter, baseModel } = await workshop();
  const problems = async (model: ModelReference) => (await target.check(model)).problems;
  expect(await problems({ ...baseModel, modelId: "org/on-the-hub" })).toEqual([
    {
      message: expect.stringContaining("org/on-the-hub is not a folder"),
      fix: expect.stringContaining("fetchRepository"),
    },
  ]);
  const tuned = await adapter("tuned", 1);
  await rm(join(folder, "tuned"), { recursive: true });
  expect((await problems(tuned))[0]?.message).toContain("does not exist");
  await writeFile(
    join(base, "config.json"),
    JSON.stringify({ ...TINY_LLAMA, architectures: ["GemmaForCausalLM"] }),
  );
  expect((await problems(baseModel))[0]?.message).toContain("GemmaForCausalLM");
});

it("fetches a repository through the host's function", async () => {
  const asked: unknown[] = [];
  const { base, served, baseModel } = await workshop();
  const target = gguf({
    folder: served,
    fetchRepository: async (repository) => {
      asked.push(repository);
      return base;
    },
  });
  const deployment = await target.deploy({
    model: { ...baseModel, modelId: "org/name" },
    idempotencyKey: "a",
  });
  expect(deployment.modelId).toBe("org/name");
  expect(asked).toEqual([{ repoId: "org/name", revision: null }]);
});

it("stops when aborted and can be asked again", async () => {
  const { target, baseModel } = await workshop();
  const request = { model: baseModel, idempotencyKey: "a" };
  await expect(target.deploy(request, { signal: AbortSignal.abort(new Error("stop")) })).rejects.toThrow(
    "stop",
  );
  await expect(target.deploy(request)).resolves.toBeDefined();
});

it.each([
  ["an unknown option", { folder: "x", quantisation: "F16" }],
  ["an unknown quantisation", { folder: "x", quantization: "Q4" }],
  ["no folder", { folder: "" }],
  ["no threads", { folder: "x", threads: 0 }],
])("refuses %s", (_, options) => {
  expect(() => gguf(options as GgufTargetOptions)).toThrow(
    expect.objectContaining({ code: "target/invalid-options" }),
  );
});
