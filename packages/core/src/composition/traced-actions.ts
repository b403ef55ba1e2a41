import type { TracedFacts, Tracer } from "../contract/tracer.ts";
import type { Deployer, DeployResult } from "../deployment/deployer.ts";
import type { RollbackResult } from "../deployment/operations/rollback-contract.ts";
import type { ModelUnderTest } from "../evaluation/arm.ts";
import type { ComparisonReport } from "../evaluation/comparison-report.ts";
import type { EvaluationDataset } from "../evaluation/dataset.ts";
import type { EvaluationReport } from "../evaluation/evaluation-report.ts";
import type { Evaluator } from "../evaluation/evaluator.ts";
import { publicReference } from "../files/public-reference.ts";
import type { Trainer } from "../training/trainer.ts";
import type { TrainingJob } from "../training/training-job.ts";
import type { TrainingSpec } from "../training/training-spec.ts";
import { type ActionDescriptions, traceService } from "./trace-service.ts";

// Every field is chosen by hand: options hold rows, prompts, functions and keys, and results hold answers. What is not
// named here does not leave the machine.

const EVALUATOR_ACTIONS: ActionDescriptions<Evaluator> = {
  compare: {
    inputs: ({ agent, candidate, baseline, policy, ...settings }) => ({
      agent,
      candidate: modelFacts(candidate),
      baseline: baseline ? modelFacts(baseline) : null,
      policy: policy ?? "hybrid",
      ...evaluationFacts(settings),
    }),
    outputs: comparisonFacts,
  },
  evaluate: {
    inputs: ({ agent, version, model, ...settings }) => ({
      agent,
      model: modelFacts({ version: version ?? "unversioned", model }),
      ...evaluationFacts(settings),
    }),
    outputs: reportFacts,
  },
  resume: {
    inputs: (evaluationId, { agent, ...settings }) => ({ agent, evaluationId, ...evaluationFacts(settings) }),
    outputs: reportFacts,
  },
  rescore: {
    inputs: (evaluationId, { agent, ...settings }) => ({ agent, evaluationId, ...evaluationFacts(settings) }),
    outputs: comparisonFacts,
  },
};

const TRAINER_ACTIONS: ActionDescriptions<Trainer> = {
  plan: {
    inputs: (spec) => specFacts(spec),
    outputs: (plan) => ({
      backend: plan.backend,
      mode: plan.mode,
      rows: plan.rows,
      hardware: plan.hardware.id,
      quoteUsd: plan.quote.usd,
      quoteMinutes: plan.quote.minutes,
    }),
  },
  train: {
    inputs: (given) => specFacts("runHash" in given ? given.spec : given),
    outputs: (job) => ({ jobId: job.id }),
    opens: traceJob,
  },
  job: {
    inputs: (jobId) => ({ jobId }),
    outputs: (job) => ({ agent: job.agent }),
    opens: traceJob,
  },
};

const jobActions = ({ id: jobId, agent: owner }: TrainingJob): ActionDescriptions<TrainingJob> => ({
  result: {
    inputs: () => ({ agent: owner, jobId }),
    outputs: ({ agent, version, modelId, minutes, costUsd, metrics }) => ({
      agent,
      version,
      modelId: publicReference(modelId),
      minutes,
      costUsd,
      metrics,
    }),
  },
  cancel: { inputs: () => ({ agent: owner, jobId }), outputs: nothing },
});

const DEPLOYER_ACTIONS: ActionDescriptions<Deployer> = {
  plan: {
    inputs: ({ agent, version, target }) => ({ agent, version, target: target ?? null }),
    outputs: ({ target, modelId, baseline, steps, problems, price }) => ({
      target,
      modelId,
      baseline,
      sharesPct: steps.map((step) => step.sharePct),
      problems: problems.length,
      usdPerHour: price.usdPerHour,
    }),
  },
  deploy: {
    inputs: ({ agent, version, target, rollout, override }) => ({
      agent,
      version,
      target: target ?? null,
      rollout: typeof rollout === "object" ? "own plan" : (rollout ?? "canary_20pct"),
      override: override !== undefined,
    }),
    outputs: deployFacts,
  },
  promote: { inputs: ({ agent, to }) => ({ agent, to: to ?? null }), outputs: deployFacts },
  hold: { inputs: ({ agent, reason }) => ({ agent, reason }), outputs: nothing },
  resume: { inputs: ({ agent, reason }) => ({ agent, reason: reason ?? null }), outputs: nothing },
  abort: { inputs: ({ agent, reason }) => ({ agent, reason }), outputs: rollbackFacts },
  rollback: {
    inputs: ({ agent, to, from, reason }) => ({ agent, to: to ?? null, from: from ?? null, reason }),
    outputs: rollbackFacts,
  },
  drill: { inputs: ({ agent }) => ({ agent }), outputs: rollbackFacts },
  watch: {
    inputs: ({ agent, everyMs }) => ({ agent, everyMs: everyMs ?? null }),
    outputs: ({ state, rolloutId, version, reason }) => ({ state, rolloutId, version, reason }),
  },
  reconcile: {
    inputs: (options) => ({ agent: options?.agent ?? null }),
    outputs: ({ agents, drift }) => ({
      agents: agents.map(({ agent, actions, problem }) => ({ agent, actions: actions.length, problem })),
      drift: drift.length,
    }),
  },
};

/** Puts a tracer around the actions of the services of one installation. */
export function traceServices(
  tracer: Tracer,
  services: { readonly evaluator: Evaluator; readonly trainer: Trainer; readonly deployer: Deployer | null },
): void {
  traceService("evaluator", services.evaluator, tracer, EVALUATOR_ACTIONS);
  traceService("trainer", services.trainer, tracer, TRAINER_ACTIONS);
  if (services.deployer) traceService("deployer", services.deployer, tracer, DEPLOYER_ACTIONS);
}

function traceJob(job: TrainingJob, tracer: Tracer): void {
  traceService("job", job, tracer, jobActions(job));
}

function nothing(): TracedFacts {
  return {};
}

function modelFacts({ version, model }: ModelUnderTest): TracedFacts {
  return { version, modelId: model.id };
}

function evaluationFacts(settings: {
  readonly dataset: EvaluationDataset;
  readonly metrics: readonly { readonly name: string }[];
  readonly trials?: number;
}): TracedFacts {
  const { dataset, metrics, trials } = settings;
  return {
    dataset: datasetFacts(dataset),
    metrics: metrics.map((metric) => metric.name),
    trials: trials ?? 1,
  };
}

/** Without the folder: a path tells who works on which machine. */
function datasetFacts(dataset: string | readonly unknown[]): string {
  if (typeof dataset !== "string") return `${dataset.length} inline rows`;
  return publicReference(dataset);
}

function comparisonFacts(report: ComparisonReport): TracedFacts {
  return {
    evaluationId: report.evaluationId,
    recommendation: report.recommendation,
    sentence: report.sentence,
    candidateScore: report.candidateScore,
    baselineScore: report.baselineScore,
    improvementPct: report.improvementPct,
    improvementUnit: report.improvementUnit,
    examples: report.coverage.examples,
    failed: report.coverage.candidate.failed,
    experimentUrls: report.experimentUrls,
    evidenceHash: report.evidenceHash,
    reusedFrom: report.reusedFrom,
  };
}

function reportFacts(report: ComparisonReport | EvaluationReport): TracedFacts {
  if (report.schema === "modelops-comparison/v1") return comparisonFacts(report);
  const { evaluationId, score, coverage, cost, evidenceHash, reusedFrom } = report;
  return {
    evaluationId,
    score,
    examples: coverage.examples,
    failed: coverage.failed,
    costUsd: cost.usd,
    evidenceHash,
    reusedFrom,
  };
}

function specFacts(spec: TrainingSpec): TracedFacts {
  return {
    agent: spec.agent,
    baseModel: spec.baseModel === undefined ? null : publicReference(spec.baseModel),
    method: spec.method ?? null,
    mode: spec.mode ?? null,
    dataset: datasetFacts(spec.dataset),
    runId: spec.runId ?? null,
    maxCostUsd: spec.maxCostUsd ?? null,
  };
}

function deployFacts(result: DeployResult): TracedFacts {
  const { version, rolloutPct, deploymentId, rolloutId, operationId, restartRequired, warnings } = result;
  return {
    version,
    rolloutPct,
    deploymentId,
    rolloutId,
    operationId,
    restartRequired,
    warnings: warnings.length,
  };
}

function rollbackFacts(result: RollbackResult): TracedFacts {
  const { version, from, reason, operationId, config, storeUpdated, verification, warnings } = result;
  return {
    version,
    from,
    reason,
    operationId,
    config,
    storeUpdated,
    complete: verification.complete,
    totalMs: verification.totalMs,
    warnings: warnings.length,
  };
}
