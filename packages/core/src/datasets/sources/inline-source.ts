import type { DatasetRow } from "../../contract/dataset-source.ts";

/** Rows given as an array, read as if they stood in a file: line = position from 1. */
export async function* inlineBatches(
  rows: readonly Readonly<Record<string, unknown>>[],
): AsyncGenerator<readonly DatasetRow[]> {
  yield rows.map((value, index) => ({ line: index + 1, value }));
}
