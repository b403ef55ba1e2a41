import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { datasetReader } from "./dataset-reference.ts";
import { exportDataset } from "./export-dataset.ts";
import type { BatchSource } from "./sources/file-source.ts";
import { readJsonl } from "./sources/jsonl.ts";

const ROWS_PER_CHUNK = 1000;
const FEW = 20_000;
const MANY = 120_000;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** What is alive: garbage that waits to be collected says nothing. */
function livingBytes(): { readonly heap: number; readonly buffers: number } {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, buffers: arrayBuffers };
}

/** Rows of which some have each kind of finding that a long dataset may have a hundred thousand times. */
function lineOf(row: number): string {
  const place = row % 50 === 7 ? row - 1 : row;
  const prompt = `${place}: please order ${"a parcel ".repeat(8)}${row % 10 === 0 ? `for person${row}@acme.io` : ""}`;
  const completion = row % 10 === 3 ? `{"tool":${row}` : row % 10 === 4 ? " " : `{"tool":${place}}`;
  return JSON.stringify({ prompt, completion, source: "made" });
}

it("a check with export keeps no row: what is alive after 120,000 rows is what was after 20,000", async () => {
  const folder = await mkdtemp(join(tmpdir(), "modelops-memory-"));
  const living = new Map<number, ReturnType<typeof livingBytes>>();
  async function* chunks() {
    for (let row = 0; row < MANY; row += ROWS_PER_CHUNK) {
      if (row === FEW) living.set(FEW, livingBytes());
      yield Buffer.from(
        Array.from({ length: ROWS_PER_CHUNK }, (_, index) => `${lineOf(row + index)}\n`).join(""),
      );
    }
    living.set(MANY, livingBytes());
  }
  const source: BatchSource = {
    contract: "dataset-source/v1",
    scheme: "made",
    batches: (ref) => readJsonl(chunks(), ref, { maxLineBytes: 1 << 20 }),
    read: () => {
      throw new Error("read in batches");
    },
    describe: () => Promise.reject(new Error("not asked for")),
  };
  try {
    const { rows, check } = await exportDataset("made:rows", "sft", {
      path: join(folder, "out.jsonl"),
      reader: datasetReader([source]),
      dropInvalidRows: true,
      maxLength: 33,
    });
    expect(rows).toBe((MANY / 10) * 9);
    expect(check.findings.map(({ code }) => code).sort()).toEqual([
      "broken-json",
      "duplicate-row",
      "email-address",
      "empty-field",
      "row-too-long",
    ]);
    expect(Math.min(...check.findings.map(({ count }) => count))).toBeGreaterThan(MANY / 100);
  } finally {
    await rm(folder, { recursive: true });
  }
  const [few, many] = [living.get(FEW), living.get(MANY)];
  if (!few || !many) throw new Error("nothing was measured");
  // A row kept alone would be 100 bytes or more.
  expect((many.heap - few.heap) / (MANY - FEW)).toBeLessThan(10);
  // A hash of 8 bytes per row, in a table that is a quarter full after it has grown.
  expect((many.buffers - few.buffers) / (MANY - FEW)).toBeLessThan(40);
}, 60_000);
