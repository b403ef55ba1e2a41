import type { DatasetRow, DatasetSource, EvaluationExample } from "../contract/dataset-source.ts";
import { completeReference } from "../datasets/dataset-reference.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { exampleFromRow, type ReadExample } from "./example.ts";
import { callHostFunction } from "./host-function.ts";

/** A reference such as `file:held-out.jsonl`, or the examples themselves. */
export type EvaluationDataset = string | readonly EvaluationExample[];

/** Turns a row of another shape into an example. */
export type MapRow = (row: Readonly<Record<string, unknown>>, line: number) => EvaluationExample;

/** Examples that can be read twice: once to check them, once to run them. */
export interface OpenedDataset {
  /** Pinned to a version once the fingerprint was asked for, where the source keeps versions; null for inline examples. */
  readonly ref: string | null;
  /** The source's own fingerprint; null for inline examples. */
  fingerprint(signal: AbortSignal): Promise<string | null>;
  read(signal: AbortSignal): Iterable<ReadExample> | AsyncIterable<ReadExample>;
}

export function openDataset(options: {
  readonly dataset: EvaluationDataset;
  readonly sources: readonly DatasetSource[];
  readonly mapRow?: MapRow;
}): OpenedDataset {
  const { dataset, mapRow } = options;
  if (typeof dataset !== "string") {
    return { ref: null, fingerprint: async () => null, read: () => readInline(dataset) };
  }
  const given = completeReference(dataset);
  const source = sourceFor(given, options.sources);
  let pinned: { readonly ref: string; readonly fingerprint: string } | null = null;
  return {
    get ref() {
      return pinned?.ref ?? given;
    },
    async fingerprint(signal) {
      // Rows at a version never change: they need not be read again to know.
      if (pinned) return pinned.fingerprint;
      const { fingerprint, pinnedRef } = await source.describe(given, { signal });
      if (pinnedRef) pinned = { ref: pinnedRef, fingerprint };
      return fingerprint;
    },
    read: (signal) => readRows(source.read(pinned?.ref ?? given, { signal }), mapRow),
  };
}

function* readInline(examples: readonly EvaluationExample[]): Generator<ReadExample> {
  let line = 0;
  for (const example of examples) {
    line += 1;
    yield exampleFromRow({ line, value: example as unknown as Readonly<Record<string, unknown>> });
  }
}

/** Not a generator around the source's own one: a second one doubles what reading a row costs. */
function readRows(rows: AsyncIterable<DatasetRow>, mapRow: MapRow | undefined): AsyncIterable<ReadExample> {
  const example = (read: IteratorResult<DatasetRow>): IteratorResult<ReadExample> => {
    if (read.done) return { done: true, value: undefined };
    const { line, value } = read.value;
    const mapped = mapRow ? callHostFunction("mapRow", `row ${line}`, () => mapRow(value, line)) : value;
    return {
      done: false,
      value: exampleFromRow({ line, value: mapped as Readonly<Record<string, unknown>> }),
    };
  };
  return {
    [Symbol.asyncIterator]() {
      const iterator = rows[Symbol.asyncIterator]();
      const exampleOrClose = (read: IteratorResult<DatasetRow>) => {
        try {
          return example(read);
        } catch (error) {
          // Whoever reads takes a failed read for the end: nobody else would close the file.
          const closed = iterator.return?.() ?? Promise.resolve();
          return closed.then(() => Promise.reject(error));
        }
      };
      return {
        next: () => Promise.resolve(iterator.next()).then(exampleOrClose),
        return: async () => {
          await iterator.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

function sourceFor(ref: string, sources: readonly DatasetSource[]): DatasetSource {
  const scheme = ref.includes(":") ? ref.slice(0, ref.indexOf(":")) : "";
  const source = sources.find((candidate) => candidate.scheme === scheme);
  if (source) return source;
  const known = sources.map((candidate) => `${candidate.scheme}:`).join(", ") || "none";
  throw new ModelOpsError({
    code: "evaluation/dataset-source",
    message: `No dataset source reads ${JSON.stringify(ref.slice(0, 120))}.`,
    reason: `Known schemes: ${known}.`,
    fix: "write a reference such as file:held-out.jsonl, pass the source in `sources`, or pass the examples themselves.",
  });
}
