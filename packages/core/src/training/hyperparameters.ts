import type { TrainingScriptConfig } from "../contract/training-backend.ts";
import { type AdapterKind, isTiny } from "../cost/choose-adapter.ts";
import type { ModelFacts } from "../cost/model-facts.ts";
import type { TrainingMethod } from "../model/model-version.ts";
import type { Hyperparameters } from "./training-spec.ts";

const DEFAULT_LENGTH = 1024;
const DEMO_STEPS = 10;

/** All values of a run, in the script's names, with the number of steps that follows from them. */
export interface CompleteHyperparameters {
  readonly script: TrainingScriptConfig["hyperparameters"];
  readonly steps: number;
  readonly rowsPerStep: number;
  readonly microStepsPerStep: number;
  readonly learningRate: number;
  readonly epochs: number | null;
  readonly batchSize: number;
  readonly maxLength: number;
  /** Why values were chosen, for people. */
  readonly notes: readonly string[];
}

/** TRL's documented rates: ten times more with an adapter. */
const LEARNING_RATES: Readonly<Record<TrainingMethod, { readonly adapter: number; readonly full: number }>> =
  {
    sft: { adapter: 2e-4, full: 2e-5 },
    dpo: { adapter: 5e-6, full: 1e-6 },
    grpo: { adapter: 1e-5, full: 1e-6 },
  };
/** A model of a few million parameters needs far larger steps than a pre-trained one of billions. */
const TINY_LEARNING_RATES: Readonly<Record<TrainingMethod, number>> = { sft: 1e-3, dpo: 1e-4, grpo: 1e-4 };

/** Rows of one step before the hardware is chosen. */
export function defaultBatchSize(method: TrainingMethod, model: ModelFacts): number {
  return method === "sft" && isTiny(model) ? 16 : 8;
}

/** Longest row that is kept: the script's default, unless the model reads less. */
export function defaultMaxLength(model: ModelFacts): number {
  return Math.min(DEFAULT_LENGTH, model.contextLength ?? DEFAULT_LENGTH);
}

export function completeHyperparameters(options: {
  readonly given: Hyperparameters;
  readonly method: TrainingMethod;
  readonly mode: "demo" | "production";
  readonly adapter: AdapterKind;
  readonly model: ModelFacts;
  readonly rows: number;
  /** Every card takes a batch of its own. */
  readonly cards: number;
  readonly hasEvaluation: boolean;
}): CompleteHyperparameters {
  const { given, method, mode, adapter, model, rows } = options;
  const notes: string[] = [];
  const batchSize = given.batchSize ?? defaultBatchSize(method, model);
  const accumulation = given.gradientAccumulationSteps ?? 1;
  const rowsPerStep = batchSize * accumulation * options.cards;
  const numGenerations = given.numGenerations ?? 8;
  // In GRPO a batch counts completions: each prompt takes numGenerations of them.
  const rowsForSteps = method === "grpo" ? rows * numGenerations : rows;
  const perEpoch = Math.max(1, Math.ceil(rowsForSteps / rowsPerStep));
  const isDemoLimited = mode === "demo" && given.maxSteps === undefined && given.epochs === undefined;
  const maxSteps = given.maxSteps ?? (isDemoLimited ? DEMO_STEPS : null);
  const epochs = maxSteps !== null ? null : (given.epochs ?? (method === "sft" ? 3 : 1));
  const steps = maxSteps ?? Math.ceil(perEpoch * (epochs ?? 1));
  let learningRate = given.learningRate;
  if (learningRate === undefined) {
    const isTinyFull = adapter === "full" && isTiny(model);
    learningRate = isTinyFull
      ? TINY_LEARNING_RATES[method]
      : LEARNING_RATES[method][adapter === "full" ? "full" : "adapter"];
    if (isTinyFull) notes.push(`Learning rate ${learningRate}: models this small need large steps.`);
  }
  const maxLength = given.maxLength ?? defaultMaxLength(model);
  const saveSteps = given.saveSteps ?? Math.min(500, Math.max(20, Math.ceil(steps / 5)));
  const script: Record<string, number | string | boolean | null> = {
    learning_rate: learningRate,
    epochs,
    max_steps: maxSteps,
    batch_size: batchSize,
    gradient_accumulation_steps: accumulation,
    warmup_steps: given.warmupSteps ?? 0.03,
    scheduler: given.scheduler ?? "cosine",
    weight_decay: given.weightDecay ?? 0,
    max_grad_norm: given.maxGradNorm ?? 1,
    logging_steps: given.loggingSteps ?? Math.min(10, Math.max(1, Math.ceil(steps / 50))),
    evaluation_steps:
      given.evaluationSteps ?? (options.hasEvaluation ? Math.max(1, Math.ceil(steps / 5)) : null),
    save_steps: saveSteps,
  };
  if (method !== "grpo") script.max_length = maxLength;
  if (given.beta !== undefined) script.beta = given.beta;
  if (method === "sft") {
    if (given.completionOnlyLoss !== undefined) script.completion_only_loss = given.completionOnlyLoss;
    if (given.assistantOnlyLoss !== undefined) script.assistant_only_loss = given.assistantOnlyLoss;
    if (given.packing !== undefined) script.packing = given.packing;
  }
  if (method === "grpo") {
    script.num_generations = numGenerations;
    script.max_completion_length = given.maxCompletionLength ?? Math.min(512, model.contextLength ?? 512);
    script.temperature = given.temperature ?? 1;
  }
  return {
    script,
    steps,
    rowsPerStep,
    microStepsPerStep: accumulation,
    learningRate,
    epochs,
    batchSize,
    maxLength,
    notes,
  };
}
