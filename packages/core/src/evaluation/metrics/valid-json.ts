import type { Metric } from "../metric.ts";
import { parseJson } from "../reference.ts";
import { compileSchema } from "./json-schema.ts";

export interface ValidJsonOptions {
  /** The JSON must also fit this schema. */
  readonly schema?: Readonly<Record<string, unknown>>;
  /** @default "valid_json" */
  readonly name?: string;
}

/** 1 when the whole answer is one JSON value (and fits the schema, when given), else 0. */
export function validJson(options: ValidJsonOptions = {}): Metric {
  const fits = options.schema ? compileSchema(options.schema) : () => true;
  return {
    name: options.name ?? "valid_json",
    version: `1:${JSON.stringify(options.schema ?? null)}`,
    description: options.schema
      ? "1 if the whole answer is JSON that fits the schema, else 0"
      : "1 if the whole answer is JSON, else 0",
    score({ answer }) {
      const parsed = parseJson(answer.text);
      return { score: parsed.ok && fits(parsed.value) ? 1 : 0 };
    },
  };
}
