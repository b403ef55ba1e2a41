import { open } from "node:fs/promises";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import type { AsyncBuffer, Compressors, FileMetaData } from "hyparquet";
import { parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import type { DatasetRow } from "../../contract/dataset-source.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";

/** Rows decoded at a time where the file has an index of its pages. */
const ROWS_AT_ONCE = 2000;

const COMPRESSORS: Compressors = {
  GZIP: (bytes) => gunzipSync(bytes),
  ZSTD: (bytes) => zstdDecompressSync(bytes),
  BROTLI: (bytes) => brotliDecompressSync(bytes),
};

/** Rows of a Parquet file in its own order, a row group (or a part of one) at a time. The line is the row's number. */
export async function* readParquet(
  file: AsyncBuffer,
  ref: string,
  options: { readonly signal?: AbortSignal; readonly linesBefore?: number } = {},
): AsyncGenerator<DatasetRow[]> {
  const metadata = await guarded(ref, options.signal, () => parquetMetadataAsync(file));
  let line = options.linesBefore ?? 0;
  for (const { rowStart, rowEnd } of ranges(metadata)) {
    options.signal?.throwIfAborted();
    const objects = await guarded(ref, options.signal, () =>
      parquetReadObjects({
        file,
        metadata,
        rowStart,
        rowEnd,
        compressors: COMPRESSORS,
        useOffsetIndex: true,
        geoparquet: false,
      }),
    );
    yield objects.map((object) => {
      line += 1;
      return { line, value: plainValue(object) as Record<string, unknown> };
    });
  }
}

/** How many rows a Parquet file has, from its footer. */
export async function countParquetRows(
  file: AsyncBuffer,
  ref: string,
  signal?: AbortSignal,
): Promise<number> {
  return Number((await guarded(ref, signal, () => parquetMetadataAsync(file))).num_rows);
}

/** A local file by ranges. */
export async function* readParquetFile(
  path: string,
  ref: string,
  options: { readonly signal?: AbortSignal },
): AsyncGenerator<DatasetRow[]> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    const buffer: AsyncBuffer = {
      byteLength: size,
      async slice(start, end = size) {
        const bytes = new Uint8Array(end - start);
        await handle.read(bytes, 0, bytes.length, start);
        return bytes.buffer;
      },
    };
    yield* readParquet(buffer, ref, options);
  } finally {
    await handle.close();
  }
}

function* ranges(metadata: FileMetaData): Generator<{ readonly rowStart: number; readonly rowEnd: number }> {
  let start = 0;
  for (const group of metadata.row_groups) {
    const end = start + Number(group.num_rows);
    const isIndexed = group.columns.every((column) => column.offset_index_offset !== undefined);
    const step = isIndexed ? ROWS_AT_ONCE : Math.max(1, end - start);
    for (let rowStart = start; rowStart < end; rowStart += step)
      yield { rowStart, rowEnd: Math.min(end, rowStart + step) };
    start = end;
  }
}

/** Values as JSON has them: 64-bit numbers where they fit (else as text), times as ISO 8601, bytes as base64. */
function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value !== "object" || value === null) return value ?? null;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (Array.isArray(value)) return value.map(plainValue);
  const plain: Record<string, unknown> = Object.create(null);
  for (const [name, field] of Object.entries(value)) plain[name] = plainValue(field);
  return plain;
}

async function guarded<Value>(
  ref: string,
  signal: AbortSignal | undefined,
  work: () => Promise<Value>,
): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    if (ModelOpsError.isInstance(error)) throw error;
    throw new ModelOpsError({
      code: "dataset/invalid-parquet",
      message: `${ref} cannot be read as Parquet.`,
      reason: error instanceof Error ? `${error.message.slice(0, 200)}.` : undefined,
      fix: "write the file again with snappy, gzip, zstd or brotli compression, or give a .jsonl file.",
      cause: error,
    });
  }
}
