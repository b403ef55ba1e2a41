import { z } from "zod";
import type { ChatModel } from "../contract/chat-model.ts";
import type { DatasetSource, EvaluationExample } from "../contract/dataset-source.ts";
import { parseOrThrow } from "../errors/from-zod.ts";
import type {
  RecommendationPolicy,
  RecommendationThresholds,
} from "../statistics/recommend/recommend-options.ts";
import type { AnswerCache } from "./answer-cache.ts";
import type { ModelUnderTest } from "./arm.ts";
import type { AgentRun, ToRequest } from "./ask.ts";
import type { GenerationSettings } from "./chat-request.ts";
import type { RawGuardrail } from "./collector.ts";
import type { EvaluationDataset, MapRow } from "./dataset.ts";
import type { ExperimentWriter } from "./experiment-writer.ts";
import type { Metric } from "./metric.ts";

/** What an `Evaluator` keeps between evaluations. */
export interface EvaluatorOptions {
  /** Where references are read from, before the built-in `file:`, `hf://` and `ls://`. */
  readonly sources?: readonly DatasetSource[];
  /** Shows each comparison somewhere else, too, such as `langSmithExperiments()`. @default nowhere */
  readonly experiments?: ExperimentWriter;
}

/** What evaluating one model and comparing two have in common. */
export interface EvaluationSettings {
  readonly agent: string;
  readonly dataset: EvaluationDataset;
  /** Turns rows of another shape into examples. */
  readonly mapRow?: MapRow;
  readonly metrics: readonly Metric[];
  /**
   * Share of each metric in the composite, adding up to 1. 0 = reported only. May be left out with a single metric, or
   * when the metrics are the five standard ones.
   */
  readonly weights?: Readonly<Record<string, number>>;
  /** Messages for an example. @default `inputs.messages`, else `inputs.prompt` or `inputs.question` */
  readonly toRequest?: ToRequest;
  /** The host's own agent instead of one chat call. */
  readonly run?: AgentRun;
  /** Temperature, token limit, tools … of every call. Nothing is set by default. */
  readonly generation?: GenerationSettings;
  /** Answers per example and model; the example's score is their mean. @default 1 */
  readonly trials?: number;
  /** Calls at the same time, per model: comparing two makes up to twice as many, in pairs for one example. @default 8 */
  readonly concurrency?: number;
  /** Answers scored at the same time. @default 16 */
  readonly metricConcurrency?: number;
  /** For one answer, retries included. @default 300_000 */
  readonly exampleTimeoutMs?: number;
  /** Keeps answers across evaluations. Not read while a metric measures latency. @default none */
  readonly cache?: AnswerCache;
  /** Give back the stored result when models, dataset, metrics and settings are unchanged. @default true */
  readonly reuse?: boolean;
  /** Chosen by the caller to resume after a crash without waiting for the first event. @default generated */
  readonly evaluationId?: string;
  readonly signal?: AbortSignal;
}

export interface EvaluateOptions extends EvaluationSettings {
  /** @default "unversioned" */
  readonly version?: string;
  readonly model: ChatModel;
}

export interface CompareOptions extends EvaluationSettings {
  readonly candidate: ModelUnderTest;
  /** The model in use. Null or left out: no gain can be stated and the outcome is `needs_review`. */
  readonly baseline?: ModelUnderTest | null;
  /** @default "hybrid" */
  readonly policy?: RecommendationPolicy;
  readonly thresholds?: Partial<RecommendationThresholds>;
  /** Raw quantities that must not get more than 20 % worse. @default none */
  readonly guardrails?: readonly RawGuardrail[];
  /** Source document or conversation, when examples share them. */
  readonly cluster?: (example: EvaluationExample) => string | number;
  /** Of the bootstrap. @default 1 */
  readonly seed?: number;
}

const isFunction = (value: unknown) => typeof value === "function";
const chatModelSchema = z.custom<ChatModel>(
  (value) =>
    typeof value === "object" &&
    value !== null &&
    (value as ChatModel).contract === "chat-model/v1" &&
    isFunction((value as ChatModel).generate) &&
    typeof (value as ChatModel).id === "string",
  "must be a ChatModel (contract chat-model/v1)",
);
const modelUnderTestSchema = z.strictObject({ version: z.string().min(1), model: chatModelSchema });
const metricSchema = z.custom<Metric>(
  (value) =>
    typeof value === "object" &&
    value !== null &&
    typeof (value as Metric).name === "string" &&
    /^[a-z][a-z0-9_]{0,63}$/.test((value as Metric).name) &&
    isFunction((value as Metric).score),
  "must be a metric with a snake_case name and a score function",
);

const settingsShape = {
  agent: z.string(),
  dataset: z.union([z.string().min(1), z.array(z.unknown())]),
  mapRow: z.custom<MapRow>(isFunction).optional(),
  metrics: z.array(metricSchema).min(1),
  weights: z.record(z.string(), z.number().min(0).max(1)).optional(),
  toRequest: z.custom<ToRequest>(isFunction).optional(),
  run: z.custom<AgentRun>(isFunction).optional(),
  generation: z.record(z.string(), z.unknown()).optional(),
  trials: z.number().int().min(1).max(100).optional(),
  concurrency: z.number().int().min(1).max(1024).optional(),
  metricConcurrency: z.number().int().min(1).max(1024).optional(),
  exampleTimeoutMs: z.number().int().positive().optional(),
  cache: z.custom<AnswerCache>((value) => typeof value === "object" && value !== null).optional(),
  reuse: z.boolean().optional(),
  evaluationId: z
    .string()
    .regex(/^[\w.-]{1,100}$/, "may hold letters, digits, _, . and - (at most 100)")
    .optional(),
  signal: z.instanceof(AbortSignal).optional(),
};

const compareSchema = z.strictObject({
  ...settingsShape,
  candidate: modelUnderTestSchema,
  baseline: modelUnderTestSchema.nullish(),
  policy: z.enum(["hybrid", "strict", "point"]).optional(),
  thresholds: z.record(z.string(), z.number()).optional(),
  guardrails: z.array(z.enum(["latency_ms", "cost_usd", "total_tokens"])).optional(),
  cluster: z.custom<(example: EvaluationExample) => string | number>(isFunction).optional(),
  seed: z.number().int().optional(),
});

const evaluateSchema = z.strictObject({
  ...settingsShape,
  version: z.string().min(1).optional(),
  model: chatModelSchema,
});

const evaluatorSchema = z.strictObject({
  sources: z
    .array(z.custom<DatasetSource>((value) => typeof value === "object" && value !== null))
    .optional(),
  experiments: z
    .custom<ExperimentWriter>((value) => isFunction((value as ExperimentWriter)?.start))
    .optional(),
});

/** Refuses unknown and ill-typed options; the value itself is passed on, so that models and datasets are not copied. */
export function checkCompareOptions(options: CompareOptions): CompareOptions {
  parseOrThrow(compareSchema, withoutExamples(options), {
    code: "input/evaluation",
    subject: "The options of compare",
  });
  return options;
}

export function checkEvaluateOptions(options: EvaluateOptions): EvaluateOptions {
  parseOrThrow(evaluateSchema, withoutExamples(options), {
    code: "input/evaluation",
    subject: "The options of evaluate",
  });
  return options;
}

export function checkEvaluatorOptions(options: EvaluatorOptions): EvaluatorOptions {
  parseOrThrow(evaluatorSchema, options, { code: "input/evaluator", subject: "The options of Evaluator" });
  return options;
}

/** Examples are checked one by one while they are read. */
function withoutExamples<Options extends { readonly dataset: EvaluationDataset }>(options: Options): unknown {
  return Array.isArray(options?.dataset) ? { ...options, dataset: [] } : options;
}
