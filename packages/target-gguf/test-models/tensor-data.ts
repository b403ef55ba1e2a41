import { readFile } from "node:fs/promises";
import { GGML_TYPES } from "../src/format/ggml-type.ts";
import { tensorDataBytes } from "../src/format/gguf-header.ts";
import { readGguf } from "../src/format/read-gguf.ts";

/** The bytes of every tensor of a small GGUF file, by name. */
export async function readTensorData(path: string): Promise<ReadonlyMap<string, Buffer>> {
  const { tensors } = await readGguf(path);
  const file = await readFile(path);
  const types = Object.values(GGML_TYPES);
  return new Map(
    tensors.map(({ name, dimensions, typeId, startByte }) => {
      const type = types.find(({ id }) => id === typeId) ?? GGML_TYPES.F32;
      return [name, file.subarray(startByte, startByte + tensorDataBytes({ name, dimensions, type }))];
    }),
  );
}
