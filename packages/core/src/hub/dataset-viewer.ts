import { z } from "zod";
import type { DatasetRow } from "../contract/dataset-source.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { requestJson } from "../http/request-json.ts";
import { systemClock } from "../time/clock.ts";

const ROWS_PER_PAGE = 100;
const TIMEOUT_MS = 60_000;
const RETRY = { maxAttempts: 4, baseWaitMs: 1000, maxWaitMs: 30_000 };

const splitsSchema = z.looseObject({
  splits: z.array(z.looseObject({ config: z.string(), split: z.string() })),
});
const rowsSchema = z.looseObject({
  rows: z.array(
    z.looseObject({
      row_idx: z.number(),
      row: z.record(z.string(), z.unknown()),
      truncated_cells: z.array(z.string()).nullish(),
    }),
  ),
  num_rows_total: z.number(),
  partial: z.boolean().nullish(),
});

/** The Hub's service that shows datasets of any kind as rows. */
export interface DatasetViewer {
  splits(signal?: AbortSignal): Promise<readonly { readonly config: string; readonly split: string }[]>;
  /** All rows of a split, 100 a request. Rejects where the viewer would leave out rows or cut cells. */
  rows(
    split: { readonly config: string; readonly split: string },
    signal?: AbortSignal,
  ): AsyncIterable<readonly DatasetRow[]>;
}

export function datasetViewer(options: {
  readonly viewerUrl: string;
  readonly token: string;
  readonly fetch: typeof globalThis.fetch;
  readonly repository: string;
}): DatasetViewer {
  const { repository, token } = options;
  const ask = <Schema extends z.ZodType>(
    path: string,
    query: Readonly<Record<string, string>>,
    schema: Schema,
    signal: AbortSignal | undefined,
  ) =>
    requestJson({
      fetch: options.fetch,
      url: `${options.viewerUrl.replace(/\/+$/, "")}${path}?${new URLSearchParams({ dataset: repository, ...query })}`,
      method: "GET",
      headers: token ? { authorization: `Bearer ${token}` } : {},
      schema,
      timeoutMs: TIMEOUT_MS,
      clock: systemClock,
      retry: RETRY,
      area: "hub",
      subject: "The dataset viewer",
      secrets: [token],
      ...(signal && { signal }),
    });
  return {
    splits: async (signal) => (await ask("/splits", {}, splitsSchema, signal)).splits,
    async *rows({ config, split }, signal) {
      for (let offset = 0; ; offset += ROWS_PER_PAGE) {
        const query = { config, split, offset: String(offset), length: String(ROWS_PER_PAGE) };
        const page = await ask("/rows", query, rowsSchema, signal);
        if (page.partial) throw incomplete(repository, "the viewer holds only a part of its rows");
        const cut = page.rows.find(({ truncated_cells: cells }) => (cells ?? []).length > 0);
        if (cut) throw incomplete(repository, `the viewer cuts cells of row ${cut.row_idx + 1}`);
        yield page.rows.map(({ row_idx, row }) => ({ line: row_idx + 1, value: row }));
        if (page.rows.length === 0 || offset + page.rows.length >= page.num_rows_total) return;
      }
    },
  };
}

function incomplete(repository: string, why: string): ModelOpsError {
  return new ModelOpsError({
    code: "dataset/hub-incomplete",
    message: `The rows of ${repository} cannot be read whole: ${why}.`,
    reason: "The repository has no JSON Lines, CSV or Parquet files, and the viewer is meant for looking.",
    fix: "download the dataset, and give it as a .jsonl, .csv or .parquet file.",
  });
}
