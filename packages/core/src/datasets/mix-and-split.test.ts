import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mixDatasets } from "./mix-datasets.ts";
import { splitDataset } from "./split-dataset.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-mix-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const rows = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ prompt: `${name} ${index}`, completion: "x" }));
const read = (path: string): { prompt: string }[] =>
  readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("splitDataset", () => {
  it("puts every row on one side, repeats together, about as asked, and the same way each time", async () => {
    const all = [...rows("row", 2000), ...rows("row", 2000)];
    const options = {
      trainPath: join(folder, "train.jsonl"),
      evaluationPath: join(folder, "evaluation.jsonl"),
      evaluationShare: 0.2,
    };
    const first = await splitDataset(all, options);
    const [train, evaluation] = [read(options.trainPath), read(options.evaluationPath)];
    expect(train.length + evaluation.length).toBe(4000);
    const held = new Set(evaluation.map((row) => row.prompt));
    expect(train.filter((row) => held.has(row.prompt))).toEqual([]);
    expect(evaluation.length / 4000).toBeGreaterThan(0.17);
    expect(evaluation.length / 4000).toBeLessThan(0.23);
    expect(await splitDataset(all, options)).toEqual(first);
    expect((await splitDataset(all, { ...options, seed: 7 })).evaluation.sha256).not.toBe(
      first.evaluation.sha256,
    );
  });

  it.each([0, 1, -1, Number.NaN])("refuses the share %d", async (evaluationShare) => {
    const options = { trainPath: join(folder, "a"), evaluationPath: join(folder, "b"), evaluationShare };
    await expect(splitDataset(rows("row", 2), options)).rejects.toMatchObject({
      code: "input/dataset-split",
    });
  });
});

describe("mixDatasets", () => {
  const parts = [
    { ref: rows("new", 400), share: 0.8 },
    { ref: rows("old", 1000), share: 0.2 },
  ];

  it("keeps the shares exactly, takes no row twice, mixes them evenly, the same way each time", async () => {
    const path = join(folder, "mixed.jsonl");
    const first = await mixDatasets(parts, { path });
    expect(first).toMatchObject({
      rows: 500,
      parts: [
        { rows: 400, available: 400 },
        { rows: 100, available: 1000 },
      ],
    });
    const mixed = read(path).map((row) => row.prompt);
    expect(new Set(mixed).size).toBe(500);
    const firstHalf = mixed.slice(0, 250).filter((prompt) => prompt.startsWith("old")).length;
    expect(firstHalf).toBeGreaterThan(35);
    expect(firstHalf).toBeLessThan(65);
    expect((await mixDatasets(parts, { path })).sha256).toBe(first.sha256);
    expect((await mixDatasets(parts, { path, seed: 1 })).sha256).not.toBe(first.sha256);
  });

  it("chooses from the whole of a part, not from its beginning", async () => {
    const path = join(folder, "few.jsonl");
    await mixDatasets(parts, { path, rows: 100 });
    const old = read(path)
      .map((row) => row.prompt)
      .filter((prompt) => prompt.startsWith("old"))
      .map((prompt) => Number(prompt.slice(4)));
    expect(old).toHaveLength(20);
    expect(Math.max(...old)).toBeGreaterThan(700);
  });

  it("refuses what cannot be made, and leaves no file", async () => {
    const path = join(folder, "never.jsonl");
    await expect(mixDatasets(parts, { path, rows: 501 })).rejects.toMatchObject({
      code: "dataset/too-few-rows",
    });
    await expect(mixDatasets([{ ref: rows("a", 3), share: 0.5 }], { path })).rejects.toMatchObject({
      code: "input/dataset-mix",
    });
    await expect(mixDatasets([{ ref: [], share: 1 }], { path })).rejects.toMatchObject({
      code: "dataset/too-few-rows",
    });
    expect(existsSync(path)).toBe(false);
  });
});
