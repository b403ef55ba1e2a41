import type { DatasetRow, DatasetSource, EvaluationExample } from "../contract/dataset-source.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { exampleFromRow, type ReadExample } from "./example.ts";

/** A reference such as `file:held-out.jsonl`, or the examples themselves. */
export type EvaluationDataset = string | readonly EvaluationExample[];

/** Turns a row of another shape into an example. */
export type MapRow = (row: Readonly<Record<string, unknown>>, line: number) => EvaluationExample;

/** Examples that can be read twice: once to check them, once to run them. */
export interface OpenedDataset {
  readonly ref: string | null;
  /** The source's own fingerprint; null for inline examples. */
  fingerprint(signal: AbortSignal): Promise<string | null>;
  read(signal: AbortSignal): AsyncIterable<ReadExample>;
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
  const source = sourceFor(dataset, options.sources);
  return {
    ref: dataset,
    fingerprint: async (signal) => (await source.describe(dataset, { signal })).fingerprint,
    read: (signal) => readRows(source.read(dataset, { signal }), mapRow),
  };
}

async function* readInline(examples: readonly EvaluationExample[]): AsyncGenerator<ReadExample> {
  let line = 0;
  for (const example of examples) {
    line += 1;
    yield exampleFromRow({ line, value: example as unknown as Readonly<Record<string, unknown>> });
  }
}

async function* readRows(
  rows: AsyncIterable<DatasetRow>,
  mapRow: MapRow | undefined,
): AsyncGenerator<ReadExample> {
  for await (const row of rows) {
    const mapped = mapRow ? mapRow(row.value, row.line) : row.value;
    yield exampleFromRow({ line: row.line, value: mapped as Readonly<Record<string, unknown>> });
  }
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
