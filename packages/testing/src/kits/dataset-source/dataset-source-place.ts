import type { DatasetSource } from "@modelops/core";
import type { KitCase, KitPlace } from "../kit-case.ts";

/** A source to be examined, and a dataset it can read. */
export interface DatasetSourcePlace extends KitPlace {
  readonly source: DatasetSource;
  /** A dataset of at least three rows. */
  readonly ref: string;
  /** Its rows, in order. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** A reference in the source's scheme to what does not exist. */
  readonly missingRef: string;
  /** Changes one row of the dataset behind `ref`. */
  change(): Promise<void> | void;
  /** A dataset one of whose rows cannot be parsed, and that row's line; null where rows cannot be malformed. */
  readonly broken: { readonly ref: string; readonly line: number } | null;
  /** Tokens that no error and no description may show. */
  readonly secrets: readonly string[];
}

export type DatasetSourceCase = KitCase<DatasetSourcePlace>;
