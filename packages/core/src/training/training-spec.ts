import { z } from "zod";
import type { RunTracking } from "../contract/training-backend.ts";
import type { DatasetReference } from "../datasets/dataset-reference.ts";
import { type FieldMapping, fieldMappingSchema } from "../datasets/mapping.ts";
import type { TrainingMethod } from "../model/model-version.ts";
import { trainingMethodSchema } from "../model/model-version.ts";
import { type RewardDeclaration, rewardSchema } from "../rewards/declaration.ts";

const rows = z.array(z.record(z.string(), z.unknown()));
const reference = z.union([z.string().min(1), rows], {
  error: "must be a reference such as file:train.jsonl, or an array of rows",
});
const positive = z.number().positive();
const count = z.int().positive();

export const hyperparametersSchema = z.strictObject({
  learningRate: positive.optional(),
  epochs: positive.optional(),
  maxSteps: count.optional(),
  batchSize: count.optional(),
  gradientAccumulationSteps: count.optional(),
  warmupSteps: z.number().nonnegative().optional(),
  scheduler: z.enum(["cosine", "linear", "constant"]).optional(),
  weightDecay: z.number().nonnegative().optional(),
  maxLength: count.optional(),
  maxGradNorm: positive.optional(),
  loggingSteps: count.optional(),
  evaluationSteps: count.optional(),
  saveSteps: count.optional(),
  beta: z.number().nonnegative().optional(),
  completionOnlyLoss: z.boolean().optional(),
  assistantOnlyLoss: z.boolean().optional(),
  packing: z.boolean().optional(),
  numGenerations: z.int().min(2).optional(),
  maxCompletionLength: count.optional(),
  temperature: positive.optional(),
});

/** Values of the run; what is left out is chosen by method, size and mode. `warmupSteps` below 1 is a share of all steps. */
export type Hyperparameters = z.infer<typeof hyperparametersSchema>;

const adapterObjectSchema = z.strictObject({
  kind: z.enum(["lora", "qlora", "full"]),
  rank: count.optional(),
  alpha: positive.optional(),
  dropout: z.number().min(0).max(1).optional(),
  targetModules: z.union([z.literal("all-linear"), z.array(z.string().min(1)).min(1)]).optional(),
});

export const trainingSpecSchema = z
  .strictObject({
    agent: z.string(),
    baseModel: z.string().min(1).max(1000).optional(),
    baseModelRevision: z.string().min(1).nullish(),
    method: trainingMethodSchema.optional(),
    dataset: reference,
    mapping: fieldMappingSchema.nullish(),
    evaluationDataset: reference.nullish(),
    evaluationFraction: z.number().gt(0).lt(1).nullish(),
    dropInvalidRows: z.boolean().optional(),
    tracking: z
      .strictObject({
        to: z.enum(["trackio", "tensorboard"]),
        project: z.string().min(1).max(100).nullish(),
        runName: z.string().min(1).max(100).nullish(),
        space: z
          .string()
          .regex(/^[\w.-]{1,96}\/[\w.-]{1,96}$/, "must be owner/name")
          .nullish(),
      })
      .refine((tracking) => tracking.to === "trackio" || tracking.space == null, {
        error: "is for trackio: TensorBoard's files go to the model's repository",
        path: ["space"],
      })
      .nullish(),
    mode: z.enum(["demo", "production"]).optional(),
    adapter: z.union([z.enum(["auto", "lora", "qlora", "full"]), adapterObjectSchema]).optional(),
    hyperparameters: hyperparametersSchema.optional(),
    rewards: z.array(rewardSchema).min(1).nullish(),
    hardware: z.string().min(1).nullish(),
    fallbackHardware: z.array(z.string().min(1)).max(10).nullish(),
    seed: z.int().nonnegative().optional(),
    hubRepo: z.string().min(1).nullish(),
    modelId: z.string().min(1).max(300).nullish(),
    runId: z.string().min(1).max(120).nullish(),
    maxCostUsd: z.number().nonnegative().nullish(),
    timeoutMs: z.number().positive().nullish(),
    bump: z.enum(["major", "minor", "patch"]).optional(),
    tags: z.array(z.string()).optional(),
    changelog: z.string().nullish(),
  })
  .refine((spec) => !(spec.hyperparameters?.epochs && spec.hyperparameters.maxSteps), {
    error: "give epochs or maxSteps, not both",
    path: ["hyperparameters"],
  })
  .refine((spec) => spec.evaluationDataset == null || spec.evaluationFraction == null, {
    error: "give evaluationDataset or evaluationFraction, not both",
    path: ["evaluationFraction"],
  })
  .refine((spec) => spec.method !== "grpo" || (spec.rewards?.length ?? 0) > 0, {
    error: 'GRPO needs at least one reward, such as { kind: "numeric", column: "answer" }',
    path: ["rewards"],
  });

/** What to train, from what, for whom. Everything but agent, base model and dataset may be left out. */
export interface TrainingSpec {
  readonly agent: string;
  /** A folder on this machine, a hub id or a preset's name. Default: what the training defaults recommend for the agent. */
  readonly baseModel?: string;
  readonly baseModelRevision?: string | null;
  /** @default "sft" */
  readonly method?: TrainingMethod;
  readonly dataset: DatasetReference;
  /** Which columns become which fields, when the dataset does not have the method's fields. */
  readonly mapping?: FieldMapping | null;
  /** Rows to measure the loss on while training; also used to find rows that stand in both. Same columns. */
  readonly evaluationDataset?: DatasetReference | null;
  /** Share of the rows to hold out for that instead, by a draw that the seed decides. */
  readonly evaluationFraction?: number | null;
  readonly dropInvalidRows?: boolean;
  /** Writes the run's curves to Trackio or TensorBoard, too. */
  readonly tracking?: RunTracking | null;
  /** `demo`: at most 100 rows and 10 steps, to see that everything works. @default "production" */
  readonly mode?: "demo" | "production";
  /** @default "auto" */
  readonly adapter?: "auto" | "lora" | "qlora" | "full" | z.infer<typeof adapterObjectSchema>;
  readonly hyperparameters?: Hyperparameters;
  /** GRPO rewards as data. */
  readonly rewards?: readonly RewardDeclaration[] | null;
  /** The backend's name of a machine. Default: the cheapest that fits. */
  readonly hardware?: string | null;
  /**
   * Machines to go on with, in this order, when none of the planned kind comes free in time. Each is quoted, and an
   * approval covers the dearest.
   */
  readonly fallbackHardware?: readonly string[] | null;
  /** @default 42 */
  readonly seed?: number;
  /** Where to push the result on the Hub. */
  readonly hubRepo?: string | null;
  /** Name of the trained model in the registry. Default: the hub repository, else `<agent>-<run id>`. */
  readonly modelId?: string | null;
  /** Decides identity: training twice under one run id is one job, and an interrupted one goes on. */
  readonly runId?: string | null;
  /** Refuses a quote above it, and cancels a job whose bill or projection passes it. */
  readonly maxCostUsd?: number | null;
  readonly timeoutMs?: number | null;
  readonly bump?: "major" | "minor" | "patch";
  readonly tags?: readonly string[];
  readonly changelog?: string | null;
}
