import type { TrainingMethod } from "../model/model-version.ts";

/** The forms of rows that the training scripts take. */
export type DatasetShape =
  | "messages"
  | "prompt+completion"
  | "text+response"
  | "text"
  | "prompt+chosen+rejected"
  | "chosen+rejected"
  | "problem+solution";

/** A form found in a dataset: `fields` are kept on export, everything else is dropped. */
export interface FoundShape {
  readonly shape: DatasetShape;
  readonly fields: readonly string[];
  /** Fields that hold what the model reads; the others hold what it shall learn. */
  readonly promptFields: readonly string[];
}

const PROBLEM_FIELDS = ["prompt", "problem", "question"];
const SOLUTION_FIELDS = ["solution", "answer"];

/**
 * The form of rows with these columns, or null when they fit none. Order matters: a `text` column beside a prompt is
 * not the training text. `rewardColumns` are the columns that GRPO rewards name.
 */
export function findShape(
  method: TrainingMethod,
  columns: ReadonlySet<string>,
  rewardColumns: readonly string[] = [],
): FoundShape | null {
  const has = (...names: string[]) => names.every((name) => columns.has(name));
  if (method === "dpo") {
    if (has("prompt", "chosen", "rejected"))
      return found("prompt+chosen+rejected", ["prompt"], ["chosen", "rejected"], columns);
    return has("chosen", "rejected") ? found("chosen+rejected", [], ["chosen", "rejected"], columns) : null;
  }
  if (method === "grpo") {
    const problem = PROBLEM_FIELDS.find((name) => columns.has(name));
    const solution = SOLUTION_FIELDS.find((name) => columns.has(name));
    const gold = rewardColumns.length > 0 ? rewardColumns : solution ? [solution] : [];
    if (!problem || gold.length === 0 || !has(...gold)) return null;
    return { shape: "problem+solution", fields: [...new Set([problem, ...gold])], promptFields: [problem] };
  }
  if (has("messages")) return found("messages", ["messages"], [], columns);
  if (has("prompt", "completion")) return found("prompt+completion", ["prompt"], ["completion"], columns);
  if (has("text", "response")) return found("text+response", ["text"], ["response"], columns);
  // A text column with neighbours is more often an input than a text to continue: that needs a word from a person.
  return columns.size === 1 && has("text") ? found("text", ["text"], [], columns) : null;
}

function found(
  shape: DatasetShape,
  promptFields: readonly string[],
  answerFields: readonly string[],
  columns: ReadonlySet<string>,
): FoundShape {
  const isChat = shape === "messages" || shape.startsWith("prompt") || shape === "chosen+rejected";
  const tools = isChat && columns.has("tools") ? ["tools"] : [];
  return { shape, fields: [...promptFields, ...answerFields, ...tools], promptFields };
}

/** The forms a method takes, for messages to people. */
export function shapesOf(method: TrainingMethod): string {
  if (method === "dpo") return '"prompt", "chosen" and "rejected"';
  if (method === "grpo")
    return '"prompt" (or "problem", "question") and "solution" (or the columns that the rewards name)';
  return '"messages", or "prompt" and "completion", or "text" and "response"';
}
