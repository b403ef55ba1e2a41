import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DatasetRow, type DatasetSource, fileSource } from "@modelops/core";
import { describe, expect, it } from "vitest";
import { type KitFactory, runKitCase } from "../kit-case.ts";
import type { DatasetSourcePlace } from "./dataset-source-place.ts";
import { datasetSourceCases, describeDatasetSource } from "./describe-dataset-source.ts";

const ROWS = [
  { prompt: "eins", completion: "one", tags: ["a"] },
  { prompt: "zwei\nzeilig", completion: "two" },
  { prompt: "drei", completion: "three", score: 0.5, nothing: null },
];

const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

const files = (
  spoil: (source: DatasetSource) => Partial<DatasetSource> = () => ({}),
): KitFactory<DatasetSourcePlace> => ({
  name: "fileSource with JSON lines",
  create() {
    const folder = mkdtempSync(join(tmpdir(), "modelops-kit-"));
    writeFileSync(join(folder, "train.jsonl"), lines(ROWS));
    writeFileSync(
      join(folder, "broken.jsonl"),
      `${lines(ROWS.slice(0, 1))}{"prompt": \n${lines(ROWS.slice(1))}`,
    );
    const source = fileSource({ folder });
    return {
      source: { ...source, ...spoil(source) },
      ref: "file:train.jsonl",
      rows: ROWS,
      missingRef: "file:absent.jsonl",
      change: () => appendFileSync(join(folder, "train.jsonl"), '{"prompt":"vier"}\n'),
      broken: { ref: "file:broken.jsonl", line: 2 },
      secrets: [],
      remove: () => rmSync(folder, { recursive: true }),
    };
  },
});

const csv: KitFactory<DatasetSourcePlace> = {
  name: "fileSource with CSV",
  create() {
    const folder = mkdtempSync(join(tmpdir(), "modelops-kit-"));
    writeFileSync(join(folder, "train.csv"), 'prompt,completion\neins,one\n"zwei\nzeilig",two\ndrei,three\n');
    writeFileSync(join(folder, "broken.csv"), "prompt,completion\neins,one\nzwei,two,and more\n");
    return {
      source: fileSource({ folder }),
      ref: "file:train.csv",
      rows: [
        { prompt: "eins", completion: "one" },
        { prompt: "zwei\nzeilig", completion: "two" },
        { prompt: "drei", completion: "three" },
      ],
      missingRef: "file:absent.csv",
      change: () => appendFileSync(join(folder, "train.csv"), "vier,four\n"),
      broken: { ref: "file:broken.csv", line: 3 },
      secrets: [],
      remove: () => rmSync(folder, { recursive: true }),
    };
  },
};

describeDatasetSource(files(), { describe, it });
describeDatasetSource(csv, { describe, it });

const reading = (change: (rows: AsyncIterable<DatasetRow>) => AsyncIterable<DatasetRow>) =>
  files((source) => ({ read: (ref, options) => change(source.read(ref, options)) }));

const HABITS: readonly {
  readonly habit: string;
  readonly source: KitFactory<DatasetSourcePlace>;
  readonly caughtBy: RegExp;
}[] = [
  {
    habit: "serves another scheme than it says",
    source: files(() => ({ scheme: "hf" })),
    caughtBy: /which scheme/,
  },
  {
    habit: "drops nulls",
    source: reading(async function* (rows) {
      for await (const row of rows) {
        yield {
          ...row,
          value: Object.fromEntries(Object.entries(row.value).filter(([, value]) => value !== null)),
        };
      }
    }),
    caughtBy: /whole and in order|may change/,
  },
  {
    habit: "numbers rows from zero",
    source: reading(async function* (rows) {
      for await (const row of rows) yield { ...row, line: row.line - 1 };
    }),
    caughtBy: /each with its place/,
  },
  {
    habit: "shares one position among readers",
    source: files((source) => {
      const open = new Map<string, AsyncIterator<DatasetRow>>();
      return {
        async *read(ref, options) {
          const rows = open.get(ref) ?? source.read(ref, options)[Symbol.asyncIterator]();
          open.set(ref, rows);
          for (let next = await rows.next(); !next.done; next = await rows.next()) yield next.value;
          open.delete(ref);
        },
      };
    }),
    caughtBy: /two readers at once|left in the middle|given up/,
  },
  {
    habit: "hands out the rows it keeps",
    source: files((source) => {
      const kept: DatasetRow[] = [];
      return {
        async *read(ref, options) {
          if (ref.includes("train") && kept.length > 0) {
            options?.signal?.throwIfAborted();
            yield* kept;
            return;
          }
          for await (const row of source.read(ref, options)) {
            if (ref.includes("train")) kept.push(row);
            yield row;
          }
        },
      };
    }),
    caughtBy: /may change|left in the middle/,
  },
  {
    habit: "guesses the number of rows",
    source: files((source) => ({
      describe: async (...given) => ({ ...(await source.describe(...given)), rows: 1000 }),
    })),
    caughtBy: /with what it knows/,
  },
  {
    habit: "takes the name for the fingerprint",
    source: files((source) => ({
      describe: async (ref, options) => ({ ...(await source.describe(ref, options)), fingerprint: ref }),
    })),
    caughtBy: /after a change/,
  },
  {
    habit: "pins what it does not keep",
    source: files((source) => ({
      describe: async (ref, options) => ({ ...(await source.describe(ref, options)), pinnedRef: ref }),
    })),
    caughtBy: /pinned reference/,
  },
  {
    habit: "calls a missing dataset empty",
    source: files((source) => ({
      async *read(ref, options) {
        if (!ref.includes("absent")) yield* source.read(ref, options);
      },
    })),
    caughtBy: /not there/,
  },
  {
    habit: "leaves out rows it cannot parse",
    source: files((source) => ({
      async *read(ref, options) {
        yield* source.read(ref.replace("broken", "train"), options);
      },
    })),
    caughtBy: /cannot be parsed/,
  },
  {
    habit: "knows no signals",
    source: files((source) => ({ read: (ref) => source.read(ref), describe: (ref) => source.describe(ref) })),
    caughtBy: /given up/,
  },
];

describe("a dataset source with one bad habit", () => {
  const caught = new Set<string>();

  it.each(HABITS)("is caught when it $habit", async ({ source, caughtBy }) => {
    const failed: string[] = [];
    for (const kitCase of datasetSourceCases) {
      await runKitCase(kitCase, source).catch(() => failed.push(kitCase.name));
    }
    expect(failed).not.toEqual([]);
    for (const name of failed) expect(name).toMatch(caughtBy);
    for (const name of failed) caught.add(name);
  });

  it("has been found by every case at least once, so that none passes whatever happens", () => {
    expect(datasetSourceCases.map(({ name }) => name).filter((name) => !caught.has(name))).toEqual([]);
  });
});
