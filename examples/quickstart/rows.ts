import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type EvaluationExample,
  exportDataset,
  type FieldMapping,
  fileSource,
  ModelOpsError,
} from "@modelops/core";
import type { DemoArguments } from "./arguments.ts";
import type { SupportRequest } from "./real-calls.ts";

const EXAMPLE = dirname(fileURLToPath(import.meta.url));

/** The rows of a run: what is trained on, what is measured on, and (for the example) what must not be forgotten. */
export interface RunRows {
  /** `file:` reference. */
  readonly train: string;
  readonly mapping: FieldMapping | null;
  readonly heldOut: readonly EvaluationExample[];
  /** Null for a user's own dataset: nothing is known of the base's skills there. */
  readonly baseSkill: readonly EvaluationExample[] | null;
  readonly isExample: boolean;
}

/** The example's own rows, or the user's: theirs are mapped, and a tenth is held back when no evaluation file is given. */
export async function prepareRows(given: DemoArguments, folder: string): Promise<RunRows> {
  if (given.dataset === null) {
    const data = join(EXAMPLE, "data");
    return {
      train: `file:${join(data, "train.jsonl")}`,
      mapping: null,
      heldOut: await readExamples(join(data, "heldout.jsonl")),
      baseSkill: await readExamples(join(data, "base-skill.jsonl")),
      isExample: true,
    };
  }
  const mapping = mappingOf(given);
  const dataset = existing(given.dataset);
  const normalised = join(folder, "rows.jsonl");
  await exportDataset(`file:${dataset}`, "sft", { path: normalised, mapping });
  if (given.evaluation !== null) {
    const evaluation = join(folder, "evaluation.jsonl");
    await exportDataset(`file:${existing(given.evaluation)}`, "sft", { path: evaluation, mapping });
    return {
      train: `file:${normalised}`,
      mapping: null,
      heldOut: await examplesOf(evaluation),
      baseSkill: null,
      isExample: false,
    };
  }
  const { train, heldOut } = await holdBack(normalised, folder);
  return {
    train: `file:${train}`,
    mapping: null,
    heldOut: await examplesOf(heldOut),
    baseSkill: null,
    isExample: false,
  };
}

/** What the router is asked in the canary: the held-out requests themselves. */
export function asRequests(examples: readonly EvaluationExample[]): readonly SupportRequest[] {
  return examples.map((example) => {
    const messages = example.inputs.messages as readonly { readonly content: string }[];
    return { id: example.id, text: messages.at(-1)?.content ?? "", expected: String(example.outputs.text) };
  });
}

function mappingOf(given: DemoArguments): FieldMapping | null {
  if (given.promptTemplate === null || given.completionTemplate === null) return null;
  return {
    prompt: [{ role: "user", content: given.promptTemplate }],
    completion: [{ role: "assistant", content: given.completionTemplate }],
  };
}

function existing(path: string): string {
  const absolute = resolve(path);
  if (existsSync(absolute)) return absolute;
  throw new ModelOpsError({
    code: "input/arguments",
    message: `There is no file ${path}.`,
    fix: "give the path of a JSONL or CSV file.",
  });
}

/** Rows as the library reads them: split at line feeds only, errors with their line. */
async function* rowsOf<Row>(path: string): AsyncGenerator<Row> {
  for await (const { value } of fileSource().read(`file:${path}`)) yield value as Row;
}

async function readExamples(path: string): Promise<readonly EvaluationExample[]> {
  const examples: EvaluationExample[] = [];
  for await (const example of rowsOf<EvaluationExample>(path)) examples.push(example);
  return examples;
}

/** Every tenth row by the hash of its text: the same rows are held back in every run. */
async function holdBack(
  path: string,
  folder: string,
): Promise<{ readonly train: string; readonly heldOut: string }> {
  const train = join(folder, "train.jsonl");
  const heldOut = join(folder, "held-out.jsonl");
  const [trainFile, heldOutFile] = await Promise.all([open(train, "w"), open(heldOut, "w")]);
  try {
    for await (const row of rowsOf(path)) {
      const line = JSON.stringify(row);
      const isHeldOut = (createHash("sha256").update(line).digest()[0] ?? 0) < 26;
      await (isHeldOut ? heldOutFile : trainFile).write(`${line}\n`);
    }
  } finally {
    await Promise.all([trainFile.close(), heldOutFile.close()]);
  }
  return { train, heldOut };
}

interface Message {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
}

interface TrainingRow {
  readonly prompt?: string | readonly Message[];
  readonly completion?: string | readonly Message[];
  readonly messages?: readonly Message[];
}

/** A training row as a question with its reference answer: everything before the last assistant turn is asked. */
async function examplesOf(path: string): Promise<readonly EvaluationExample[]> {
  const examples: EvaluationExample[] = [];
  for await (const row of rowsOf<TrainingRow>(path)) {
    const turns = row.messages ?? [
      ...asMessages(row.prompt, "user"),
      ...asMessages(row.completion, "assistant"),
    ];
    const answer = turns.at(-1);
    if (answer?.role !== "assistant") continue;
    examples.push({
      id: `row-${String(examples.length + 1).padStart(6, "0")}`,
      inputs: { messages: turns.slice(0, -1) },
      outputs: { text: answer.content },
      metadata: {},
    });
  }
  if (examples.length > 0) return examples;
  throw new ModelOpsError({
    code: "dataset/no-evaluation-rows",
    message: "No row can be evaluated.",
    reason: "Evaluation needs rows whose last turn is an answer.",
    fix: "give rows with prompt and completion (or messages), or --prompt and --completion templates.",
  });
}

function asMessages(
  value: string | readonly Message[] | undefined,
  role: "user" | "assistant",
): readonly Message[] {
  if (value === undefined) return [];
  return typeof value === "string" ? [{ role, content: value }] : value;
}
