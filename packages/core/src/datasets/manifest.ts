import type { TrainingMethod } from "../model/model-version.ts";
import type { DatasetCheck } from "./dataset-check.ts";
import type { FieldMapping } from "./mapping.ts";

/** The formats that datasets are written in. */
export type ExportFormat = "jsonl" | "csv" | "parquet";

/** What a training file was made from, kept beside it as `<file>.manifest.json`. */
export interface DatasetManifest {
  readonly format: "modelops-dataset/v1";
  readonly createdAt: string;
  readonly source: {
    readonly ref: string;
    /** Of the rows as the source gave them. */
    readonly fingerprint: string;
    readonly rows: number;
  };
  readonly method: TrainingMethod;
  readonly shape: string | null;
  readonly mapping: FieldMapping | null;
  readonly file: {
    readonly name: string;
    readonly format: ExportFormat;
    readonly rows: number;
    readonly sizeBytes: number;
    readonly sha256: string;
  };
  readonly tokens: DatasetCheck["tokens"];
  readonly duplicateRows: number;
  readonly overlap: DatasetCheck["overlap"];
  /** Codes of the findings with the number of rows. */
  readonly findings: Readonly<Record<string, number>>;
}

export function datasetManifest(check: DatasetCheck, file: DatasetManifest["file"]): DatasetManifest {
  return {
    format: "modelops-dataset/v1",
    createdAt: new Date().toISOString(),
    source: { ref: check.ref, fingerprint: check.fingerprint, rows: check.rows },
    method: check.method,
    shape: check.form?.shape ?? null,
    mapping: check.mapping,
    file,
    tokens: check.tokens,
    duplicateRows: check.duplicateRows,
    overlap: check.overlap,
    findings: Object.fromEntries(check.findings.map(({ code, count }) => [code, count])),
  };
}
