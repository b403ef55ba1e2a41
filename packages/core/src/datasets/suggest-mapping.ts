import type { TrainingMethod } from "../model/model-version.ts";
import type { FieldMapping } from "./mapping.ts";

const QUESTIONS = [
  "prompt",
  "instruction",
  "question",
  "input",
  "query",
  "problem",
  "user",
  "human",
  "utterance",
  "text",
  "source",
  "sentence",
];
const ANSWERS = [
  "completion",
  "response",
  "output",
  "answer",
  "solution",
  "assistant",
  "target",
  "label",
  "intent",
  "reply",
  "summary",
  "gpt",
];
const CHOSEN = [
  "chosen",
  "accepted",
  "preferred",
  "better",
  "good",
  "winner",
  "response_chosen",
  "answer_chosen",
];
const REJECTED = [
  "rejected",
  "dispreferred",
  "worse",
  "bad",
  "loser",
  "response_rejected",
  "answer_rejected",
];
const MESSAGES = ["messages", "conversations", "conversation", "chat", "dialogue", "dialog"];

/** A mapping worth pasting for columns like these, or null when no names speak for themselves. */
export function suggestMapping(
  method: TrainingMethod,
  columns: readonly string[],
  paths: readonly string[] = [],
): FieldMapping | null {
  if (method !== "dpo" && columns.includes("inputs") && columns.includes("outputs"))
    return fromExamples(method, paths);
  const find = (names: readonly string[], except: readonly (string | undefined)[] = []) =>
    names
      .map((name) => columns.find((column) => column.toLowerCase() === name && !except.includes(column)))
      .find((column) => column !== undefined);
  const question = find(QUESTIONS);
  if (method === "dpo") {
    const chosen = find(CHOSEN);
    const rejected = find(REJECTED);
    return chosen && rejected ? { ...(question ? { prompt: question } : {}), chosen, rejected } : null;
  }
  const answer = find(ANSWERS, [question]);
  if (method === "grpo") return question && answer ? { prompt: question, solution: answer } : null;
  const messages = find(MESSAGES);
  if (messages) return { messages };
  if (!question || !answer) return null;
  const input = question.toLowerCase() === "instruction" ? find(["input", "context"]) : undefined;
  if (input === undefined) return { prompt: `{{${question}}}\n`, completion: answer };
  return { prompt: { paragraphs: [`{{${question}}}`, `{{${input}}}`], end: "\n" }, completion: answer };
}

/** Rows `{ inputs, outputs }`, as evaluation sets and traces have them: a known name on each side, or its only text. */
function fromExamples(method: TrainingMethod, paths: readonly string[]): FieldMapping | null {
  const side = (name: "inputs" | "outputs", known: readonly string[]) => {
    const own = paths.filter((path) => path.startsWith(`${name}.`));
    const named = known.map((word) => `${name}.${word}`).find((path) => own.includes(path));
    return named ?? (own.length === 1 ? own[0] : undefined);
  };
  const question = side("inputs", QUESTIONS);
  const answer = side("outputs", [...ANSWERS, "text", "content"]);
  if (!question || !answer) return null;
  return method === "grpo"
    ? { prompt: question, solution: answer }
    : { prompt: `{{${question}}}\n`, completion: answer };
}
