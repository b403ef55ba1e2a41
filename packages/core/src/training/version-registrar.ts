import type { ModelArtifact } from "../model/artifact.ts";
import type { Lineage, TrainingConfigRecord } from "../model/model-version.ts";

/** What a completed run tells the registry. */
export interface VersionInput {
  readonly agent: string;
  readonly modelId: string;
  readonly trainingConfig: TrainingConfigRecord;
  readonly bump?: "major" | "minor" | "patch";
  readonly artifact: ModelArtifact;
  readonly trainedAt: string;
  readonly trainedBy: string;
  readonly jobId: string;
  readonly hubRepo: string | null;
  readonly tags: string[];
  readonly changelog: string | null;
  readonly lineage: Pick<
    Lineage,
    "datasetFingerprint" | "datasetRows" | "baseModelFingerprint" | "quoteHash"
  >;
  /** The same key registers once, however often it is tried. */
  readonly idempotencyKey: string;
}

/** The one thing the trainer wants of a registry. */
export interface VersionRegistrar {
  addVersion(input: VersionInput): Promise<{ readonly version: string }>;
}
