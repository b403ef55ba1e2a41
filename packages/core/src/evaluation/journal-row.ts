import { ModelOpsError } from "../errors/modelops-error.ts";
import type { EvaluationAnswer } from "./answer.ts";
import type { JournalRow } from "./journal.ts";

/** A row as it is stored: what an answer does not say takes no place. */
type PackedRow = Omit<JournalRow, "answer" | "scored"> & {
  readonly answer: Partial<EvaluationAnswer>;
  readonly scored?: JournalRow["scored"];
};

/** What is meant where a stored answer says nothing. */
const UNSAID = {
  toolCalls: [],
  costUsd: null,
  requestId: null,
  attempts: 1,
  steps: null,
  route: null,
  details: {},
  fromCache: false,
} satisfies Partial<EvaluationAnswer>;

/** What every store takes in one record (4 MiB), less what the record adds to its rows. */
const LARGEST_ROW_BYTES = 4 * 2 ** 20 - 64;
/** A character of a row takes at most so many bytes in a record. */
const BYTES_PER_CHARACTER = 3;

/**
 * @throws ModelOpsError `input/not-json`, `model/answer-too-large`
 */
export function rowText({ arm, trial, exampleId, answer, scored }: JournalRow): string {
  const row: PackedRow = {
    arm,
    trial,
    exampleId,
    // JSON leaves out what is undefined.
    answer: {
      ...answer,
      toolCalls: answer.toolCalls.length === 0 ? undefined : answer.toolCalls,
      costUsd: answer.costUsd ?? undefined,
      requestId: answer.requestId ?? undefined,
      attempts: answer.attempts === 1 ? undefined : answer.attempts,
      steps: answer.steps ?? undefined,
      route: answer.route ?? undefined,
      details: isEmpty(answer.details) ? undefined : answer.details,
      fromCache: answer.fromCache || undefined,
    },
    scored: scored ?? undefined,
  };
  const text = jsonText(row);
  if (text.length * BYTES_PER_CHARACTER <= LARGEST_ROW_BYTES) return text;
  // A record holds its rows as text: what is JSON already becomes a JSON string.
  const sizeBytes = Buffer.byteLength(JSON.stringify(text));
  if (sizeBytes <= LARGEST_ROW_BYTES) return text;
  throw new ModelOpsError({
    code: ANSWER_TOO_LARGE,
    message: `An answer takes ${sizeBytes} bytes; ${LARGEST_ROW_BYTES} can be kept.`,
    fix: "limit the answer (generation.maxOutputTokens), or put less into details.",
    details: {
      exampleId,
      sizeBytes,
      limitBytes: LARGEST_ROW_BYTES,
      costUsd: answer.costUsd,
      attempts: answer.attempts,
    },
  });
}

const ANSWER_TOO_LARGE = "model/answer-too-large";

export function isTooLarge(error: unknown): boolean {
  return ModelOpsError.isInstance(error) && error.code === ANSWER_TOO_LARGE;
}

function jsonText(row: PackedRow): string {
  const { exampleId } = row;
  try {
    return JSON.stringify(row);
  } catch (cause) {
    throw new ModelOpsError({
      code: "input/not-json",
      message: `The answer to example ${JSON.stringify(exampleId.slice(0, 80))} cannot be stored.`,
      reason: "It has no JSON form (a bigint, a circular reference).",
      fix: "return plain objects, arrays, strings, finite numbers, booleans and null from run(example, model).",
      details: { exampleId },
      cause,
    });
  }
}

/** The rows of a stored record: a list in records of version 1, its text since version 2. */
export function rowsFromRecord(value: Readonly<Record<string, unknown>>): readonly JournalRow[] {
  // Only the journal writes the collection, and the store returns what was written.
  const { rows = [] } = value as { readonly rows?: readonly PackedRow[] | string };
  return (typeof rows === "string" ? (JSON.parse(rows) as readonly PackedRow[]) : rows).map(unpacked);
}

function unpacked({ answer, scored, ...key }: PackedRow): JournalRow {
  return { ...key, answer: { ...UNSAID, ...answer } as EvaluationAnswer, scored: scored ?? null };
}

function isEmpty(value: object): boolean {
  for (const _ in value) return false;
  return true;
}
