import type { TrainingMethod } from "../model/model-version.ts";
import type { DatasetFinding } from "./findings.ts";
import type { FieldMapping } from "./mapping.ts";
import type { FoundShape } from "./shapes.ts";

/** What is known about a dataset before anything is paid for. */
export interface DatasetCheck {
  readonly verdict: "READY" | "NEEDS_MAPPING" | "INCOMPATIBLE";
  /** One sentence for people. */
  readonly summary: string;
  readonly ref: string;
  readonly method: TrainingMethod;
  /** Fingerprint of the rows as the source gives them. */
  readonly fingerprint: string;
  readonly rows: number;
  /** Rows that will be trained on: without those that were dropped. */
  readonly usableRows: number;
  readonly columns: readonly string[];
  readonly form: FoundShape | null;
  readonly mapping: FieldMapping | null;
  /** A mapping to paste, when the verdict is NEEDS_MAPPING and the columns' names say enough. */
  readonly suggestedMapping: FieldMapping | null;
  readonly findings: readonly DatasetFinding[];
  readonly tokens: TokenSummary | null;
  readonly duplicateRows: number;
  /** Distinct answers with their counts, most frequent first; null when there are too many to be classes. */
  readonly classes: readonly { readonly answer: string; readonly count: number }[] | null;
  readonly overlap: { readonly evaluationRows: number; readonly exact: number; readonly near: number } | null;
}

export interface TokenSummary {
  readonly isExact: boolean;
  readonly basis: string;
  /** Prompt and answer of a row together. */
  readonly perRow: LengthSummary;
  readonly answers: LengthSummary;
}

export interface LengthSummary {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  readonly total: number;
}
