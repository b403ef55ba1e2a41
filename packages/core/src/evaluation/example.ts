import { z } from "zod";
import type { DatasetRow, EvaluationExample } from "../contract/dataset-source.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { partsOfTableRow } from "./csv-row.ts";

/** Any object: what is in it is the example's own business, and copying it would cost more than all other checks. */
const record = z.custom<Readonly<Record<string, unknown>>>(isRecord, "must be an object");
const identifier = z.union([z.string().min(1), z.number()]).nullish();

const exampleSchema = z.looseObject({
  id: identifier,
  inputs: record,
  outputs: record.nullish(),
  metadata: record.nullish(),
});
type ExampleRow = z.infer<typeof exampleSchema>;

const messageSchema = z.looseObject({ role: z.string(), content: z.union([z.string(), z.null()]).nullish() });
const conversationSchema = z.looseObject({
  id: identifier,
  messages: z.array(messageSchema).min(1),
  metadata: record.nullish(),
});
const completionSchema = z.looseObject({
  id: identifier,
  prompt: z.string(),
  completion: z.union([z.string(), record]).nullish(),
  metadata: record.nullish(),
});

/** How rows of a set are written. One set keeps to one of them. */
export type ExampleShape = "inputs-outputs" | "messages" | "prompt-completion";

export interface ReadExample {
  readonly example: EvaluationExample;
  readonly shape: ExampleShape;
}

/**
 * A dataset row as an example: `{ inputs, outputs, metadata }` as it is; `{ messages }` with the last assistant message
 * as the reference; `{ prompt, completion }`; a table row with columns such as `inputs.question`. A row without `id` is named by its line, such as `line-12`.
 */
export function exampleFromRow(row: DatasetRow): ReadExample {
  if (typeof row.value !== "object" || row.value === null || Array.isArray(row.value)) {
    throw rowError(
      row,
      `it is ${row.value === null ? "null" : Array.isArray(row.value) ? "an array" : `a ${typeof row.value}`}`,
    );
  }
  const value = partsOfTableRow(row.value);
  const fallbackId = `line-${row.line}`;
  if ("inputs" in value) {
    if (!isExampleRow(value)) {
      throw rowError(row, exampleSchema.safeParse(value).error?.issues[0]?.message ?? "it does not parse");
    }
    const { id, inputs, outputs, metadata } = value;
    return {
      shape: "inputs-outputs",
      // Keys in the order in which the fingerprint writes them.
      example: { id: idOf(id, fallbackId), inputs, metadata: metadata ?? {}, outputs: outputs ?? {} },
    };
  }
  if ("messages" in value) {
    const parsed = conversationSchema.safeParse(value);
    if (!parsed.success) throw rowError(row, parsed.error.issues[0]?.message ?? "it does not parse");
    const { id, messages, metadata } = parsed.data;
    const last = messages.at(-1);
    const answered = last?.role === "assistant";
    if (answered && messages.length === 1) throw rowError(row, "its only message is the assistant's");
    return {
      shape: "messages",
      example: {
        id: idOf(id, fallbackId),
        inputs: { messages: answered ? messages.slice(0, -1) : messages },
        outputs: answered && typeof last.content === "string" ? { text: last.content } : {},
        metadata: metadata ?? {},
      },
    };
  }
  if ("prompt" in value) {
    const parsed = completionSchema.safeParse(value);
    if (!parsed.success) throw rowError(row, parsed.error.issues[0]?.message ?? "it does not parse");
    const { id, prompt, completion, metadata } = parsed.data;
    return {
      shape: "prompt-completion",
      example: {
        id: idOf(id, fallbackId),
        inputs: { prompt },
        outputs: completion === null || completion === undefined ? {} : { completion },
        metadata: metadata ?? {},
      },
    };
  }
  throw rowError(row, `it has the fields ${Object.keys(value).slice(0, 6).join(", ") || "(none)"}`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `exampleSchema` in plain comparisons: rows of this shape are read by the hundred thousand, and twice. */
function isExampleRow(value: Readonly<Record<string, unknown>>): value is ExampleRow {
  const { id, inputs, outputs, metadata } = value;
  return (
    (typeof id === "string" ? id !== "" : typeof id === "number" ? Number.isFinite(id) : isAbsent(id)) &&
    isRecord(inputs) &&
    (isAbsent(outputs) || isRecord(outputs)) &&
    (isAbsent(metadata) || isRecord(metadata))
  );
}

function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

function idOf(id: string | number | null | undefined, fallback: string): string {
  return id === null || id === undefined ? fallback : String(id);
}

function rowError(row: DatasetRow, problem: string): ModelOpsError {
  return new ModelOpsError({
    code: "evaluation/example-shape",
    message: `Row ${row.line} is not an evaluation example: ${problem}.`,
    fix: "write rows as { inputs, outputs, metadata }, { messages } or { prompt, completion }, or pass mapRow.",
    details: { line: row.line },
  });
}
