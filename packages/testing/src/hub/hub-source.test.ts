import { gzipSync } from "node:zlib";
import { checkDataset, type DatasetRow, datasetReader, hubSource } from "@modelops/core";
import { afterEach, describe, expect, it } from "vitest";
import { describeDatasetSource } from "../kits/dataset-source/describe-dataset-source.ts";
import { type HubSeed, type HubTwin, startHubTwin } from "./start-hub-twin.ts";

const ROWS = [
  { prompt: "eins", completion: "one", tags: ["a"] },
  { prompt: "zwei\u2028zeilig", completion: "two", nothing: null },
  { prompt: "drei", completion: "three", score: 0.5 },
];
const jsonl = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

async function start(seeds: readonly Omit<HubSeed, "type">[]): Promise<HubTwin> {
  return await startHubTwin({ repositories: seeds.map((seed) => ({ ...seed, type: "dataset" })) });
}

const sourceOf = (twin: HubTwin) =>
  hubSource({ hubUrl: twin.url, token: twin.token, viewerUrl: `${twin.url}/datasets-server` });

async function commit(twin: HubTwin, name: string, files: Readonly<Record<string, string>>): Promise<void> {
  const lines = [
    { key: "header", value: { summary: "change" } },
    ...Object.entries(files).map(([path, content]) => ({
      key: "file",
      value: { path, content: Buffer.from(content).toString("base64"), encoding: "base64" },
    })),
  ];
  const reply = await fetch(`${twin.url}/api/datasets/${name}/commit/main`, {
    method: "POST",
    headers: { authorization: `Bearer ${twin.token}`, "content-type": "application/x-ndjson" },
    body: lines.map((line) => JSON.stringify(line)).join("\n"),
  });
  expect(reply.ok).toBe(true);
}

describeDatasetSource(
  {
    name: "hubSource with files",
    async create() {
      const twin = await start([
        {
          name: "alice/rows",
          isPrivate: true,
          files: {
            "README.md": "# rows",
            "train-00000-of-00002.jsonl": jsonl(ROWS.slice(0, 2)),
            "train-00001-of-00002.jsonl": jsonl(ROWS.slice(2)),
            "test.jsonl": jsonl([{ prompt: "vier", completion: "four" }]),
          },
        },
        { name: "alice/broken", files: { "data.jsonl": `${jsonl(ROWS.slice(0, 1))}{"prompt": \n` } },
      ]);
      return {
        source: sourceOf(twin),
        ref: "hf://alice/rows",
        rows: ROWS,
        missingRef: "hf://alice/absent",
        change: () =>
          commit(twin, "alice/rows", { "train-00001-of-00002.jsonl": jsonl([{ prompt: "neu" }]) }),
        broken: { ref: "hf://alice/broken", line: 2 },
        secrets: [twin.token],
        remove: () => twin.close(),
      };
    },
  },
  { describe, it },
);

describeDatasetSource(
  {
    name: "hubSource with the dataset viewer",
    async create() {
      const twin = await start([
        { name: "alice/pictures", files: { "archive.zip": "PK" }, viewer: { default: { train: ROWS } } },
      ]);
      return {
        source: sourceOf(twin),
        ref: "hf://alice/pictures/train",
        rows: ROWS,
        missingRef: "hf://alice/pictures/test",
        change: () =>
          twin.addRepository({
            type: "dataset",
            name: "alice/pictures",
            viewer: { default: { train: [...ROWS, { prompt: "vier" }] } },
          }),
        broken: null,
        secrets: [twin.token],
        remove: () => twin.close(),
      };
    },
  },
  { describe, it },
);

describe("hubSource", () => {
  let twin: HubTwin;
  afterEach(() => twin.close());

  const read = async (ref: string) => {
    const all: DatasetRow[] = [];
    for await (const row of sourceOf(twin).read(ref)) all.push(row);
    return all.map(({ value }) => (value as { prompt: string }).prompt);
  };
  const one = (prompt: string) => jsonl([{ prompt, completion: "x" }]);

  it("finds splits by file and folder names, and takes train when none is named", async () => {
    twin = await start([
      {
        name: "alice/names",
        files: {
          "data/train.jsonl": one("train"),
          "data/dev.jsonl": one("dev"),
          "test/part.csv": "prompt,completion\ntest,x\n",
          "dataset_infos.json": "{}",
          "notes.txt": "training notes",
        },
      },
    ]);
    expect(await read("hf://alice/names")).toEqual(["train"]);
    expect(await read("hf://alice/names/validation")).toEqual(["dev"]);
    expect(await read("hf://alice/names/test")).toEqual(["test"]);
    await expect(read("hf://alice/names/holdout")).rejects.toMatchObject({
      code: "dataset/hub-split",
      details: { splits: expect.arrayContaining(["default/train", "default/validation", "default/test"]) },
    });
  });

  it("follows the card of the dataset: subsets, splits and patterns", async () => {
    twin = await start([
      {
        name: "alice/card",
        files: { "a/1.jsonl": one("a1"), "a/2.jsonl": one("a2"), "b/deep/x.jsonl": one("b") },
        facts: {
          cardData: {
            configs: [
              { config_name: "main", data_files: [{ split: "train", path: "a/*.jsonl" }] },
              { config_name: "other", data_files: [{ split: "train", path: ["b/**"] }] },
            ],
          },
        },
      },
    ]);
    expect(await read("hf://alice/card/main")).toEqual(["a1", "a2"]);
    expect(await read("hf://alice/card/other/train")).toEqual(["b"]);
    await expect(read("hf://alice/card")).rejects.toMatchObject({ code: "dataset/hub-split" });
  });

  it("reads a pinned revision, packed files, and one kind of file where the rows are there twice", async () => {
    const big = jsonl([{ prompt: "jsonl", completion: "x".repeat(200) }]);
    twin = await start([
      { name: "alice/pinned", files: { "train.jsonl": one("first") } },
      {
        name: "alice/packed",
        files: { "train.jsonl.gz": gzipSync(one("packed")), "train.csv": "prompt,completion\n" },
      },
      { name: "alice/twice", files: { "train.jsonl": big, "train.csv": "prompt,completion\ncsv,x\n" } },
    ]);
    const info = await fetch(`${twin.url}/api/datasets/alice/pinned`).then((reply) => reply.json());
    const { sha } = info as { sha: string };
    await commit(twin, "alice/pinned", { "train.jsonl": one("second") });
    expect(await read("hf://alice/pinned")).toEqual(["second"]);
    expect(await read(`hf://alice/pinned@${sha}`)).toEqual(["first"]);
    expect(await read("hf://alice/packed")).toEqual(["packed"]);
    expect(await read("hf://alice/twice")).toEqual(["jsonl"]);
  });

  it("reports bad lines of any file with a number that goes on through the files", async () => {
    twin = await start([
      {
        name: "alice/parts",
        files: { "train-0.jsonl": `${one("a")}${one("b")}`, "train-1.jsonl": `${one("c")}nonsense\n` },
      },
    ]);
    const reader = datasetReader([sourceOf(twin)]);
    const check = await checkDataset("hf://alice/parts", "sft", { reader });
    expect(check.findings[0]).toMatchObject({ code: "invalid-json", examples: [{ line: 4 }] });
  });

  it.each([
    ["hf://../../etc/passwd", "hub/invalid-repository"],
    ["hf://alice", "hub/invalid-repository"],
    ["hf://alice/..%2f..%2fsecrets", "hub/invalid-repository"],
    ["hf://alice/names/a/b/c", "dataset/hub-split"],
  ])("refuses %s", async (ref, code) => {
    twin = await start([{ name: "alice/names", files: { "train.jsonl": one("x") } }]);
    await expect(read(ref)).rejects.toMatchObject({ code });
  });

  it("needs no token for public datasets, and says what is wrong with private and gated ones", async () => {
    const files = { "train.jsonl": one("x") };
    twin = await start([
      { name: "alice/open", files },
      { name: "alice/hidden", files, isPrivate: true },
      { name: "alice/gate", files, gated: "manual" },
    ]);
    const source = hubSource({ hubUrl: twin.url, token: "" });
    expect((await source.describe("hf://alice/open")).rows).toBeNull();
    for (const name of ["hidden", "gate"]) {
      const reading = (async () => {
        for await (const _ of source.read(`hf://alice/${name}`));
      })();
      await expect(reading).rejects.toMatchObject({ code: "hub/no-access" });
    }
  });

  it("never takes rows that the viewer cut", async () => {
    const rows = [{ prompt: "x".repeat(200_000) }];
    twin = await start([
      { name: "alice/long", files: { "a.zip": "PK" }, viewer: { default: { train: rows } } },
    ]);
    await expect(read("hf://alice/long")).rejects.toMatchObject({ code: "dataset/hub-incomplete" });
  });

  it("reads more rows than the viewer shows at once", async () => {
    const rows = Array.from({ length: 250 }, (_, index) => ({ prompt: `row ${index}` }));
    twin = await start([
      { name: "alice/many", files: { "a.zip": "PK" }, viewer: { default: { train: rows } } },
    ]);
    expect(await read("hf://alice/many")).toEqual(rows.map(({ prompt }) => prompt));
  });
});
