import { ModelOpsError } from "../errors/modelops-error.ts";
import type { TrainingMethod } from "../model/model-version.ts";
import { type CheckDatasetOptions, checkDataset } from "./check-dataset.ts";
import type { DatasetCheck } from "./dataset-check.ts";
import type { DatasetReference } from "./dataset-reference.ts";
import { JsonlWriter } from "./export-rows.ts";

/** The written training file and the check that was made in the same pass. */
export interface ExportedDataset {
  readonly path: string;
  readonly rows: number;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly check: DatasetCheck;
}

/**
 * Checks a dataset and writes its rows as JSON Lines in exactly one form, other columns dropped, in one pass. Writes
 * nothing when the dataset cannot be trained on.
 * @throws ModelOpsError `dataset/not-ready`, `dataset/changed`
 */
export async function exportDataset(
  ref: DatasetReference,
  method: TrainingMethod,
  options: Omit<CheckDatasetOptions, "onRow"> & {
    readonly path: string;
    /** The fingerprint the rows had when they were planned with. */
    readonly expectedFingerprint?: string;
    /** Writes the first rows only; all are checked. */
    readonly maxRows?: number | null;
  },
): Promise<ExportedDataset> {
  const { path, expectedFingerprint, maxRows, ...checkOptions } = options;
  const limit = maxRows ?? Number.POSITIVE_INFINITY;
  const writer = new JsonlWriter(path);
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
    return { path, ...(await writer.finish()), check };
  } catch (error) {
    await writer.discard();
    throw error;
  }
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
