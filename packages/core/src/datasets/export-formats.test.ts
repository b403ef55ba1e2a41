import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkDataset } from "./check-dataset.ts";
import { createDatasets } from "./datasets.ts";
import { exportDataset } from "./export-dataset.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-export-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const TRICKY = [
  { prompt: '=SUM(A1), "quoted"', completion: "line one\nline two" },
  { prompt: " spaces ", completion: "carriage\rreturn" },
  { prompt: "U+2028 \u2028 and emoji \u{1f600}", completion: "@cmd|' /C calc'!A0" },
  { prompt: "plain", completion: "text" },
];

async function rowsOf(ref: string): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const { value } of createDatasets().read(ref)) all.push({ ...value });
  return all;
}

describe("exportDataset", () => {
  it.each(["jsonl", "parquet"])("writes %s that reads back as the same rows", async (ending) => {
    const path = join(folder, `rows.${ending}`);
    const { rows, sizeBytes, manifest } = await exportDataset(TRICKY, "sft", { path });
    expect(rows).toBe(4);
    expect(sizeBytes).toBe(readFileSync(path).length);
    expect(manifest).toBeNull();
    expect(await rowsOf(`file:${path}`)).toEqual(TRICKY);
    expect((await checkDataset(`file:${path}`, "sft")).fingerprint).toBe(
      (await checkDataset(TRICKY, "sft")).fingerprint,
    );
  });

  it("writes CSV with text and response, formulas and line breaks as they are", async () => {
    const path = join(folder, "rows.csv");
    await exportDataset(TRICKY, "sft", { path });
    expect(readFileSync(path, "utf8").split("\n")[0]).toBe("text,response");
    expect(await rowsOf(path)).toEqual(
      TRICKY.map(({ prompt, completion }) => ({ text: prompt, response: completion })),
    );
    expect((await checkDataset(path, "sft")).verdict).toBe("READY");
  });

  const chat = (question: string, answer: string) => ({
    messages: [
      { role: "user", content: question },
      { role: "assistant", content: answer },
    ],
  });

  it("keeps chats in Parquet, and turns question and answer into CSV", async () => {
    const chats = [chat("hi", "hello"), chat("bye", "see you")];
    const parquet = join(folder, "chats.parquet");
    await exportDataset(chats, "sft", { path: parquet });
    expect(await rowsOf(parquet)).toEqual(chats);
    const csv = join(folder, "chats.csv");
    await exportDataset(chats, "sft", { path: csv });
    expect(await rowsOf(csv)).toEqual([
      { text: "hi", response: "hello" },
      { text: "bye", response: "see you" },
    ]);
  });

  it("refuses to flatten what is no pair, and leaves no file", async () => {
    const long = { messages: [{ role: "system", content: "be kind" }, ...chat("hi", "hello").messages] };
    const path = join(folder, "long.csv");
    await expect(exportDataset([chat("a", "b"), long], "sft", { path })).rejects.toMatchObject({
      code: "dataset/not-flat",
      details: { row: 2 },
    });
    expect(() => readFileSync(path)).toThrow();
  });

  it("writes many row groups of Parquet", async () => {
    const rows = Array.from({ length: 25_000 }, (_, index) => ({ prompt: `q ${index}`, completion: "a" }));
    const path = join(folder, "many.parquet");
    await exportDataset(rows, "sft", { path });
    const check = await checkDataset(path, "sft");
    expect(check).toMatchObject({ verdict: "READY", rows: 25_000 });
    expect(check.fingerprint).toBe((await checkDataset(rows, "sft")).fingerprint);
  });

  it("reads other values of Parquet as JSON has them", async () => {
    const path = join(folder, "values.parquet");
    const bytes = parquetWriteBuffer({
      columnData: [
        { name: "count", data: [1n, 2n ** 60n], type: "INT64" },
        { name: "when", data: [new Date(Date.UTC(2026, 0, 2)), null], type: "TIMESTAMP" },
        { name: "score", data: [0.5, 2], type: "DOUBLE" },
        { name: "facts", data: [{ a: [1] }, null], type: "JSON" },
      ],
    });
    writeFileSync(path, Buffer.from(bytes));
    expect(await rowsOf(path)).toEqual([
      { count: 1, when: "2026-01-02T00:00:00.000Z", score: 0.5, facts: { a: [1] } },
      { count: String(2n ** 60n), when: null, score: 2, facts: null },
    ]);
    expect((await createDatasets().describe(path)).rows).toBe(2);
  });

  it("says that a damaged file is no Parquet", async () => {
    const path = join(folder, "damaged.parquet");
    await exportDataset(TRICKY, "sft", { path });
    const bytes = readFileSync(path);
    for (const [name, damaged] of [
      ["cut", bytes.subarray(0, -20)],
      ["empty", Buffer.alloc(0)],
      ["text", Buffer.from("prompt,completion\na,b\n")],
    ] as const) {
      const spoilt = join(folder, `${name}.parquet`);
      writeFileSync(spoilt, damaged);
      await expect(checkDataset(spoilt, "sft")).rejects.toMatchObject({ code: "dataset/invalid-parquet" });
    }
  });

  it("says in a manifest what the file was made from", async () => {
    const path = join(folder, "told.jsonl");
    const { sha256, check } = await exportDataset(TRICKY, "sft", { path, manifest: true });
    expect(JSON.parse(readFileSync(`${path}.manifest.json`, "utf8"))).toMatchObject({
      format: "modelops-dataset/v1",
      source: { ref: `inline:${check.fingerprint}`, fingerprint: check.fingerprint, rows: 4 },
      method: "sft",
      shape: "prompt+completion",
      file: { name: "told.jsonl", format: "jsonl", rows: 4, sha256 },
    });
  });

  it.each([{ path: "" }, { path: "x.jsonl", format: "xlsx" }])("refuses the options %j", async (options) => {
    await expect(exportDataset(TRICKY, "sft", options as never)).rejects.toMatchObject({
      code: "input/dataset-export",
    });
  });
});

describe("createDatasets", () => {
  it("names files after their content when it is given no path", async () => {
    const datasets = createDatasets({ home: folder });
    const parts = [
      { ref: TRICKY, share: 0.5 },
      { ref: TRICKY.map(({ prompt }) => ({ prompt, completion: "again" })), share: 0.5 },
    ];
    const first = await datasets.mix(parts, { seed: 1 });
    const second = await datasets.mix(parts, { seed: 1 });
    expect(second.path).toBe(first.path);
    expect(first.path).toContain(first.sha256.slice(0, 16));
    expect(await rowsOf(first.ref)).toHaveLength(8);
    const { train, evaluation } = await datasets.split(first.ref, { evaluationShare: 0.5, seed: 3 });
    expect((await rowsOf(train.ref)).length + (await rowsOf(evaluation.ref)).length).toBe(8);
    const exported = await datasets.export(first.ref, "sft", { path: join(folder, "mixed.parquet") });
    expect(exported.manifest?.source.fingerprint).toBe((await datasets.check(first.ref, "sft")).fingerprint);
  });

  it("suggests a mapping for examples and traces", async () => {
    const rows = [
      { id: "1", inputs: { question: "2+2?" }, outputs: { text: "4" }, metadata: { source: "x" } },
    ];
    const check = await createDatasets().check(rows, "sft");
    expect(check).toMatchObject({
      verdict: "NEEDS_MAPPING",
      suggestedMapping: { prompt: "{{inputs.question}}\n", completion: "outputs.text" },
    });
    expect((await createDatasets().check(rows, "sft", { mapping: check.suggestedMapping })).verdict).toBe(
      "READY",
    );
  });
});
