import { Readable } from "node:stream";
import type { DatasetDescription, DatasetRow } from "../../contract/dataset-source.ts";
import { type DatasetFile, type DatasetFiles, openDatasetFiles } from "../../hub/dataset-files.ts";
import { chooseSplit, type DatasetSplit, splitsOf } from "../../hub/dataset-splits.ts";
import { type DatasetViewer, datasetViewer } from "../../hub/dataset-viewer.ts";
import { defaultHubUrl, type HubConnection, requireRepositoryId } from "../../hub/hub-connection.ts";
import { RowFingerprint } from "../fingerprint.ts";
import { readCsv } from "./csv.ts";
import { type BatchSource, DEFAULT_MAX_LINE_BYTES } from "./file-source.ts";
import { readJsonl } from "./jsonl.ts";
import { countParquetRows, readParquet } from "./parquet.ts";
import type { ReadRowsOptions } from "./row-problem.ts";

export interface HubSourceOptions {
  /** Needed for private and gated datasets. @default the environment variable HF_TOKEN */
  readonly token?: string;
  /** @default HF_ENDPOINT, else the public Hub */
  readonly hubUrl?: string;
  /**
   * Reads datasets that hold no JSON Lines, CSV or Parquet; null = such datasets are refused.
   * @default the public viewer where `hubUrl` is the public Hub, else null
   */
  readonly viewerUrl?: string | null;
  readonly fetch?: typeof globalThis.fetch;
}

/** What a reference was resolved to. */
type OpenedSplit =
  | { readonly kind: "files"; readonly dataset: DatasetFiles; readonly split: DatasetSplit }
  | {
      readonly kind: "viewer";
      readonly viewer: DatasetViewer;
      readonly split: { readonly config: string; readonly split: string };
    };

const PUBLIC_HUB = "https://huggingface.co";
const PUBLIC_VIEWER = "https://datasets-server.huggingface.co";

/**
 * Reads `hf://owner/name[@revision][/config][/split]`: the files of the repository at one commit (JSON Lines, CSV, Parquet),
 * or, where it has none of these, the rows that the dataset viewer shows.
 */
export function hubSource(options: HubSourceOptions = {}): BatchSource {
  const open = (ref: string, signal?: AbortSignal) => openSplit(ref, options, signal);
  async function* batches(ref: string, read: ReadRowsOptions = {}): AsyncGenerator<readonly DatasetRow[]> {
    read.signal?.throwIfAborted();
    const opened = await open(ref, read.signal);
    if (opened.kind === "viewer") {
      yield* opened.viewer.rows(opened.split, read.signal);
      return;
    }
    let linesBefore = 0;
    for (const file of opened.split.files) {
      const blob = await opened.dataset.open(file.path);
      for await (const rows of fileRows(blob, file, ref, { ...read, linesBefore })) {
        yield rows;
        linesBefore = rows.at(-1)?.line ?? linesBefore;
      }
    }
  }
  return {
    contract: "dataset-source/v1",
    scheme: "hf",
    batches,
    async *read(ref, { signal } = {}) {
      for await (const rows of batches(ref, { ...(signal && { signal }) })) yield* rows;
    },
    async describe(ref, { signal } = {}): Promise<DatasetDescription> {
      signal?.throwIfAborted();
      const opened = await open(ref, signal);
      if (opened.kind === "viewer") {
        const fingerprint = new RowFingerprint();
        for await (const rows of opened.viewer.rows(opened.split, signal))
          for (const row of rows) fingerprint.add(row.value);
        return { ref, rows: fingerprint.rows, sizeBytes: null, fingerprint: fingerprint.digest() };
      }
      const { dataset, split } = opened;
      return {
        ref,
        pinnedRef: `hf://${dataset.repository}@${dataset.revision}/${split.config}/${split.split}`,
        rows: await countRows(dataset, split, ref, signal),
        sizeBytes: split.files.reduce((sum, file) => sum + file.sizeBytes, 0),
        // The commit and the split name the rows: files of a commit never change.
        fingerprint: `hf:${dataset.repository}@${dataset.revision}/${split.config}/${split.split}`,
      };
    },
  };
}

async function openSplit(
  ref: string,
  options: HubSourceOptions,
  signal: AbortSignal | undefined,
): Promise<OpenedSplit> {
  const { repository, revision, path } = parseHubReference(ref);
  const connection: HubConnection = {
    hubUrl: options.hubUrl?.replace(/\/+$/, "") ?? defaultHubUrl(),
    token: options.token ?? process.env.HF_TOKEN ?? "",
    fetch: options.fetch ?? globalThis.fetch,
  };
  const dataset = await openDatasetFiles(connection, {
    repository,
    revision: revision ?? "main",
    ...(signal && { signal }),
  });
  const splits = splitsOf(dataset);
  const viewerUrl =
    options.viewerUrl === undefined && connection.hubUrl === PUBLIC_HUB ? PUBLIC_VIEWER : options.viewerUrl;
  // The viewer shows the newest commit only.
  if (splits.length === 0 && viewerUrl && revision === null) {
    const viewer = datasetViewer({ ...connection, viewerUrl, repository });
    return { kind: "viewer", viewer, split: chooseSplit(await viewer.splits(signal), path, ref) };
  }
  return { kind: "files", dataset, split: chooseSplit(splits, path, ref) };
}

function parseHubReference(ref: string): {
  readonly repository: string;
  readonly revision: string | null;
  readonly path: readonly string[];
} {
  const [owner = "", name = "", ...path] = ref
    .replace(/^hf:(\/\/)?/, "")
    .replace(/\/$/, "")
    .split("/");
  const at = name.indexOf("@");
  const repository = requireRepositoryId(`${owner}/${at === -1 ? name : name.slice(0, at)}`, "The dataset");
  return { repository, revision: at === -1 ? null : name.slice(at + 1) || null, path };
}

async function* fileRows(
  blob: Blob,
  file: DatasetFile,
  ref: string,
  options: ReadRowsOptions & { readonly linesBefore: number },
): AsyncGenerator<readonly DatasetRow[]> {
  if (/\.parquet$/i.test(file.path)) {
    yield* readParquet(rangesOf(blob), `${ref} (${file.path})`, options);
    return;
  }
  const isPacked = /\.gz$/i.test(file.path);
  const stream = isPacked ? blob.stream().pipeThrough(new DecompressionStream("gzip")) : blob.stream();
  const bytes = Readable.fromWeb(stream as Parameters<typeof Readable.fromWeb>[0]);
  const read = { ...options, maxLineBytes: DEFAULT_MAX_LINE_BYTES };
  yield* /\.csv(\.gz)?$/i.test(file.path) ? readCsv(bytes, ref, read) : readJsonl(bytes, ref, read);
}

function rangesOf(blob: Blob) {
  return {
    byteLength: blob.size,
    slice: (start: number, end?: number) => blob.slice(start, end).arrayBuffer(),
  };
}

/** Parquet files say it at their end; others would have to be read. */
async function countRows(
  dataset: DatasetFiles,
  split: DatasetSplit,
  ref: string,
  signal: AbortSignal | undefined,
): Promise<number | null> {
  if (!split.files.every(({ path }) => /\.parquet$/i.test(path))) return null;
  let rows = 0;
  for (const { path } of split.files)
    rows += await countParquetRows(rangesOf(await dataset.open(path)), `${ref} (${path})`, signal);
  return rows;
}
