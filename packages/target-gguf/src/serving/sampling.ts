import { type ChatRequest, ModelOpsError } from "@modelops/core";
import type { SequenceEvaluateOptions } from "node-llama-cpp";

function badOption(name: string, value: unknown, needed: string): ModelOpsError {
  return new ModelOpsError({
    code: "model/invalid-request",
    message: `${name} is ${String(value)}.`,
    reason: `It must be ${needed}.`,
    fix: `give a valid ${name} or leave it out.`,
  });
}

function optionalNumber(body: ChatRequest["extraBody"], key: string): number | undefined {
  const value = body?.[key];
  if (value === undefined || (typeof value === "number" && value >= 0)) return value;
  throw badOption(key, value, "a number of at least 0");
}

/** Sampling settings of a request: greedy unless a temperature is given; nothing is cut off unless asked. */
export function samplingOptions(request: ChatRequest): SequenceEvaluateOptions {
  const { temperature = 0, seed, maxOutputTokens, extraBody } = request;
  if (!(temperature >= 0)) throw badOption("temperature", temperature, "a number of at least 0");
  if (maxOutputTokens !== undefined && !(Number.isSafeInteger(maxOutputTokens) && maxOutputTokens > 0)) {
    throw badOption("maxOutputTokens", maxOutputTokens, "a whole number above 0");
  }
  return {
    temperature,
    topK: optionalNumber(extraBody, "top_k") ?? 0,
    topP: optionalNumber(extraBody, "top_p") ?? 1,
    minP: optionalNumber(extraBody, "min_p") ?? 0,
    ...(seed === undefined ? {} : { seed }),
  };
}
