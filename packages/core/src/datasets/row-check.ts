import type { FoundShape } from "./shapes.ts";

/** What is wrong with one field of a row. */
export interface FieldProblem {
  readonly code: string;
  readonly field: string;
  readonly message: string;
  readonly fix: string;
  readonly sample: string | null;
}

const ROLES = new Set(["system", "developer", "user", "assistant", "tool"]);

/** Problems of a row in its form: missing, empty or of the wrong kind. `kinds` is what the first row held. */
export function fieldProblems(
  row: Readonly<Record<string, unknown>>,
  shape: FoundShape,
  kinds: Map<string, "text" | "chat">,
): FieldProblem[] {
  const problems: FieldProblem[] = [];
  for (const field of shape.fields) {
    if (field === "tools") continue;
    const problem = fieldProblem(row, field, shape, kinds);
    if (problem) problems.push({ ...problem, field });
  }
  const mixed = problems.length === 0 ? mixedFields(row, shape) : null;
  if (mixed) problems.push(mixed);
  if (problems.length === 0 && "chosen" in row && sameText(row.chosen, row.rejected)) {
    problems.push({
      code: "equal-preference",
      field: "rejected",
      message: "The chosen and the rejected answer are the same.",
      fix: "remove the row: it holds no preference.",
      sample: sampleOf(row.chosen),
    });
  }
  return problems;
}

/** Trainers take chats or texts for all fields of a row: a chat that is answered by a text stops them. */
function mixedFields(row: Readonly<Record<string, unknown>>, shape: FoundShape): FieldProblem | null {
  if (shape.shape === "problem+solution") return null;
  const [first = "", ...others] = shape.fields;
  const other = others.find(
    (field) => field !== "tools" && Array.isArray(row[field]) !== Array.isArray(row[first]),
  );
  if (other === undefined) return null;
  return {
    code: "mixed-types",
    field: other,
    message: `The field ${other} is ${name(Array.isArray(row[other]) ? "chat" : "text")}, but ${first} is not.`,
    fix: "write all fields of a row as texts, or all as lists of messages.",
    sample: sampleOf(row[other]),
  };
}

function fieldProblem(
  row: Readonly<Record<string, unknown>>,
  field: string,
  shape: FoundShape,
  kinds: Map<string, "text" | "chat">,
): Omit<FieldProblem, "field"> | null {
  const value = row[field];
  if (value === undefined || value === null) {
    return {
      code: "missing-field",
      message: `The field ${field} is missing.`,
      fix: `give every row a ${field}.`,
      sample: null,
    };
  }
  const isGold = shape.shape === "problem+solution" && !shape.promptFields.includes(field);
  // Gold values are read by the rewards, which take numbers, lists and objects, too.
  if (isGold && typeof value !== "string") return null;
  const kind = Array.isArray(value) ? "chat" : "text";
  if (!isGold && (kind === "chat" || field === "messages")) {
    const problem = chatProblem(value, field);
    if (problem) return problem;
  } else if (typeof value !== "string") {
    return {
      code: "wrong-type",
      message: `The field ${field} must be a text, not ${value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`}.`,
      fix: `write ${field} as a string${shape.shape === "prompt+completion" ? " or a list of messages" : ""}.`,
      sample: sampleOf(value),
    };
  } else if (value.trim() === "") {
    return {
      code: "empty-field",
      message: `The field ${field} is empty.`,
      fix: "fill it or remove the row.",
      sample: null,
    };
  }
  const expected = kinds.get(field);
  if (expected === undefined) kinds.set(field, kind);
  else if (expected !== kind) {
    return {
      code: "mixed-types",
      message: `The field ${field} is ${name(kind)} here and ${name(expected)} in the first row.`,
      fix: "use one form in the whole dataset.",
      sample: sampleOf(value),
    };
  }
  return null;
}

function chatProblem(value: unknown, field: string): Omit<FieldProblem, "field"> | null {
  const wrong = (code: string, message: string, fix: string) => ({
    code,
    message,
    fix,
    sample: sampleOf(value),
  });
  const example = 'write [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}].';
  if (!Array.isArray(value) || value.length === 0)
    return wrong("wrong-type", `The field ${field} is no list of messages.`, example);
  let hasAnswer = false;
  for (const [index, entry] of value.entries()) {
    const { role, content, tool_calls: calls } = (entry ?? {}) as Record<string, unknown>;
    if (typeof role !== "string" || !ROLES.has(role)) {
      return wrong(
        "unknown-role",
        `Message ${index + 1} of ${field} has the role ${JSON.stringify(role) ?? "none"}.`,
        "use system, user, assistant or tool.",
      );
    }
    const hasCalls = Array.isArray(calls) && calls.length > 0;
    const isText = typeof content === "string" && content.trim() !== "";
    const isParts = Array.isArray(content) && content.length > 0;
    if (role === "assistant" && (isText || hasCalls || isParts)) hasAnswer = true;
    if (
      isText ||
      isParts ||
      (role === "assistant" && hasCalls) ||
      (role === "tool" && typeof content === "string")
    )
      continue;
    return wrong(
      "empty-message",
      `Message ${index + 1} of ${field} (${role}) has no content.`,
      "fill it or remove the row.",
    );
  }
  if (field === "messages" && !hasAnswer) {
    return wrong(
      "no-answer",
      "The messages hold no assistant answer.",
      "add the answer to learn, or remove the row.",
    );
  }
  return null;
}

function sameText(one: unknown, other: unknown): boolean {
  return typeof one === "string" ? one === other : JSON.stringify(one) === JSON.stringify(other);
}

function sampleOf(value: unknown): string | null {
  if (value === undefined) return null;
  return typeof value === "string" ? value : (JSON.stringify(value) ?? null);
}

function name(kind: "text" | "chat"): string {
  return kind === "text" ? "a text" : "a list of messages";
}
