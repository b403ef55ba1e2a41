import { z } from "zod";
import { parseOrThrow } from "../errors/from-zod.ts";
import { type TrainingMethod, trainingMethodSchema } from "../model/model-version.ts";
import type { RewardDeclaration } from "../rewards/declaration.ts";
import type { DatasetCheck } from "./dataset-check.ts";
import {
  type DatasetReader,
  type DatasetReference,
  datasetReader,
  referenceName,
} from "./dataset-reference.ts";
import { goldProblemFor } from "./gold-answer.ts";
import { compileMapping, type FieldMapping, fieldMappingSchema } from "./mapping.ts";
import { OverlapIndex } from "./overlap.ts";
import { RowInspector } from "./row-inspector.ts";
import { splitRow } from "./row-text.ts";
import { findShape, shapesOf } from "./shapes.ts";
import { suggestMapping } from "./suggest-mapping.ts";
import { estimatedTokens, type TokenCounter } from "./token-counter.ts";

/** A class this much rarer than the largest one is likely to be ignored by the model. */
const IMBALANCE = 20;

export interface CheckDatasetOptions {
  readonly mapping?: FieldMapping | null;
  /** The evaluation set, to find rows that are in both. */
  readonly evaluation?: DatasetReference | null;
  readonly evaluationMapping?: FieldMapping | null;
  readonly counter?: TokenCounter;
  /** Tokens of prompt and answer that the run will keep. */
  readonly maxLength?: number | null;
  /** GRPO rewards: the gold answers they need are checked. */
  readonly rewards?: readonly RewardDeclaration[] | null;
  /** Leaves bad rows out (with a warning) instead of refusing the dataset. @default false */
  readonly dropInvalidRows?: boolean;
  readonly reader?: DatasetReader;
  /** Receives each usable row in its form, in order: the one pass can write the training file, too. */
  readonly onRow?: (row: Readonly<Record<string, unknown>>) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

const optionsSchema = z.looseObject({
  mapping: fieldMappingSchema.nullish(),
  evaluationMapping: fieldMappingSchema.nullish(),
  maxLength: z.int().positive().nullish(),
  dropInvalidRows: z.boolean().optional(),
});

/**
 * Reads a dataset once, row by row, and says whether it can be trained on: READY, NEEDS_MAPPING (with a mapping to
 * paste) or INCOMPATIBLE, with findings that name line, field, sample and fix. Changes nothing.
 */
export async function checkDataset(
  ref: DatasetReference,
  method: TrainingMethod,
  options: CheckDatasetOptions = {},
): Promise<DatasetCheck> {
  const subject = "The dataset check";
  parseOrThrow(trainingMethodSchema, method, {
    code: "input/training-method",
    subject,
    fix: "use sft, dpo or grpo.",
  });
  parseOrThrow(optionsSchema, options, { code: "input/dataset-check", subject });
  const reader = options.reader ?? datasetReader();
  const counter = options.counter ?? estimatedTokens;
  const rewards = options.rewards ?? null;
  const rewardColumns = (rewards ?? [])
    .flatMap((reward) => [reward.column, reward.tools_column])
    .filter(isText);
  const evaluation = options.evaluation
    ? await indexEvaluation(options.evaluation, method, options, reader)
    : null;
  const inspector = new RowInspector({
    method,
    mapping: options.mapping ?? null,
    counter,
    evaluation,
    maxLength: options.maxLength ?? null,
    rewardColumns,
    goldProblem: method === "grpo" ? goldProblemFor(rewards) : null,
    dropInvalidRows: options.dropInvalidRows ?? false,
  });
  const severity = options.dropInvalidRows ? "warning" : "error";
  const batches = reader.batches(ref, {
    signal: options.signal,
    onProblem: (problem) =>
      inspector.findings.add(
        {
          severity,
          code: problem.code.slice("dataset/".length),
          message: `The line cannot be read: ${problem.message}`,
          fix: problem.fix,
        },
        { line: problem.line },
      ),
  });
  for await (const rows of batches) {
    options.signal?.throwIfAborted();
    for (const row of rows) {
      const kept = inspector.add(row);
      // A promise for every row would cost more than the row: wait only when asked to.
      const written = kept && options.onRow?.(kept);
      if (written) await written;
    }
  }
  return conclude(ref, method, options, inspector, evaluation);
}

function conclude(
  ref: DatasetReference,
  method: TrainingMethod,
  options: CheckDatasetOptions,
  inspector: RowInspector,
  evaluation: OverlapIndex | null,
): DatasetCheck {
  const { findings, form, rows, usableRows } = inspector;
  const columns = [...inspector.columns];
  const classes = method === "sft" && form && form.shape !== "text" ? inspector.classes.list() : null;
  if (rows === 0 && !findings.hasErrors) {
    findings.add({
      severity: "error",
      code: "no-rows",
      message: "The dataset holds no rows.",
      fix: "check the reference and the file.",
    });
  }
  const [largest, smallest] = [classes?.[0], classes?.at(-1)];
  if (largest && smallest && largest.count >= IMBALANCE * smallest.count) {
    findings.add({
      severity: "warning",
      code: "class-imbalance",
      message: `The answer ${JSON.stringify(largest.answer).slice(0, 60)} occurs ${largest.count} times, ${JSON.stringify(smallest.answer).slice(0, 60)} only ${smallest.count} times.`,
      fix: "add rows of the rare answers, or accept that they will be learnt less.",
    });
  }
  const needsForm =
    rows > 0 && !form && !findings.list().some((finding) => finding.code === "missing-column");
  const suggestedMapping = needsForm
    ? (inspector.suggested ?? suggestMapping(method, columns, inspector.paths))
    : null;
  if (needsForm) {
    findings.add({
      severity: "error",
      code: "no-form",
      message: inspector.suggested
        ? `The chats are written otherwise than ${method.toUpperCase()} takes them.`
        : `The ${options.mapping ? "mapped fields" : "columns"} ${(options.mapping ? Object.keys(options.mapping) : columns).slice(0, 12).join(", ")} fit no form of ${method.toUpperCase()}.`,
      fix: suggestedMapping
        ? `use mapping: ${JSON.stringify(suggestedMapping)}.`
        : `give ${shapesOf(method)}, or a mapping that makes them.`,
    });
  } else if (form && usableRows === 0) {
    findings.add({
      severity: "error",
      code: "no-usable-rows",
      message: "No row can be trained on.",
      fix: "correct the rows as the other findings say.",
    });
  }
  const isReady = !findings.hasErrors && form !== null;
  const verdict = isReady ? "READY" : needsForm && !options.mapping ? "NEEDS_MAPPING" : "INCOMPATIBLE";
  const fingerprint = inspector.fingerprint();
  const list = findings.list();
  return {
    verdict,
    summary: summarise(verdict, rows, usableRows, form?.shape ?? null, list),
    ref: referenceName(ref, fingerprint),
    method,
    fingerprint,
    rows,
    usableRows,
    columns,
    form,
    mapping: options.mapping ?? null,
    suggestedMapping,
    findings: list,
    tokens: usableRows > 0 ? inspector.tokens() : null,
    duplicateRows: inspector.duplicateRows,
    classes,
    overlap: evaluation
      ? { evaluationRows: evaluation.size, exact: inspector.overlapExact, near: inspector.overlapNear }
      : null,
  };
}

function summarise(
  verdict: DatasetCheck["verdict"],
  rows: number,
  usable: number,
  shape: string | null,
  findings: DatasetCheck["findings"],
): string {
  const warnings = findings.filter((finding) => finding.severity === "warning").length;
  const first = findings.find((finding) => finding.severity === "error");
  if (verdict === "READY") {
    const dropped = rows > usable ? `, ${rows - usable} left out` : "";
    const notes = warnings > 0 ? `; ${warnings} warning${warnings > 1 ? "s" : ""}` : "";
    return `Ready: ${usable} rows of the form ${shape}${dropped}${notes}.`;
  }
  const where = first?.examples[0] ? ` (first at line ${first.examples[0].line})` : "";
  const start = verdict === "NEEDS_MAPPING" ? "Needs a mapping" : "Cannot be trained on";
  return `${start}: ${first?.message ?? "see the findings."}${where} Fix: ${first?.fix ?? ""}`;
}

async function indexEvaluation(
  ref: DatasetReference,
  method: TrainingMethod,
  options: CheckDatasetOptions,
  reader: DatasetReader,
): Promise<OverlapIndex> {
  const index = new OverlapIndex();
  const mapping = options.evaluationMapping ?? options.mapping ?? null;
  const map = mapping ? compileMapping(mapping) : null;
  for await (const rows of reader.batches(ref, { signal: options.signal })) {
    for (const row of rows) {
      const mapped = map?.(row.value);
      const value = mapped && "value" in mapped ? mapped.value : row.value;
      const form = findShape(method, new Set(Object.keys(value)));
      index.add(form ? splitRow(value, form).prompt : evaluationPrompt(value), row.line);
    }
  }
  return index;
}

/** Evaluation sets may hold `inputs` and `outputs`, or just a question. */
function evaluationPrompt(row: Readonly<Record<string, unknown>>): string {
  const inputs =
    typeof row.inputs === "object" && row.inputs !== null ? (row.inputs as Record<string, unknown>) : row;
  const found = ["prompt", "input", "question", "problem", "text", "query"]
    .map((name) => inputs[name])
    .find(isText);
  return found ?? Object.values(inputs).find(isText) ?? "";
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
