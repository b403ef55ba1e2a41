import { z } from "zod";
import { twinOptionError } from "../twin/twin.ts";

/** What a scripted model is asked. */
export interface ScriptedQuestion {
  readonly model: string;
  /** Text of the last user message. */
  readonly prompt: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  /** Counts from 1 over all requests to this model. */
  readonly call: number;
  /** The whole request body, as it was sent. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** An answer in full. What is left out follows from the model's script. */
export interface ScriptedAnswer {
  readonly text?: string;
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: string }[];
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly latencyMs?: number;
  /** Fails instead of answering. */
  readonly error?: ScriptedFailure;
  /** Fails after so many tokens have been sent: inside the stream, or in the body of a 200 answer. */
  readonly failAfterTokens?: number;
}

export interface ScriptedFailure {
  readonly status: number;
  readonly message?: string;
  /** Sent as `Retry-After`. */
  readonly retryAfterSeconds?: number;
}

export type AnswerFunction = (
  question: ScriptedQuestion,
) => string | ScriptedAnswer | Promise<string | ScriptedAnswer>;

/** How long answers take: always the same, or log-normal around a median. */
export type Latency = number | { readonly medianMs: number; readonly p95Ms: number };

/** A model that behaves as written here. With the same seed and order of requests it behaves the same every time. */
export interface ScriptedModel {
  readonly id: string;
  /** Answers by the text of the last user message, or a function. @default every prompt is answered with `otherwise` */
  readonly answers?: Readonly<Record<string, string | ScriptedAnswer>> | AnswerFunction;
  /** The answer to what the table does not hold. @default "I do not know." */
  readonly otherwise?: string;
  /** By the twin's clock. @default 0 */
  readonly latencyMs?: Latency;
  /** Share of requests that fail, 0 to 1. @default 0 */
  readonly errorRate?: number;
  /** What such a request gets. @default status 500 */
  readonly failure?: ScriptedFailure;
  /** Stated as `usage.cost`. @default no cost is stated */
  readonly price?: {
    readonly inputUsdPerMillionTokens: number;
    readonly outputUsdPerMillionTokens: number;
  };
  /** Longer prompts are refused. @default 131_072 */
  readonly contextLength?: number;
  /** @default 1 */
  readonly seed?: number;
}

const failureSchema = z.strictObject({
  status: z.int().min(400).max(599),
  message: z.string().optional(),
  retryAfterSeconds: z.number().nonnegative().optional(),
});

const scriptedModelSchema = z.strictObject({
  id: z.string().min(1),
  answers: z
    .union([
      z.record(z.string(), z.unknown()),
      z.custom<AnswerFunction>((value) => typeof value === "function"),
    ])
    .optional(),
  otherwise: z.string().optional(),
  latencyMs: z
    .union([
      z.number().nonnegative(),
      z
        .strictObject({ medianMs: z.number().positive(), p95Ms: z.number().positive() })
        .refine(({ medianMs, p95Ms }) => p95Ms >= medianMs, "p95Ms must not be below medianMs"),
    ])
    .optional(),
  errorRate: z.number().min(0).max(1).optional(),
  failure: failureSchema.optional(),
  price: z
    .strictObject({
      inputUsdPerMillionTokens: z.number().nonnegative(),
      outputUsdPerMillionTokens: z.number().nonnegative(),
    })
    .optional(),
  contextLength: z.int().positive().optional(),
  seed: z.int().optional(),
});

/** Throws `testing/twin-option` naming what is wrong: a misspelt key must not become a model without errors. */
export function checkScriptedModel(twin: string, model: ScriptedModel): ScriptedModel {
  const result = scriptedModelSchema.safeParse(model);
  if (!result.success) {
    throw twinOptionError(twin, z.prettifyError(result.error), "correct the scripted model.");
  }
  return model;
}
