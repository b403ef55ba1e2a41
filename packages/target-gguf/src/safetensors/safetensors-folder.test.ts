import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../test-models/temporary-folder.ts";
import { writeRawSafetensors, writeSafetensors } from "../../test-models/write-safetensors.ts";
import { openSafetensorsFolder } from "./safetensors-folder.ts";

async function openRaw(header: string, dataBytes: number) {
  const folder = await temporaryFolder();
  await writeRawSafetensors(join(folder, "model.safetensors"), header, new Uint8Array(dataBytes));
  return openSafetensorsFolder(folder);
}

const tensor = (begin: number, end: number, shape: readonly number[] = [(end - begin) / 4]) =>
  ({ dtype: "F32", shape, data_offsets: [begin, end] }) as const;

it.each([
  ["is not JSON", "{", 0, /not JSON/],
  ["is an array", "[]", 0, /not a JSON object/],
  ["has an entry that is no object", '{"a":1}', 0, /"a" is not an object/],
  ["has offsets past the data", JSON.stringify({ a: tensor(0, 16) }), 8, /holds 8 bytes/],
  ["has offsets that run backwards", JSON.stringify({ a: tensor(8, 0, [2]) }), 8, /data offsets/],
  ["has a negative offset", JSON.stringify({ a: tensor(-8, 0, [2]) }), 8, /data offsets/],
  ["has a shape that does not fill its bytes", JSON.stringify({ a: tensor(0, 8, [3]) }), 8, /needs 12 bytes/],
  ["has a fractional shape", JSON.stringify({ a: tensor(0, 8, [0.5, 4]) }), 8, /bad shape/],
  ["has overlapping tensors", JSON.stringify({ a: tensor(0, 8), b: tensor(4, 8) }), 8, /overlap/],
  ["has no dtype", JSON.stringify({ a: { shape: [2], data_offsets: [0, 8] } }), 8, /no dtype/],
])("refuses a file whose header %s", async (_, header, dataBytes, reason) => {
  const error = await openRaw(header, dataBytes).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "gguf/malformed-safetensors", reason: expect.stringMatching(reason) });
});

it("takes __proto__ for the name of a tensor like any other", async () => {
  const weights = await openRaw(`{"__proto__":${JSON.stringify(tensor(0, 8))}}`, 8);
  expect([...weights.tensors.keys()]).toEqual(["__proto__"]);
  expect(({} as Record<string, unknown>).dtype).toBeUndefined();
  await weights.close();
});

it.each([
  ["longer than the file", 1_000n],
  ["of absurd length", 2n ** 63n],
])("refuses a header %s before allocating it", async (_, length) => {
  const folder = await temporaryFolder();
  const prefix = Buffer.alloc(40);
  prefix.writeBigUInt64LE(length);
  await writeFile(join(folder, "model.safetensors"), prefix);
  await expect(openSafetensorsFolder(folder)).rejects.toMatchObject({ code: "gguf/malformed-safetensors" });
});

it.each([0, 7])("refuses a file of %i bytes", async (bytes) => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "model.safetensors"), Buffer.alloc(bytes));
  await expect(openSafetensorsFolder(folder)).rejects.toMatchObject({ code: "gguf/malformed-safetensors" });
});

it("says what to do when there are no safetensors", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "pytorch_model.bin"), "");
  await expect(openSafetensorsFolder(folder)).rejects.toMatchObject({ code: "gguf/weights-not-found" });
});

it("refuses an index that points outside the folder", async () => {
  const folder = await temporaryFolder();
  const index = { weight_map: { a: "../elsewhere.safetensors" } };
  await writeFile(join(folder, "model.safetensors.index.json"), JSON.stringify(index));
  await expect(openSafetensorsFolder(folder)).rejects.toMatchObject({ code: "gguf/malformed-safetensors" });
});

it("names the shard that is missing", async () => {
  const folder = await temporaryFolder();
  const index = { weight_map: { a: "model-00001-of-00002.safetensors" } };
  await writeFile(join(folder, "model.safetensors.index.json"), JSON.stringify(index));
  await expect(openSafetensorsFolder(folder)).rejects.toThrow(/model-00001-of-00002/);
});

it.each(["F32", "F16", "BF16"] as const)("reads any run of %s elements as float32", async (dtype) => {
  const folder = await temporaryFolder();
  const weights = Float32Array.of(0, 0.5, -1.25, 3, -0.125, 2);
  await writeSafetensors(join(folder, "model.safetensors"), [{ name: "w", shape: [2, 3], weights }], dtype);
  const opened = await openSafetensorsFolder(folder);
  const found = await opened.tensors.get("w")?.readFloat32(2, 3);
  expect(found).toEqual(Float32Array.of(-1.25, 3, -0.125));
  await opened.close();
});

it("lists integer tensors but refuses to read them as weights", async () => {
  const weights = await openRaw(
    JSON.stringify({ ids: { dtype: "I64", shape: [1], data_offsets: [0, 8] } }),
    8,
  );
  await expect(weights.tensors.get("ids")?.readFloat32(0, 1)).rejects.toMatchObject({
    code: "gguf/unsupported-dtype",
  });
  await weights.close();
});
