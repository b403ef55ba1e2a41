import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gguf } from "@huggingface/gguf";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../test-models/temporary-folder.ts";
import { GGML_TYPES } from "./ggml-type.ts";
import { bool, float32, type GgufMetadata, int32s, string, strings, uint32 } from "./gguf-value.ts";
import { readGguf } from "./read-gguf.ts";
import { type GgufTensor, writeGguf } from "./write-gguf.ts";

const METADATA: GgufMetadata = new Map([
  ["general.architecture", string("llama")],
  ["general.name", string("Grüße 🚀")],
  ["llama.block_count", uint32(4_294_967_295)],
  ["llama.rope.freq_base", float32(0.5)],
  ["tokenizer.ggml.add_bos_token", bool(true)],
  ["tokenizer.ggml.tokens", strings(["Ġa", "", "\u0000"])],
  ["tokenizer.ggml.token_type", int32s([1, -1])],
  ["tokenizer.ggml.merges", strings([])],
]);

function tensorOf(name: string, dimensions: readonly number[], pieces: readonly Uint8Array[]): GgufTensor {
  return {
    name,
    dimensions,
    type: GGML_TYPES.F32,
    data: async function* () {
      yield* pieces;
    },
  };
}

const bytes = (count: number, fill: number) => new Uint8Array(count).fill(fill);

it("writes what an independent parser reads back, values and types", async () => {
  const path = join(await temporaryFolder(), "a.gguf");
  const tensors = [
    tensorOf("first", [3], [bytes(4, 1), bytes(8, 2)]),
    tensorOf("second", [2, 2], [bytes(16, 3)]),
  ];
  const sizeBytes = await writeGguf({ path, metadata: METADATA, tensors });

  const { metadata, tensorInfos, tensorDataOffset } = await gguf(path, { allowLocalFile: true });
  expect(metadata).toMatchObject({
    version: 3,
    "general.name": "Grüße 🚀",
    "llama.block_count": 4_294_967_295,
    "llama.rope.freq_base": 0.5,
    "tokenizer.ggml.add_bos_token": true,
    "tokenizer.ggml.tokens": ["Ġa", "", "\u0000"],
    "tokenizer.ggml.token_type": [1, -1],
    "tokenizer.ggml.merges": [],
  });
  expect(tensorInfos.map(({ name, shape, offset }) => ({ name, shape, offset }))).toEqual([
    { name: "first", shape: [3n], offset: 0n },
    { name: "second", shape: [2n, 2n], offset: 32n },
  ]);
  expect(Number(tensorDataOffset) % 32).toBe(0);
  const file = await readFile(path);
  expect(file.length).toBe(sizeBytes);
  const data = file.subarray(Number(tensorDataOffset));
  expect([...data.subarray(0, 12)]).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2]);
  expect([...data.subarray(32, 48)]).toEqual([...bytes(16, 3)]);
});

it("reads its own metadata back with the same types", async () => {
  const path = join(await temporaryFolder(), "a.gguf");
  await writeGguf({ path, metadata: METADATA, tensors: [] });
  expect((await readGguf(path)).metadata).toEqual(METADATA);
});

it("writes headers of any length: the vocabulary of a real model", async () => {
  const path = join(await temporaryFolder(), "a.gguf");
  const tokens = Array.from({ length: 150_000 }, (_, id) => `Ġtoken${id}`);
  const metadata: GgufMetadata = new Map([
    ["general.architecture", string("llama")],
    ["tokenizer.ggml.tokens", strings(tokens)],
    ["tokenizer.ggml.token_type", int32s(tokens.map((_, id) => id))],
    ["long", string("x".repeat(300_000))],
  ]);
  await writeGguf({ path, metadata, tensors: [] });
  const read = (await readGguf(path)).metadata;
  expect(read.get("tokenizer.ggml.tokens")?.value).toEqual(tokens);
  expect(read.get("tokenizer.ggml.token_type")?.value).toEqual(tokens.map((_, id) => id));
});

it("leaves neither the file nor a temporary one when a tensor fails", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "a.gguf"), "the file from before");
  const failing: GgufTensor = {
    ...tensorOf("x", [8], []),
    data: async function* () {
      yield bytes(16, 0);
      throw new Error("the source broke");
    },
  };
  await expect(
    writeGguf({ path: join(folder, "a.gguf"), metadata: METADATA, tensors: [failing] }),
  ).rejects.toThrow("broke");
  expect(await readdir(folder)).toEqual(["a.gguf"]);
  expect(await readFile(join(folder, "a.gguf"), "utf8")).toBe("the file from before");
});

it("refuses a tensor that gives another number of bytes than its header says", async () => {
  const path = join(await temporaryFolder(), "a.gguf");
  const tensors = [tensorOf("x", [8], [bytes(16, 0)])];
  await expect(writeGguf({ path, metadata: METADATA, tensors })).rejects.toMatchObject({
    code: "gguf/tensor-size-mismatch",
  });
});

it("stops between pieces when aborted", async () => {
  const folder = await temporaryFolder();
  const controller = new AbortController();
  const endless: GgufTensor = {
    ...tensorOf("x", [1_000_000], []),
    data: async function* () {
      for (let piece = 0; piece < 1_000; piece += 1) {
        if (piece === 3) controller.abort();
        yield bytes(4_000, 0);
      }
    },
  };
  const writing = writeGguf({
    path: join(folder, "a.gguf"),
    metadata: METADATA,
    tensors: [endless],
    signal: controller.signal,
  });
  await expect(writing).rejects.toThrow(/aborted/);
  expect(await readdir(folder)).toEqual([]);
});

it("refuses to begin what the disk cannot hold", async () => {
  const path = join(await temporaryFolder(), "a.gguf");
  const tensors = [tensorOf("x", [2 ** 45], [])];
  await expect(writeGguf({ path, metadata: METADATA, tensors })).rejects.toMatchObject({
    code: "gguf/disk-full",
  });
});

// A file-size limit makes write() fail half-way, as a full disk does, without needing a disk of one's own.
it.skipIf(process.platform === "win32")(
  "says that the disk is full and leaves nothing when it fills up half-way",
  async () => {
    const folder = await temporaryFolder();
    const script = join(folder, "write.mts");
    const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
    await writeFile(
      script,
      `import { writeGguf } from ${module("./write-gguf.ts")};
     import { GGML_TYPES } from ${module("./ggml-type.ts")};
     const data = async function* () { for (let i = 0; i < 100; i += 1) yield new Uint8Array(40_000); };
     const tensors = [{ name: "x", dimensions: [1_000_000], type: GGML_TYPES.F32, data }];
     await writeGguf({ path: process.argv[2], metadata: new Map(), tensors }).catch((error) => console.log(error.code));`,
    );
    await writeFile(join(folder, "only-me"), "");
    const command = `ulimit -f 1000 && exec "${process.execPath}" "${script}" "${join(folder, "a.gguf")}"`;
    const { stdout } = await promisify(execFile)("sh", ["-c", command]);
    expect(stdout.trim()).toBe("gguf/disk-full");
    expect((await readdir(folder)).sort()).toEqual(["only-me", "write.mts"]);
  },
);
