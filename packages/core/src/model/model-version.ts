import { z } from "zod";
import { artifactSchema } from "./artifact.ts";

export const deploymentStatusSchema = z.enum([
  "not_deployed",
  "canary_20pct",
  "canary_50pct",
  "deployed",
  "archived",
]);
export type DeploymentStatus = z.infer<typeof deploymentStatusSchema>;

export const trainingMethodSchema = z.enum(["sft", "dpo", "grpo"]);
export type TrainingMethod = z.infer<typeof trainingMethodSchema>;

/** How a version was made. Unknown fields are kept. */
export const trainingConfigSchema = z.looseObject({
  baseModel: z.string().min(1),
  /** `sft | dpo | grpo`, `none` for a base model taken as it is; other strings come from imports. */
  trainingMethod: z.string(),
  trainingDataset: z.string(),
  evalDataset: z.string().nullish(),
  learningRate: z.number().nullish(),
  numEpochs: z.number().nullish(),
  batchSize: z.number().nullish(),
  loraRank: z.number().nullish(),
  maxSeqLength: z.number().nullish(),
  hardware: z.string().nullish(),
  isDemo: z.boolean().nullish(),
});
export type TrainingConfigRecord = z.infer<typeof trainingConfigSchema>;

const share = z.number().min(0).max(1);

/** Scores of an evaluation: 0–1 where it is a share, other units by name; custom numbers are kept. */
export const evalScoresSchema = z
  .object({
    accuracy: share.nullish(),
    baselineImprovementPct: z.number().nullish(),
    avgLatencyMs: z.number().nonnegative().nullish(),
    costPer1kTokens: z.number().nonnegative().nullish(),
    tokenEfficiency: share.nullish(),
    workflowCompleteness: share.nullish(),
    latencyThreshold: share.nullish(),
    mcpIntegrationQuality: share.nullish(),
    langsmithExperimentUrl: z.string().nullish(),
  })
  .catchall(z.number().nullable());
export type EvalScores = z.infer<typeof evalScoresSchema>;

/** Where a version comes from, beyond its parent. All optional: what is unknown is null, never invented. */
export const lineageSchema = z.object({
  datasetFingerprint: z.string().nullable(),
  datasetRows: z.number().int().nonnegative().nullable(),
  baseModelFingerprint: z.string().nullable(),
  quoteHash: z.string().nullable(),
  evaluationIds: z.array(z.string()),
  deploymentIds: z.array(z.string()),
});
export type Lineage = z.infer<typeof lineageSchema>;

/** One registered model version. Times are ISO 8601 UTC. */
export const modelVersionSchema = z.object({
  agent: z.string(),
  /** `v{major}.{minor}.{patch}[-suffix]`. */
  version: z.string(),
  modelId: z.string().min(1),
  trainingConfig: trainingConfigSchema,
  trainedAt: z.string(),
  trainedBy: z.string(),
  jobId: z.string().nullable(),
  hubRepo: z.string().nullable(),
  artifact: artifactSchema.nullable(),
  evalScores: evalScoresSchema.nullable(),
  deploymentStatus: deploymentStatusSchema,
  deployedAt: z.string().nullable(),
  parentVersion: z.string().nullable(),
  tags: z.array(z.string()),
  changelog: z.string().nullable(),
  notes: z.string().nullable(),
  lineage: lineageSchema,
  /** Fields of an imported record that the schema does not know, as they were (snake_case). */
  extra: z.record(z.string(), z.unknown()),
});
export type ModelVersion = z.infer<typeof modelVersionSchema>;
