import assert from "node:assert/strict";
import type { DatasetRow } from "@modelops/core";
import {
  aborted,
  holdsNoSecret,
  isNullOrAtLeastZero,
  rejectsWell,
  rejectsWithReason,
  survivesJson,
} from "../kit-assertions.ts";
import type { DatasetSourceCase } from "./dataset-source-place.ts";

const AREAS = ["dataset", "hub", "langsmith"];

async function collect(rows: AsyncIterable<DatasetRow>): Promise<DatasetRow[]> {
  const all: DatasetRow[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

/** Rows as JSON has them, whatever their prototypes. */
function values(rows: readonly DatasetRow[]): unknown {
  return JSON.parse(JSON.stringify(rows.map((row) => row.value)));
}

export const DATASET_SOURCE_CASES: readonly DatasetSourceCase[] = [
  {
    name: "says which contract it keeps and which scheme it serves",
    async run({ source, ref }) {
      assert.equal(source.contract, "dataset-source/v1");
      assert.match(source.scheme, /^[a-z][a-z0-9+-]+$/);
      assert.ok(ref.startsWith(`${source.scheme}:`), `${ref} is not of the scheme ${source.scheme}`);
    },
  },
  {
    name: "gives every row once, whole and in order, each with its place",
    async run({ source, ref, rows }) {
      const read = await collect(source.read(ref));
      assert.deepEqual(values(read), rows);
      let last = 0;
      for (const { line } of read) {
        assert.ok(Number.isInteger(line) && line > last, `line ${line} comes after line ${last}`);
        last = line;
      }
    },
  },
  {
    name: "gives the same rows again, also to two readers at once",
    async run({ source, ref }) {
      const first = await collect(source.read(ref));
      const [second, third] = await Promise.all([collect(source.read(ref)), collect(source.read(ref))]);
      assert.deepEqual(second, first);
      assert.deepEqual(third, first);
    },
  },
  {
    name: "can be left in the middle and read again",
    async run({ source, ref, rows }) {
      for await (const row of source.read(ref)) {
        assert.deepEqual(values([row]), rows.slice(0, 1));
        break;
      }
      assert.equal((await collect(source.read(ref))).length, rows.length);
    },
  },
  {
    name: "hands out rows that a reader may change",
    async run({ source, ref, rows }) {
      for await (const row of source.read(ref)) {
        (row.value as Record<string, unknown>).changed = true;
      }
      const again = await collect(source.read(ref));
      assert.deepEqual(values(again), rows);
    },
  },
  {
    name: "describes the dataset with what it knows, or null",
    async run({ source, ref, rows, secrets }) {
      const description = await source.describe(ref);
      assert.equal(description.ref, ref);
      assert.ok(description.rows === null || description.rows === rows.length, `rows is ${description.rows}`);
      isNullOrAtLeastZero(description.sizeBytes, "sizeBytes");
      assert.ok(description.fingerprint.trim(), "the fingerprint is empty");
      survivesJson(description, "a description");
      holdsNoSecret(description, secrets, "the description");
    },
  },
  {
    name: "gives equal fingerprints for equal rows and another one after a change",
    async run({ source, ref, change }) {
      const before = await source.describe(ref);
      assert.equal((await source.describe(ref)).fingerprint, before.fingerprint);
      await change();
      assert.notEqual((await source.describe(ref)).fingerprint, before.fingerprint);
    },
  },
  {
    name: "gives the same rows for a pinned reference whatever happens to the dataset, if it pins",
    async run({ source, ref, rows, change }) {
      const { pinnedRef, fingerprint } = await source.describe(ref);
      if (pinnedRef === undefined || pinnedRef === null) return;
      await change();
      assert.deepEqual(values(await collect(source.read(pinnedRef))), rows);
      assert.equal((await source.describe(pinnedRef)).fingerprint, fingerprint);
    },
  },
  {
    name: "says that a dataset is not there, and does not call it empty",
    async run({ source, missingRef, secrets }) {
      await rejectsWell(source.describe(missingRef), AREAS, secrets);
      await rejectsWell(collect(source.read(missingRef)), AREAS, secrets);
    },
  },
  {
    name: "names the line of a row that cannot be parsed, after the rows before it",
    async run({ source, broken, secrets }) {
      if (broken === null) return;
      const seen: DatasetRow[] = [];
      const reading = (async () => {
        for await (const row of source.read(broken.ref)) seen.push(row);
      })();
      const error = await rejectsWell(reading, AREAS, secrets);
      const told = `${error.message} ${JSON.stringify(error.details)}`;
      assert.match(told, new RegExp(`\\b${broken.line}\\b`), `the error does not name line ${broken.line}`);
      assert.ok(
        seen.every((row) => row.line < broken.line),
        "rows after the broken one were given",
      );
    },
  },
  {
    name: "stops for a caller that has given up, before it starts and on the way",
    async run({ source, ref, rows }) {
      const { signal, reason } = aborted();
      await rejectsWithReason(source.describe(ref, { signal }), reason);
      await rejectsWithReason(collect(source.read(ref, { signal })), reason);
      const controller = new AbortController();
      let seen = 0;
      const reading = (async () => {
        for await (const _ of source.read(ref, { signal: controller.signal })) {
          seen += 1;
          controller.abort(reason);
        }
      })();
      // A batch that was read already may be given to its end.
      await reading.catch((error: unknown) => assert.equal(error, reason));
      assert.ok(seen <= rows.length);
    },
  },
];
