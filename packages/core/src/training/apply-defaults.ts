import type { TrainingDefaults } from "../config/training-defaults.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { canonicalAgentName } from "../model/agent-name.ts";
import type { TrainingPlan } from "./plan.ts";
import type { Hyperparameters, TrainingSpec } from "./training-spec.ts";

/**
 * Fills what a spec leaves open from the host's defaults: a preset's name becomes its model (its hardware was chosen by
 * other prices, so the plan chooses again), the mode's
 * values and LoRA settings come in, the safety limits apply. What the spec says stays.
 */
export function applyDefaults(spec: TrainingSpec, defaults: TrainingDefaults): TrainingSpec {
  const mode = spec.mode ?? "production";
  const agent = defaults.agents[canonicalAgentName(spec.agent)];
  if (mode === "demo" && agent?.demoAllowed === false) {
    throw new ModelOpsError({
      code: "training/demo-not-allowed",
      message: `The agent ${spec.agent} is not trained in demo mode.`,
      reason: "The training defaults say demo_mode_enabled: false for it.",
      fix: 'use mode: "production".',
    });
  }
  const named = spec.baseModel ?? agent?.recommendedPreset ?? undefined;
  const preset =
    named !== undefined && Object.hasOwn(defaults.presets, named) ? defaults.presets[named] : undefined;
  const baseModel = preset?.modelId ?? named;
  return {
    ...spec,
    ...(baseModel === undefined ? {} : { baseModel }),
    adapter: withLora(spec.adapter, defaults),
    hyperparameters: withMode(spec.hyperparameters ?? {}, defaults, mode),
    maxCostUsd: spec.maxCostUsd ?? defaults.safety.maxCostUsd,
  };
}

/** Refuses a plan that the host's limits forbid: too few rows, too long. (Cost is a limit of the spec.) */
export function checkLimits(plan: TrainingPlan, defaults: TrainingDefaults): void {
  const minimum = defaults.agents[plan.agent]?.minRows ?? defaults.rows.min;
  if (minimum !== null && plan.dataset.usableRows < minimum) {
    throw new ModelOpsError({
      code: "training/too-few-rows",
      message: `${plan.agent} is trained on at least ${minimum} rows; the dataset has ${plan.dataset.usableRows}.`,
      reason: "The training defaults say so (min_examples).",
      fix: "collect more rows, or lower min_examples.",
    });
  }
  const { max } = defaults.rows;
  if (max !== null && plan.rows > max) {
    throw new ModelOpsError({
      code: "training/too-many-rows",
      message: `${plan.agent} is trained on at most ${max} rows; the dataset has ${plan.rows}.`,
      reason: "The training defaults say so (max_examples).",
      fix: "take a sample with splitDataset or mixDatasets, or raise max_examples.",
    });
  }
  const { maxHours } = defaults.safety;
  if (maxHours === null || plan.quote.minutes.likely <= maxHours * 60) return;
  throw new ModelOpsError({
    code: "training/too-long",
    message: `The run would take about ${(plan.quote.minutes.likely / 60).toFixed(1)} hours, more than the ${maxHours} allowed.`,
    reason: "The training defaults say so (max_training_duration_hours).",
    fix: "train on fewer rows or steps, or choose faster hardware.",
  });
}

function withMode(
  given: Hyperparameters,
  defaults: TrainingDefaults,
  mode: "demo" | "production",
): Hyperparameters {
  const { maxSteps, epochs, batchSize, learningRate } = defaults.modes[mode];
  const hasLength = given.maxSteps !== undefined || given.epochs !== undefined;
  return {
    ...(defaults.maxLength === null ? {} : { maxLength: defaults.maxLength }),
    ...(batchSize === null ? {} : { batchSize }),
    ...(learningRate === null ? {} : { learningRate }),
    ...(defaults.warmupShare === null ? {} : { warmupSteps: defaults.warmupShare }),
    ...(defaults.gradientAccumulationSteps === null
      ? {}
      : { gradientAccumulationSteps: defaults.gradientAccumulationSteps }),
    // A number of steps counts more than a number of epochs, as in the host's trainer.
    ...(hasLength ? {} : maxSteps !== null ? { maxSteps } : epochs !== null ? { epochs } : {}),
    ...given,
  };
}

function withLora(adapter: TrainingSpec["adapter"], defaults: TrainingDefaults): TrainingSpec["adapter"] {
  if (typeof adapter !== "object" && adapter !== "lora" && adapter !== "qlora") return adapter;
  const given = typeof adapter === "object" ? adapter : { kind: adapter };
  if (given.kind === "full") return given;
  const { rank, alpha, dropout, targetModules } = defaults.lora;
  return {
    ...(rank === null ? {} : { rank }),
    ...(alpha === null ? {} : { alpha }),
    ...(dropout === null ? {} : { dropout }),
    ...(targetModules === null
      ? {}
      : { targetModules: targetModules === "all-linear" ? targetModules : [...targetModules] }),
    ...given,
  };
}
