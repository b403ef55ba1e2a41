/** One raw row and where it stood, so that a finding can name its place. */
export interface DatasetRow {
  /** 1-based line (files) or position (other sources). */
  readonly line: number;
  readonly value: Readonly<Record<string, unknown>>;
}

export interface DatasetDescription {
  readonly ref: string;
  /** A reference that gives these very rows whenever it is read; null or absent where the source keeps no versions. */
  readonly pinnedRef?: string | null;
  /** Null when the source cannot count without reading everything. */
  readonly rows: number | null;
  readonly sizeBytes: number | null;
  /** Content fingerprint (`sha256:…`) or the source's own pinned revision; equal means equal rows. */
  readonly fingerprint: string;
}

/**
 * Reads examples by reference: `file:path.jsonl`, `ls://name`, `hf://org/name[/split]`. Rows come in a stable order;
 * `read` holds one row at a time. A row that cannot be parsed rejects with `dataset/...` naming its line.
 */
export interface DatasetSource {
  readonly contract: "dataset-source/v1";
  /** The scheme it serves, such as `file` or `hf`. */
  readonly scheme: string;
  describe(ref: string, options?: { readonly signal?: AbortSignal }): Promise<DatasetDescription>;
  read(ref: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<DatasetRow>;
}

/** A row of an evaluation set. */
export interface EvaluationExample {
  readonly id: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
}
