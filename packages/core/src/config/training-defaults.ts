import { readFile } from "node:fs/promises";
import { z } from "zod";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { parseYamlConfig } from "./yaml-config.ts";

const positive = z.number().positive();
const count = z.int().positive();

const modeSchema = z.looseObject({
  num_epochs: positive.nullish(),
  batch_size: count.nullish(),
  max_steps: count.nullish(),
  learning_rate: positive.nullish(),
});

const presetSchema = z.looseObject({ model_id: z.string().min(1), hardware: z.string().nullish() });

const cardsSchema = z.looseObject({ gpu_type: z.string().min(1), num_gpus: count.nullish() });

/** The host's file as it stands: snake_case, unknown keys kept out of the way. */
const fileSchema = z.looseObject({
  model_presets: z.record(z.string(), presetSchema).nullish(),
  training_defaults: z
    .looseObject({ demo: modeSchema.nullish(), production: modeSchema.nullish() })
    .nullish(),
  /** The older form of the file: one block for both modes, and cards by the model's size. */
  default_training_config: z
    .looseObject({
      learning_rate: positive.nullish(),
      num_epochs: positive.nullish(),
      batch_size: count.nullish(),
      gradient_accumulation_steps: count.nullish(),
      warmup_ratio: z.number().min(0).max(1).nullish(),
      lora_rank: count.nullish(),
      lora_alpha: positive.nullish(),
      lora_dropout: z.number().min(0).max(1).nullish(),
      target_modules: z.union([z.string(), z.array(z.string())]).nullish(),
      max_seq_length: count.nullish(),
    })
    .nullish(),
  gpu_selection: z
    .looseObject({
      small: cardsSchema.nullish(),
      medium: cardsSchema.nullish(),
      large: cardsSchema.nullish(),
    })
    .nullish(),
  autotrain: z
    .looseObject({
      warmup_ratio: z.number().min(0).max(1).nullish(),
      gradient_accumulation_steps: count.nullish(),
      lora: z
        .looseObject({
          r: count.nullish(),
          lora_alpha: positive.nullish(),
          lora_dropout: z.number().min(0).max(1).nullish(),
          target_modules: z.union([z.string(), z.array(z.string())]).nullish(),
        })
        .nullish(),
    })
    .nullish(),
  langsmith: z
    .looseObject({
      filters: z
        .looseObject({
          min_feedback_score: z.number().nullish(),
          exclude_errors: z.boolean().nullish(),
        })
        .nullish(),
      quality: z.looseObject({ min_examples: count.nullish(), max_examples: count.nullish() }).nullish(),
    })
    .nullish(),
  agent_overrides: z
    .record(
      z.string(),
      z.looseObject({
        recommended_model: z.string().nullish(),
        min_examples: count.nullish(),
        demo_mode_enabled: z.boolean().nullish(),
      }),
    )
    .nullish(),
  safety: z
    .looseObject({
      max_training_cost_usd: positive.nullish(),
      max_training_duration_hours: positive.nullish(),
      require_approval_above_cost: z.number().nonnegative().nullish(),
    })
    .nullish(),
});

/** Values of a mode; null = the trainer chooses. */
export interface ModeDefaults {
  readonly epochs: number | null;
  readonly batchSize: number | null;
  readonly maxSteps: number | null;
  readonly learningRate: number | null;
}

/** The host's training defaults. Prices and estimates in the file are not read: they are asked for when they are needed. */
export interface TrainingDefaults {
  readonly presets: Readonly<Record<string, { readonly modelId: string; readonly hardware: string | null }>>;
  readonly modes: Readonly<Record<"demo" | "production", ModeDefaults>>;
  /** Cards by the model's size (`gpu_selection`); null = the plan chooses. */
  readonly gpuSelection: Readonly<
    Record<"small" | "medium" | "large", { readonly gpuType: string; readonly count: number } | null>
  > | null;
  /** Tokens of the longest row that is kept. */
  readonly maxLength: number | null;
  readonly warmupShare: number | null;
  readonly gradientAccumulationSteps: number | null;
  readonly lora: {
    readonly rank: number | null;
    readonly alpha: number | null;
    readonly dropout: number | null;
    readonly targetModules: "all-linear" | readonly string[] | null;
  };
  /** Which traced runs become examples: see `datasets.collect`. */
  readonly collect: { readonly minFeedback: number | null; readonly success: boolean | null };
  readonly rows: { readonly min: number | null; readonly max: number | null };
  readonly agents: Readonly<
    Record<
      string,
      {
        readonly recommendedPreset: string | null;
        readonly minRows: number | null;
        readonly demoAllowed: boolean;
      }
    >
  >;
  readonly safety: {
    readonly maxCostUsd: number | null;
    readonly maxHours: number | null;
    readonly approvalAboveUsd: number | null;
  };
}

/** Reads `training_defaults.yaml`. @throws ModelOpsError `config/not-found`, `config/invalid-yaml` with line numbers */
export async function loadTrainingDefaults(path: string): Promise<TrainingDefaults> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new ModelOpsError({
      code: "config/not-found",
      message: `The training defaults ${path} cannot be read.`,
      reason: cause instanceof Error ? cause.message : String(cause),
      fix: "check the path.",
      cause,
    });
  });
  return parseTrainingDefaults(text, path);
}

/** The same from a text; `file` is for messages. */
export function parseTrainingDefaults(text: string, file = "training_defaults.yaml"): TrainingDefaults {
  const value = parseYamlConfig({ text, file, schema: fileSchema });
  const lora = value.autotrain?.lora;
  const older = value.default_training_config;
  const modules = lora?.target_modules ?? older?.target_modules;
  const filters = value.langsmith?.filters;
  return {
    presets: mapValues(value.model_presets ?? {}, (preset) => ({
      modelId: preset.model_id,
      hardware: preset.hardware ?? null,
    })),
    modes: {
      // How long a demo takes is the trainer's to say; the older block was about whole runs.
      demo: mode(value.training_defaults?.demo, { ...older, num_epochs: null }),
      production: mode(value.training_defaults?.production, older),
    },
    gpuSelection: value.gpu_selection
      ? {
          small: cards(value.gpu_selection.small),
          medium: cards(value.gpu_selection.medium),
          large: cards(value.gpu_selection.large),
        }
      : null,
    maxLength: older?.max_seq_length ?? null,
    warmupShare: value.autotrain?.warmup_ratio ?? older?.warmup_ratio ?? null,
    gradientAccumulationSteps:
      value.autotrain?.gradient_accumulation_steps ?? older?.gradient_accumulation_steps ?? null,
    lora: {
      rank: lora?.r ?? older?.lora_rank ?? null,
      alpha: lora?.lora_alpha ?? older?.lora_alpha ?? null,
      dropout: lora?.lora_dropout ?? older?.lora_dropout ?? null,
      targetModules: modules == null ? null : typeof modules === "string" ? "all-linear" : modules,
    },
    collect: {
      minFeedback: filters?.min_feedback_score ?? null,
      success: filters?.exclude_errors ?? null,
    },
    rows: {
      min: value.langsmith?.quality?.min_examples ?? null,
      max: value.langsmith?.quality?.max_examples ?? null,
    },
    agents: mapValues(value.agent_overrides ?? {}, (agent) => ({
      recommendedPreset: agent.recommended_model ?? null,
      minRows: agent.min_examples ?? null,
      demoAllowed: agent.demo_mode_enabled ?? true,
    })),
    safety: {
      maxCostUsd: value.safety?.max_training_cost_usd ?? null,
      maxHours: value.safety?.max_training_duration_hours ?? null,
      approvalAboveUsd: value.safety?.require_approval_above_cost ?? null,
    },
  };
}

type ModeFields = z.output<typeof modeSchema> | null | undefined;

function mode(value: ModeFields, older: ModeFields): ModeDefaults {
  return {
    epochs: value?.num_epochs ?? older?.num_epochs ?? null,
    batchSize: value?.batch_size ?? older?.batch_size ?? null,
    maxSteps: value?.max_steps ?? null,
    learningRate: value?.learning_rate ?? older?.learning_rate ?? null,
  };
}

function cards(value: z.output<typeof cardsSchema> | null | undefined) {
  return value ? { gpuType: value.gpu_type, count: value.num_gpus ?? 1 } : null;
}

/** A table of its own names: agents and presets may be called anything, `constructor` too. */
function mapValues<Value, Result>(
  record: Readonly<Record<string, Value>>,
  make: (value: Value) => Result,
): Readonly<Record<string, Result>> {
  const result: Record<string, Result> = Object.create(null);
  for (const [key, value] of Object.entries(record)) result[key] = make(value);
  return result;
}
