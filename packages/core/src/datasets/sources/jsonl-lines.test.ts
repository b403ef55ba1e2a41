import { expect, it } from "vitest";
import { byteLines } from "./jsonl-lines.ts";

const MEBIBYTE = 1024 * 1024;

it("passes over a line of five gigabytes without keeping it, and reads the next", async () => {
  const filler = Buffer.alloc(4 * MEBIBYTE, "x");
  const times = 1280;
  let peakBytes = 0;
  async function* endless() {
    yield Buffer.from("first\n");
    for (let time = 0; time < times; time += 1) {
      yield filler;
      if (time % 16 === 0) peakBytes = Math.max(peakBytes, process.memoryUsage().arrayBuffers);
    }
    yield Buffer.from("\nlast");
  }
  const before = process.memoryUsage().arrayBuffers;
  const lines: { line: number; text: string | null; sizeBytes: number }[] = [];
  for await (const batch of byteLines(endless(), { maxLineBytes: 32 * MEBIBYTE }))
    for (const { line, content, sizeBytes } of batch)
      lines.push({ line, text: content === null ? null : String(content), sizeBytes });
  expect(lines).toEqual([
    { line: 1, text: "first", sizeBytes: 5 },
    { line: 2, text: null, sizeBytes: times * filler.length },
    { line: 3, text: "last", sizeBytes: 4 },
  ]);
  expect(peakBytes - before).toBeLessThan(128 * MEBIBYTE);
});

it("joins lines over the borders of chunks that share one buffer", async () => {
  const shared = Buffer.alloc(4);
  async function* chunks() {
    for (const text of ["ab\nc", "defg", "h\n\nij"]) {
      for (let at = 0; at < text.length; at += 4) {
        const size = shared.write(text.slice(at, at + 4));
        yield shared.subarray(0, size);
      }
    }
  }
  const lines: string[] = [];
  for await (const batch of byteLines(chunks(), { maxLineBytes: 100 }))
    for (const { content } of batch) lines.push(String(content));
  expect(lines).toEqual(["ab", "cdefgh", "", "ij"]);
});
