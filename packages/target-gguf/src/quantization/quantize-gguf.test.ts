import { execFile } from "node:child_process";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../test-models/temporary-folder.ts";
import { readTensorData } from "../../test-models/tensor-data.ts";
import { writeTinyModel } from "../../test-models/tiny-model.ts";
import { convertToGguf } from "../conversion/convert-to-gguf.ts";
import { readGguf } from "../format/read-gguf.ts";
import { predictGgufSize } from "../size/predict-gguf-size.ts";
import { quantizeGguf } from "./quantize-gguf.ts";

async function tinyFile(config: Record<string, unknown> = {}) {
  const folder = await temporaryFolder();
  const modelFolder = join(folder, "model");
  const inputPath = join(folder, "f32.gguf");
  await writeTinyModel(modelFolder, { config });
  await convertToGguf({ modelFolder, outputPath: inputPath, type: "F32" });
  return { folder, modelFolder, inputPath, outputPath: join(folder, "out.gguf") };
}

it("makes the same Q8_0 tensors as the converter, byte for byte", async () => {
  const { folder, modelFolder, inputPath, outputPath } = await tinyFile();
  await quantizeGguf({ inputPath, outputPath, quantization: "Q8_0" });
  await convertToGguf({ modelFolder, outputPath: join(folder, "ours.gguf"), type: "Q8_0" });
  const theirs = await readTensorData(outputPath);
  const ours = await readTensorData(join(folder, "ours.gguf"));
  expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
  for (const [name, bytes] of ours)
    expect(Buffer.compare(bytes, theirs.get(name) ?? Buffer.alloc(0)), name).toBe(0);
});

it("makes a K-quant and reports tensors as they are done", async () => {
  const { inputPath, outputPath } = await tinyFile({
    hidden_size: 256,
    head_dim: 64,
    intermediate_size: 256,
  });
  const seen: number[] = [];
  const log: string[] = [];
  const made = await quantizeGguf({
    inputPath,
    outputPath,
    quantization: "Q4_K_M",
    onProgress: ({ tensor, tensorCount }) => seen.push(tensor / tensorCount),
    onLog: (line) => log.push(line),
  });
  expect(made).toMatchObject({ path: outputPath, sizeBytes: expect.any(Number) });
  expect(made.bitsPerWeight).toBeGreaterThan(4.5);
  expect(made.bitsPerWeight).toBeLessThan(7);
  expect(seen.at(-1)).toBe(1);
  expect(log.some((line) => line.includes("q4_K"))).toBe(true);
  const types = (await readGguf(outputPath)).tensors.map(({ typeId }) => typeId);
  expect(types).toContain(12);
});

it("computes the size without writing when asked for a dry run", async () => {
  const { folder, inputPath, outputPath } = await tinyFile();
  const made = await quantizeGguf({ inputPath, outputPath, quantization: "Q8_0", isDryRun: true });
  expect(made).toMatchObject({ path: null, sizeBytes: null });
  expect(made.tensorBytes).toBeGreaterThan(50_000);
  expect((await readdir(folder)).sort()).toEqual(["f32.gguf", "model"]);
});

it("loses no line of a long log", async () => {
  // 96 is no multiple of 256, so llama.cpp warns of every tensor: more than a pipe takes at once.
  const config = { hidden_size: 96, head_dim: 24, intermediate_size: 96, num_hidden_layers: 48 };
  const { modelFolder, inputPath, outputPath } = await tinyFile(config);
  const log: string[] = [];
  const made = await quantizeGguf({
    inputPath,
    outputPath,
    quantization: "Q4_K_M",
    isDryRun: true,
    onLog: (line) => log.push(line),
  });
  const { tensorBytes } = await predictGgufSize({ modelFolder, quantization: "Q4_K_M" });
  expect(Math.abs(made.tensorBytes - tensorBytes)).toBeLessThan(0.02 * 1024 ** 2);
  expect(log.filter((line) => /^\[ *\d+\/ *\d+\]/.test(line)).length).toBe(2 + 48 * 9);
});

it("ends the process and leaves nothing when aborted", async () => {
  const { folder, inputPath, outputPath } = await tinyFile({
    hidden_size: 512,
    head_dim: 128,
    intermediate_size: 2048,
  });
  const controller = new AbortController();
  const quantizing = quantizeGguf({
    inputPath,
    outputPath,
    quantization: "IQ4_XS",
    signal: controller.signal,
    onProgress: ({ tensor }) => {
      if (tensor === 3) controller.abort(new Error("enough"));
    },
  });
  await expect(quantizing).rejects.toThrow("enough");
  expect((await readdir(folder)).sort()).toEqual(["f32.gguf", "model"]);
});

it("explains an input that is quantised already", async () => {
  const { folder, inputPath, outputPath } = await tinyFile({
    hidden_size: 256,
    head_dim: 64,
    intermediate_size: 256,
  });
  await quantizeGguf({ inputPath, outputPath, quantization: "Q8_0" });
  const again = quantizeGguf({
    inputPath: outputPath,
    outputPath: join(folder, "again.gguf"),
    quantization: "Q4_K_M",
  });
  await expect(again).rejects.toMatchObject({
    code: "gguf/quantization-failed",
    reason: expect.stringMatching(/requantiz/),
  });
  expect((await readdir(folder)).sort()).toEqual(["f32.gguf", "model", "out.gguf"]);
});

it("refuses an input that is no GGUF file", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "a.gguf"), "hello");
  const quantizing = quantizeGguf({
    inputPath: join(folder, "a.gguf"),
    outputPath: join(folder, "b.gguf"),
    quantization: "Q6_K",
  });
  await expect(quantizing).rejects.toMatchObject({ code: "gguf/malformed-gguf" });
});

it.skipIf(process.platform === "win32")(
  "leaves no process behind when its own process is killed",
  async () => {
    const { folder, inputPath, outputPath } = await tinyFile({
      hidden_size: 512,
      head_dim: 128,
      intermediate_size: 2048,
    });
    const module = JSON.stringify(new URL("./quantize-gguf.ts", import.meta.url).href);
    await writeFile(
      join(folder, "quantize.mts"),
      `import { quantizeGguf } from ${module};
     const onProgress = () => process.kill(process.pid, "SIGKILL");
     await quantizeGguf({ inputPath: process.argv[2], outputPath: process.argv[3], quantization: "IQ4_XS", onProgress });`,
    );
    const killed = promisify(execFile)(process.execPath, [
      join(folder, "quantize.mts"),
      inputPath,
      outputPath,
    ]);
    await expect(killed).rejects.toMatchObject({ signal: "SIGKILL" });
    // The unfinished file stops growing once nobody writes it.
    const sizeNow = async () => {
      const name = (await readdir(folder)).find((entry) => entry.endsWith(".tmp"));
      return name === undefined ? 0 : (await stat(join(folder, name))).size;
    };
    await setTimeout(300);
    const size = await sizeNow();
    await setTimeout(300);
    expect(await sizeNow()).toBe(size);
    expect(size).toBeLessThan((await stat(inputPath)).size / 8);
  },
);
