import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { DatasetDescription, DatasetRow, DatasetSource } from "../../contract/dataset-source.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import { RowFingerprint } from "../fingerprint.ts";
import { readCsv } from "./csv.ts";
import { fileChunks, readJsonl } from "./jsonl.ts";
import { readParquetFile } from "./parquet.ts";
import type { ReadRowsOptions } from "./row-problem.ts";

export const DEFAULT_MAX_LINE_BYTES = 32 * 1024 * 1024;

/** A source that can say which rows it cannot read instead of stopping at the first, and gives rows in batches. */
export interface BatchSource extends DatasetSource {
  batches(ref: string, options?: ReadRowsOptions): AsyncIterable<readonly DatasetRow[]>;
}

export interface FileSourceOptions {
  /** Folder that relative paths start from. Default: the process's. */
  readonly folder?: string;
  /** Longest row that is read. @default 33554432 (32 MiB) */
  readonly maxLineBytes?: number;
}

/** Reads `file:path.jsonl`, `.ndjson`, `.json` (one object per line), `.csv` and `.parquet`. */
export function fileSource(options: FileSourceOptions = {}): BatchSource {
  const maxLineBytes = options.maxLineBytes ?? DEFAULT_MAX_LINE_BYTES;
  const batches = (ref: string, read: ReadRowsOptions = {}): AsyncIterable<readonly DatasetRow[]> => {
    const path = filePath(ref, options.folder);
    return checkedFile(path, ref, () => {
      if (/\.parquet$/i.test(path)) return readParquetFile(path, ref, read);
      const options = { ...read, maxLineBytes };
      return /\.csv$/i.test(path)
        ? readCsv(createReadStream(path), ref, options)
        : readJsonl(fileChunks(path, read.signal), ref, options);
    });
  };
  return {
    contract: "dataset-source/v1",
    scheme: "file",
    batches,
    async *read(ref, { signal } = {}) {
      for await (const rows of batches(ref, { signal })) yield* rows;
    },
    async describe(ref, { signal } = {}): Promise<DatasetDescription> {
      const fingerprint = new RowFingerprint();
      for await (const rows of batches(ref, { signal })) for (const row of rows) fingerprint.add(row.value);
      const { size } = await stat(filePath(ref, options.folder));
      return { ref, rows: fingerprint.rows, sizeBytes: size, fingerprint: fingerprint.digest() };
    },
  };
}

function filePath(ref: string, folder = process.cwd()): string {
  return resolve(folder, ref.replace(/^file:(\/\/(?=\/))?/, ""));
}

async function* checkedFile(
  path: string,
  ref: string,
  read: () => AsyncIterable<readonly DatasetRow[]>,
): AsyncGenerator<readonly DatasetRow[]> {
  if (!/\.(jsonl|ndjson|json|csv|parquet)$/i.test(path)) {
    throw new ModelOpsError({
      code: "dataset/file-type",
      message: `${ref} has no ending that says how to read it.`,
      fix: "give a .jsonl file (one JSON object per line), a .csv file with a header line, or a .parquet file.",
    });
  }
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new ModelOpsError({
      code: error.code === "ENOENT" ? "dataset/file-not-found" : "dataset/file-unreadable",
      message: `The dataset file ${path} cannot be read.`,
      reason: error.code === "ENOENT" ? "There is no such file." : error.message,
      fix: "check the path; it is relative to the folder the program was started in.",
      cause: error,
    });
  });
  if (!found.isFile()) {
    throw new ModelOpsError({
      code: "dataset/file-unreadable",
      message: `${path} is not a file.`,
      fix: "give the path of a .jsonl, .csv or .parquet file.",
    });
  }
  yield* read();
}
