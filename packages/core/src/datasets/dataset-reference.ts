import type { DatasetDescription, DatasetRow, DatasetSource } from "../contract/dataset-source.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { RowFingerprint } from "./fingerprint.ts";
import { builtInSources } from "./sources/built-in-sources.ts";
import type { BatchSource } from "./sources/file-source.ts";
import { inlineBatches } from "./sources/inline-source.ts";
import { type ReadRowsOptions, rowError } from "./sources/row-problem.ts";

/** Where rows come from: `file:path.jsonl`, another source's reference, or the rows themselves. */
export type DatasetReference = string | readonly Readonly<Record<string, unknown>>[];

/** Finds the source of a reference and reads it. */
export interface DatasetReader {
  batches(ref: DatasetReference, options?: ReadRowsOptions): AsyncIterable<readonly DatasetRow[]>;
  describe(ref: DatasetReference, options?: { readonly signal?: AbortSignal }): Promise<DatasetDescription>;
}

const schemeOf = (ref: string) => /^([a-z][a-z0-9+-]+):/.exec(ref)?.[1];

/** A bare path of a known kind of file as the `file:` reference it stands for. */
export function completeReference(ref: string): string {
  const isBareFile = schemeOf(ref) === undefined && /\.(jsonl|ndjson|json|csv|parquet)$/i.test(ref);
  return isBareFile ? `file:${ref}` : ref;
}

/** A reader over the built-in sources (`file:`, `hf:`, `ls:`) and the given ones, which replace those of the same scheme. */
export function datasetReader(sources: readonly DatasetSource[] = []): DatasetReader {
  const byScheme = new Map<string, DatasetSource>();
  for (const source of [...builtInSources(), ...sources]) byScheme.set(source.scheme, source);

  const find = (given: string): { readonly source: DatasetSource; readonly ref: string } => {
    const ref = completeReference(given);
    const scheme = schemeOf(ref);
    const source = scheme === undefined ? undefined : byScheme.get(scheme);
    if (source) return { source, ref };
    throw new ModelOpsError({
      code: "dataset/unknown-source",
      message: `Nothing here reads ${JSON.stringify(ref).slice(0, 120)}.`,
      reason: `Known are ${[...byScheme.keys()].map((name) => `${name}:`).join(", ")}.`,
      fix: "start the reference with one of these, such as file:data/train.jsonl, or add a source for it.",
    });
  };

  return {
    async *batches(ref, options = {}) {
      if (typeof ref !== "string") {
        yield* inlineBatches(checkedRows(ref));
        return;
      }
      const { source, ref: full } = find(ref);
      if (isBatchSource(source)) yield* source.batches(full, options);
      else for await (const row of source.read(full, options)) yield [row];
    },
    async describe(ref, options = {}) {
      if (typeof ref === "string") {
        const { source, ref: full } = find(ref);
        return await source.describe(full, options);
      }
      const fingerprint = new RowFingerprint();
      for (const row of checkedRows(ref)) fingerprint.add(row);
      return { ref: "inline", rows: ref.length, sizeBytes: null, fingerprint: fingerprint.digest() };
    },
  };
}

function isBatchSource(source: DatasetSource): source is BatchSource {
  return "batches" in source && typeof source.batches === "function";
}

function checkedRows(rows: readonly unknown[]): readonly Readonly<Record<string, unknown>>[] {
  rows.forEach((row, index) => {
    if (typeof row === "object" && row !== null && !Array.isArray(row)) return;
    throw rowError("the given rows", {
      code: "dataset/row-not-object",
      line: index + 1,
      message: "it is not an object.",
      fix: 'give objects with named fields, such as { prompt: "…", completion: "…" }.',
    });
  });
  return rows as readonly Readonly<Record<string, unknown>>[];
}

/** A reference as records keep it: inline rows are named by their fingerprint. */
export function referenceName(ref: DatasetReference, fingerprint: string): string {
  return typeof ref === "string" ? ref : `inline:${fingerprint}`;
}
