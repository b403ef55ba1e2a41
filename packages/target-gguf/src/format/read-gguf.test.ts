import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../test-models/temporary-folder.ts";
import { writeTinyModel } from "../../test-models/tiny-model.ts";
import { convertToGguf } from "../conversion/convert-to-gguf.ts";
import { readGguf } from "./read-gguf.ts";

const TENSOR_COUNT_AT = 8;
const KEY_COUNT_AT = 16;
const FIRST_KEY_LENGTH_AT = 24;

const overwrite = (at: number, value: bigint) => (file: Buffer) => {
  file.writeBigUInt64LE(value, at);
  return file;
};

it.each([
  ["is empty", () => Buffer.alloc(0)],
  ["is something else", () => Buffer.from("this is a text, not a model file")],
  ["ends in its header", (file: Buffer) => file.subarray(0, 3_000)],
  ["ends in its tensors", (file: Buffer) => file.subarray(0, file.length - 300)],
  ["claims 2^40 tensors", overwrite(TENSOR_COUNT_AT, 2n ** 40n)],
  ["claims 2^60 keys", overwrite(KEY_COUNT_AT, 2n ** 60n)],
  ["claims a key of 2^60 bytes", overwrite(FIRST_KEY_LENGTH_AT, 2n ** 60n)],
])("refuses a file that %s", async (_, damage) => {
  const folder = await temporaryFolder();
  const path = join(folder, "model.gguf");
  await writeTinyModel(join(folder, "model"));
  await convertToGguf({ modelFolder: join(folder, "model"), outputPath: path });
  await writeFile(path, damage(await readFile(path)));
  await expect(readGguf(path)).rejects.toMatchObject({ code: "gguf/malformed-gguf" });
});

it("refuses a file that is not there", async () => {
  await expect(readGguf(join(await temporaryFolder(), "none.gguf"))).rejects.toMatchObject({
    code: "gguf/malformed-gguf",
  });
});
