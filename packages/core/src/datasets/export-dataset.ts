import { basename } from "node:path";
import { z } from "zod";
import { parseOrThrow } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { writeFileAtomically } from "../files/atomic-write.ts";
import type { TrainingMethod } from "../model/model-version.ts";
import { type CheckDatasetOptions, checkDataset } from "./check-dataset.ts";
import { CsvWriter } from "./csv-writer.ts";
import type { DatasetCheck } from "./dataset-check.ts";
import type { DatasetReference } from "./dataset-reference.ts";
import { JsonlWriter, type RowWriter } from "./export-rows.ts";
import { type DatasetManifest, datasetManifest, type ExportFormat } from "./manifest.ts";
import { ParquetRowWriter } from "./parquet-writer.ts";

/** The written training file and the check that was made in the same pass. */
export interface ExportedDataset {
  readonly path: string;
  readonly rows: number;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly check: DatasetCheck;
  /** Null when none was asked for. */
  readonly manifest: DatasetManifest | null;
}

export interface ExportDatasetOptions extends Omit<CheckDatasetOptions, "onRow"> {
  readonly path: string;
  /** Default: by the ending of the path, `.csv` or `.parquet`, else JSON Lines. */
  readonly format?: ExportFormat;
  /** Writes `<path>.manifest.json` beside the file. @default false */
  readonly manifest?: boolean;
  /** The fingerprint the rows had when they were planned with. */
  readonly expectedFingerprint?: string;
  /** Writes the first rows only; all are checked. */
  readonly maxRows?: number | null;
}

const optionsSchema = z.looseObject({
  path: z.string().min(1),
  format: z.enum(["jsonl", "csv", "parquet"]).optional(),
  manifest: z.boolean().optional(),
});

/**
 * Checks a dataset and writes its rows in exactly one form, other columns dropped, in one pass. Writes nothing when
 * the dataset cannot be trained on.
 * @throws ModelOpsError `dataset/not-ready`, `dataset/changed`, `dataset/not-flat`
 */
export async function exportDataset(
  ref: DatasetReference,
  method: TrainingMethod,
  options: ExportDatasetOptions,
): Promise<ExportedDataset> {
  parseOrThrow(optionsSchema, options, { code: "input/dataset-export", subject: "The dataset export" });
  const {
    path,
    expectedFingerprint,
    maxRows,
    format: asked,
    manifest: hasManifest,
    ...checkOptions
  } = options;
  const format = asked ?? formatOf(path);
  const limit = maxRows ?? Number.POSITIVE_INFINITY;
  const writer = writerOf(format, path);
  try {
    const check = await checkDataset(ref, method, {
      ...checkOptions,
      onRow: (row) => (writer.rows < limit ? writer.write(row) : undefined),
    });
    requireReady(check);
    if (expectedFingerprint !== undefined && check.fingerprint !== expectedFingerprint) {
      throw new ModelOpsError({
        code: "dataset/changed",
        message: `The dataset ${check.ref} is not the one that was planned with.`,
        reason: "Its rows have changed since.",
        fix: "make a new plan, so that the quote fits the rows.",
      });
    }
    const written = await writer.finish();
    const manifest = hasManifest
      ? datasetManifest(check, { name: basename(path), format, ...written })
      : null;
    if (manifest)
      await writeFileAtomically(`${path}.manifest.json`, `${JSON.stringify(manifest, null, 2)}\n`);
    return { path, ...written, check, manifest };
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

function formatOf(path: string): ExportFormat {
  if (/\.csv$/i.test(path)) return "csv";
  return /\.parquet$/i.test(path) ? "parquet" : "jsonl";
}

function writerOf(format: ExportFormat, path: string): RowWriter {
  if (format === "csv") return new CsvWriter(path);
  return format === "parquet" ? new ParquetRowWriter(path) : new JsonlWriter(path);
}

/** Rejects with the first findings when a dataset cannot be trained on. */
export function requireReady(check: DatasetCheck): void {
  if (check.verdict === "READY") return;
  const errors = check.findings.filter((finding) => finding.severity === "error");
  throw new ModelOpsError({
    code: "dataset/not-ready",
    message: `The dataset ${check.ref} cannot be trained on as it is.`,
    reason: errors
      .slice(0, 3)
      .map((finding) => {
        const place = finding.examples[0] ? `line ${finding.examples[0].line}: ` : "";
        const times = finding.count > 1 ? ` (${finding.count} rows)` : "";
        return `${place}${finding.message}${times}`;
      })
      .join(" "),
    fix: errors[0]?.fix ?? "see the findings of the check.",
    details: { verdict: check.verdict, findings: check.findings, suggestedMapping: check.suggestedMapping },
  });
}
