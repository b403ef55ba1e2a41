import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { temporaryFolder } from "../../test-models/temporary-folder.ts";
import { writeTinyModel } from "../../test-models/tiny-model.ts";
import { convertToGguf } from "../conversion/convert-to-gguf.ts";
import { quantizeGguf } from "../quantization/quantize-gguf.ts";
import { gguf } from "../target/gguf-target.ts";
import { openGgufChatModel } from "./gguf-chat-model.ts";

vi.mock("node-llama-cpp", () => {
  throw new Error("Cannot find package");
});
vi.mock("../quantization/llama-library.ts", () => ({ findLlamaLibraries: () => null }));

async function tinyFile() {
  const folder = await temporaryFolder();
  const modelFolder = join(folder, "model");
  const modelPath = join(folder, "model.gguf");
  await writeTinyModel(modelFolder);
  await convertToGguf({ modelFolder, outputPath: modelPath });
  return { folder, modelFolder, modelPath };
}

it("converts without the optional packages, and names the one that serving needs", async () => {
  const { modelPath } = await tinyFile();
  const expected = { code: "gguf/package-missing", fix: "install it: npm install node-llama-cpp" };
  await expect(openGgufChatModel({ modelPath })).rejects.toMatchObject(expected);
  // A failed first load must not be remembered.
  await expect(openGgufChatModel({ modelPath })).rejects.toMatchObject(expected);
});

it("names the package that quantising needs", async () => {
  const { folder, modelPath } = await tinyFile();
  const quantizing = quantizeGguf({
    inputPath: modelPath,
    outputPath: join(folder, "q.gguf"),
    quantization: "Q6_K",
  });
  await expect(quantizing).rejects.toMatchObject({ code: "gguf/package-missing" });
});

it("is a problem that check() reports", async () => {
  const { folder, modelFolder } = await tinyFile();
  const target = gguf({ folder });
  const check = await target.check({ modelId: modelFolder, agent: "a", version: "v1.0.0", artifact: null });
  expect(check.canServe).toBe(false);
  expect(check.problems[0]?.fix).toContain("node-llama-cpp");
});
