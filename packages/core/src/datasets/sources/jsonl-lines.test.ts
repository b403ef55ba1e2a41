import { expect, it } from "vitest";
import { readJsonl } from "./jsonl.ts";
import { lineBlocks } from "./jsonl-lines.ts";

const MEBIBYTE = 1024 * 1024;

it("passes over a line of five gigabytes without keeping it, and reads the next", async () => {
  const filler = Buffer.alloc(4 * MEBIBYTE, "x");
  const times = 1280;
  let peakBytes = 0;
  async function* endless() {
    yield Buffer.from('{"text":"first"}\n');
    for (let time = 0; time < times; time += 1) {
      yield filler;
      if (time % 16 === 0) peakBytes = Math.max(peakBytes, process.memoryUsage().arrayBuffers);
    }
    yield Buffer.from('\n{"text":"last"}');
  }
  const before = process.memoryUsage().arrayBuffers;
  const problems: { line: number; code: string; message: string }[] = [];
  const rows: unknown[] = [];
  const options = { maxLineBytes: 32 * MEBIBYTE, onProblem: problems.push.bind(problems) as never };
  for await (const batch of readJsonl(endless(), "file:endless.jsonl", options))
    for (const { line, value } of batch) rows.push([line, value]);
  expect(rows).toEqual([
    [1, { text: "first" }],
    [3, { text: "last" }],
  ]);
  expect(problems).toMatchObject([{ line: 2, code: "dataset/line-too-long" }]);
  expect(problems[0]?.message).toContain(String(times * filler.length));
  expect(peakBytes - before).toBeLessThan(128 * MEBIBYTE);
});

async function* inPieces(content: Buffer, size: number) {
  const shared = Buffer.alloc(size);
  for (let at = 0; at < content.length; at += size)
    yield shared.subarray(0, content.copy(shared, 0, at, at + size));
}

it.each([1, 2, 3, 7, 64])(
  "gives the same lines however the bytes arrive (%d at a time, one buffer)",
  async (size) => {
    const content = Buffer.from("\ufeffab\r\nc\u2028defgh\n\nüñ\nij");
    const blocks: string[] = [];
    for await (const block of lineBlocks(inPieces(content, size), { maxLineBytes: 100 }))
      blocks.push(String(block.content));
    expect(blocks.join("\n")).toBe(String(content));
  },
);

it("cuts large chunks into blocks at line breaks, also where one line is longer than a block", async () => {
  const lines = Array.from({ length: 3000 }, (_, index) => "x".repeat(index === 1500 ? 90_000 : index % 97));
  const blocks: string[] = [];
  for await (const { content } of lineBlocks(inPieces(Buffer.from(`${lines.join("\n")}\n`), 128 * 1024), {
    maxLineBytes: MEBIBYTE,
  }))
    blocks.push(String(content));
  expect(blocks.join("\n").split("\n")).toEqual(lines);
  expect(blocks.filter((block) => block.length > 40_000)).toHaveLength(1);
});

it("names each bad line by its own number, wherever the pieces end", async () => {
  const lines = [
    '\ufeff{"a":1}\r',
    "",
    '{"a":2}',
    Buffer.from([0x7b, 0xff, 0x7d]),
    "nonsense",
    "7",
    `{"a":"${"x".repeat(90)}"}`,
    `{"a":"${"ü".repeat(45)}"}`,
    '{"a":3}',
  ];
  const content = Buffer.concat(lines.flatMap((line) => [Buffer.from(line as string), Buffer.from("\n")]));
  for (const size of [1, 5, 33, 1000]) {
    const problems: [number, string][] = [];
    const rows: number[] = [];
    const onProblem = ({ line, code }: { line: number; code: string }) => problems.push([line, code]);
    for await (const batch of readJsonl(inPieces(content, size), "x", { maxLineBytes: 64, onProblem }))
      rows.push(...batch.map(({ line }) => line));
    expect(rows).toEqual([1, 3, 9]);
    expect(problems).toEqual([
      [4, "dataset/invalid-utf8"],
      [5, "dataset/invalid-json"],
      [6, "dataset/row-not-object"],
      [7, "dataset/line-too-long"],
      [8, "dataset/line-too-long"],
    ]);
  }
});
