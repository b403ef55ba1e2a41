import { artifactSchema } from "./artifact.ts";
import { lineageSchema, type ModelVersion } from "./model-version.ts";
import type { PublishedVersion } from "./registry-json.ts";

type Values = Readonly<Record<string, unknown>>;

/** Published name → name in TypeScript, for names that are not the same. Whatever is not listed keeps its name. */
const TRAINING_CONFIG_NAMES: Readonly<Record<string, string>> = {
  base_model: "baseModel",
  training_method: "trainingMethod",
  training_dataset: "trainingDataset",
  eval_dataset: "evalDataset",
  learning_rate: "learningRate",
  num_epochs: "numEpochs",
  batch_size: "batchSize",
  lora_rank: "loraRank",
  max_seq_length: "maxSeqLength",
  is_demo: "isDemo",
};

const SCORE_NAMES: Readonly<Record<string, string>> = {
  baseline_improvement_pct: "baselineImprovementPct",
  avg_latency_ms: "avgLatencyMs",
  cost_per_1k_tokens: "costPer1kTokens",
  token_efficiency: "tokenEfficiency",
  workflow_completeness: "workflowCompleteness",
  latency_threshold: "latencyThreshold",
  mcp_integration_quality: "mcpIntegrationQuality",
  langsmith_experiment_url: "langsmithExperimentUrl",
};

const KNOWN_FIELDS = new Set([
  "version",
  "model_id",
  "training_config",
  "trained_at",
  "trained_by",
  "job_id",
  "hub_repo",
  "eval_scores",
  "deployment_status",
  "deployed_at",
  "parent_version",
  "tags",
  "changelog",
  "notes",
]);

/** Kept in `extra` under this name: scores that are not numbers. They go back to `eval_scores` on export. */
const OTHER_SCORES = "eval_scores";

/** The published form of a version. Fields the published schema does not name follow at the end. */
export function toPublished(version: ModelVersion): PublishedVersion {
  const { [OTHER_SCORES]: otherScores, ...extra } = version.extra;
  const scores = version.evalScores ? renamed(version.evalScores, inverse(SCORE_NAMES)) : null;
  const published = {
    version: version.version,
    model_id: version.modelId,
    training_config: renamed(version.trainingConfig, inverse(TRAINING_CONFIG_NAMES)),
    trained_at: version.trainedAt,
    trained_by: version.trainedBy,
    job_id: version.jobId,
    hub_repo: version.hubRepo,
    eval_scores: otherScores ? { ...scores, ...(otherScores as Values) } : scores,
    deployment_status: version.deploymentStatus,
    deployed_at: version.deployedAt,
    parent_version: version.parentVersion,
    tags: version.tags,
    changelog: version.changelog,
    notes: version.notes,
    ...(version.artifact && { artifact: withKeys(version.artifact, snakeCase) }),
    ...(isEmptyLineage(version) ? {} : { lineage: withKeys(version.lineage, snakeCase) }),
    ...extra,
  };
  return published as unknown as PublishedVersion;
}

/** Reads a published version. `unplaced` names what could not be used; it is kept in `extra` all the same. */
export function fromPublished(
  agent: string,
  published: PublishedVersion,
): { readonly version: ModelVersion; readonly unplaced: readonly string[] } {
  const unplaced: string[] = [];
  const extra: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(published)) {
    if (KNOWN_FIELDS.has(name)) continue;
    extra[name] = value;
  }
  const artifact = artifactSchema.safeParse(withKeys(extra.artifact, camelCase));
  if (artifact.success) delete extra.artifact;
  const lineage = lineageSchema.safeParse(withKeys(extra.lineage, camelCase));
  if (lineage.success) delete extra.lineage;
  unplaced.push(...Object.keys(extra));

  const { scores, others } = splitScores(published.eval_scores ?? null);
  if (Object.keys(others).length > 0) {
    extra[OTHER_SCORES] = others;
    unplaced.push(...Object.keys(others).map((name) => `eval_scores.${name}`));
  }
  const version: ModelVersion = {
    agent,
    version: published.version,
    modelId: published.model_id,
    trainingConfig: renamed(
      published.training_config,
      TRAINING_CONFIG_NAMES,
    ) as ModelVersion["trainingConfig"],
    trainedAt: published.trained_at,
    trainedBy: published.trained_by ?? "unknown",
    jobId: published.job_id ?? null,
    hubRepo: published.hub_repo ?? null,
    artifact: artifact.success ? artifact.data : null,
    evalScores: scores,
    deploymentStatus: published.deployment_status ?? "not_deployed",
    deployedAt: published.deployed_at ?? null,
    parentVersion: published.parent_version ?? null,
    tags: [...new Set(published.tags ?? [])],
    changelog: published.changelog ?? null,
    notes: published.notes ?? null,
    lineage: lineage.success ? lineage.data : emptyLineage(),
    extra,
  };
  return { version, unplaced };
}

export function emptyLineage(): ModelVersion["lineage"] {
  return {
    datasetFingerprint: null,
    datasetRows: null,
    baseModelFingerprint: null,
    quoteHash: null,
    evaluationIds: [],
    deploymentIds: [],
  };
}

/** Custom metrics are numbers; a host may have written other things beside them. */
function splitScores(published: Values | null): {
  readonly scores: ModelVersion["evalScores"];
  readonly others: Values;
} {
  if (published === null) return { scores: null, others: {} };
  const scores: [string, unknown][] = [];
  const others: [string, unknown][] = [];
  for (const [name, value] of Object.entries(published)) {
    const isScore = value === null || typeof value === "number" || name === "langsmith_experiment_url";
    (isScore ? scores : others).push([name, value]);
  }
  const renamedScores = renamed(Object.fromEntries(scores), SCORE_NAMES) as ModelVersion["evalScores"];
  return { scores: renamedScores, others: Object.fromEntries(others) };
}

function isEmptyLineage({ lineage }: ModelVersion): boolean {
  return Object.values(lineage).every(
    (value) => value === null || (Array.isArray(value) && value.length === 0),
  );
}

function renamed(values: Values, names: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [Object.hasOwn(names, name) ? names[name] : name, value]),
  );
}

/** Artifact and lineage hold names of ours only, at every depth. */
function withKeys(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((part) => withKeys(part, rename));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [rename(name), withKeys(part, rename)]),
  );
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}

function inverse(names: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(names).map(([published, name]) => [name, published]));
}
