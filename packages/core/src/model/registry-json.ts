import { z } from "zod";
import { deploymentStatusSchema } from "./model-version.ts";

/** `registry.json` as published: snake_case, loose, so that a host's own fields and nulls stay. */
export const publishedTrainingConfigSchema = z.looseObject({
  base_model: z.string().min(1),
  training_method: z.string(),
  training_dataset: z.string(),
  eval_dataset: z.string().nullish(),
  learning_rate: z.number().nullish(),
  num_epochs: z.number().nullish(),
  batch_size: z.number().nullish(),
  lora_rank: z.number().nullish(),
  max_seq_length: z.number().nullish(),
  hardware: z.string().nullish(),
  is_demo: z.boolean().nullish(),
});

const share = z.number().min(0).max(1);

export const publishedScoresSchema = z.looseObject({
  accuracy: share.nullish(),
  baseline_improvement_pct: z.number().nullish(),
  avg_latency_ms: z.number().nonnegative().nullish(),
  cost_per_1k_tokens: z.number().nonnegative().nullish(),
  token_efficiency: share.nullish(),
  workflow_completeness: share.nullish(),
  latency_threshold: share.nullish(),
  mcp_integration_quality: share.nullish(),
  langsmith_experiment_url: z.string().nullish(),
});

export const publishedVersionSchema = z.looseObject({
  version: z
    .string()
    .min(1)
    .max(200)
    .regex(/^\P{Cc}+$/u, "must be one line of text"),
  model_id: z.string().min(1),
  training_config: publishedTrainingConfigSchema,
  trained_at: z.string(),
  trained_by: z.string().nullish(),
  job_id: z.string().nullish(),
  hub_repo: z.string().nullish(),
  eval_scores: publishedScoresSchema.nullish(),
  deployment_status: deploymentStatusSchema.nullish(),
  deployed_at: z.string().nullish(),
  parent_version: z.string().nullish(),
  tags: z.array(z.string()).nullish(),
  changelog: z.string().nullish(),
  notes: z.string().nullish(),
});

export const publishedAgentSchema = z.looseObject({
  agent_name: z.string().nullish(),
  current: publishedVersionSchema.nullish(),
  canary: publishedVersionSchema.nullish(),
  history: z.array(publishedVersionSchema),
});

export const registryJsonSchema = z.looseObject({
  created_at: z.string().nullish(),
  updated_at: z.string().nullish(),
  version: z.string().regex(/^1\./, "only schema 1.x can be read"),
  /** The store's newest event when the file was written; tells a stale file from a fresh one. */
  generation: z.number().int().nullish(),
  agents: z.record(z.string(), publishedAgentSchema),
});

/** One version in `registry.json`. */
export type PublishedVersion = z.infer<typeof publishedVersionSchema>;
/** One agent in `registry.json`: history is oldest first. */
export type PublishedAgent = z.infer<typeof publishedAgentSchema>;
/** The whole of `registry.json`. */
export type RegistryJson = z.infer<typeof registryJsonSchema>;
