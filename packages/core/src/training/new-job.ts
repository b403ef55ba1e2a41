import type { TrainingRun } from "../contract/training-backend.ts";
import { referenceName } from "../datasets/dataset-reference.ts";
import { type Clock, isoTime } from "../time/clock.ts";
import { costSoFarUsd, timeoutWithinCap } from "./job-bill.ts";
import type { JobRecord } from "./job-record.ts";
import type { TrainingPlan } from "./plan.ts";
import type { VersionInput } from "./version-registrar.ts";

/** The rows of a run in one form, on this machine. */
export interface TrainingFiles {
  readonly train: string;
  readonly evaluation: string | null;
}

/**
 * What the next attempt may take, after what the earlier ones cost.
 * @throws ModelOpsError `training/cap-reached`
 */
export function attemptLimits(plan: TrainingPlan, current: JobRecord | null, clock: Clock) {
  const money = {
    maxCostUsd: plan.spec.maxCostUsd ?? null,
    costUsdPerHour: plan.hardware.costUsdPerHour,
    earlierCostUsd: current ? costSoFarUsd(current, clock.now()) : 0,
  };
  return { ...money, timeoutMs: timeoutWithinCap({ ...money, timeoutMs: plan.timeoutMs }) };
}

/** The record of a run's first or next attempt, before it is submitted. */
export function newJobRecord(options: {
  readonly plan: TrainingPlan;
  readonly id: string;
  readonly files: TrainingFiles;
  readonly approvalId: string | null;
  readonly current: JobRecord | null;
  readonly clock: Clock;
}): JobRecord {
  const { plan, id, current, clock } = options;
  const limits = attemptLimits(plan, current, clock);
  return {
    id,
    agent: plan.agent,
    backend: plan.backend,
    attempt: (current?.attempt ?? 0) + 1,
    status: "preparing",
    method: plan.method,
    createdAt: current?.createdAt ?? isoTime(clock),
    startedAt: null,
    runningSince: null,
    finishedAt: null,
    runHash: plan.runHash,
    quoteHash: plan.quote.hash,
    uncorrectedMinutes: plan.uncorrectedMinutes,
    quotedMinutes: plan.quote.minutes,
    maxCostUsd: limits.maxCostUsd,
    costUsdPerHour: limits.costUsdPerHour,
    earlierCostUsd: limits.earlierCostUsd,
    fallbacks: (plan.fallbacks ?? []).map(({ quote: _quote, ...fallback }) => ({
      ...fallback,
      adapter: { ...fallback.adapter },
      hyperparameters: { ...fallback.hyperparameters },
      timeoutMs: timeoutWithinCap({ ...limits, ...fallback }),
    })),
    approvalId: options.approvalId,
    scheduleId: null,
    run: { ...trainingRun(plan, id, options.files, limits.timeoutMs) },
    version: { ...versionTemplate(plan, id) },
    backendJobId: null,
    backendUrl: null,
    cancelRequested: false,
    cancelReason: null,
    progress: null,
    metrics: {},
    findings: [],
    hubRepo: null,
    trackioUrl: null,
    tensorboardUrl: null,
    recordedIndex: current?.recordedIndex ?? 0,
    recordedFor: current?.recordedFor ?? null,
    registeredVersion: null,
    artifact: null,
    costUsd: null,
    failure: null,
    message: null,
  };
}

function trainingRun(plan: TrainingPlan, id: string, files: TrainingFiles, timeoutMs: number): TrainingRun {
  return {
    runId: id,
    agent: plan.agent,
    method: plan.method,
    baseModel: plan.baseModel.folder ?? plan.baseModel.id,
    baseModelRevision: plan.baseModel.revision,
    trainFile: files.train,
    evaluationFile: files.evaluation,
    ...(plan.spec.evaluationFraction == null ? {} : { evaluationFraction: plan.spec.evaluationFraction }),
    ...(plan.spec.tracking == null ? {} : { tracking: plan.spec.tracking }),
    hardwareId: plan.hardware.id,
    timeoutMs,
    hubRepo: plan.spec.hubRepo ?? null,
    adapter: plan.adapterConfig,
    hyperparameters: plan.hyperparameters.script,
    ...(plan.spec.rewards ? { rewards: plan.spec.rewards } : {}),
    seed: plan.seed,
    labels: { agent: plan.agent, run: id },
  };
}

function versionTemplate(
  plan: TrainingPlan,
  id: string,
): Omit<VersionInput, "agent" | "artifact" | "trainedAt" | "trainedBy" | "jobId" | "idempotencyKey"> {
  const { spec, dataset, hyperparameters, baseModel } = plan;
  return {
    modelId: spec.modelId ?? spec.hubRepo ?? `${plan.agent}-${id}`,
    trainingConfig: {
      baseModel: baseModel.id,
      trainingMethod: plan.method,
      trainingDataset: dataset.ref,
      evalDataset: spec.evaluationDataset == null ? null : referenceName(spec.evaluationDataset, "inline"),
      learningRate: hyperparameters.learningRate,
      numEpochs: hyperparameters.epochs,
      batchSize: hyperparameters.batchSize,
      loraRank: plan.adapterConfig.rank ?? null,
      maxSeqLength: hyperparameters.maxLength,
      hardware: plan.hardware.id,
      isDemo: plan.mode === "demo",
    },
    ...(spec.bump ? { bump: spec.bump } : {}),
    hubRepo: spec.hubRepo ?? null,
    tags: [...(spec.tags ?? [])],
    changelog: spec.changelog ?? null,
    lineage: {
      datasetFingerprint: dataset.fingerprint,
      datasetRows: plan.rows,
      baseModelFingerprint: baseModel.fingerprint,
      quoteHash: plan.quote.hash,
    },
  };
}
