import { LangSmithRefusal } from "./langsmith-error.ts";
import type { FeedbackRecord, RunRecord } from "./langsmith-records.ts";
import { latencySeconds, metadataOf, statusOf, tokensOf } from "./run-facts.ts";

type Literal = string | number | boolean | null;
type Node =
  | { readonly kind: "call"; readonly name: string; readonly values: readonly Node[] }
  | { readonly kind: "field"; readonly name: string }
  | { readonly kind: "literal"; readonly value: Literal };

export type RunPredicate = (run: RunRecord, feedback: readonly FeedbackRecord[]) => boolean;

/**
 * Reads a filter such as `and(eq(feedback_key,"correctness"), lt(feedback_score,0.5))`. Throws a refusal with status
 * 400 for what the language does not have.
 */
export function runFilter(text: string): RunPredicate {
  const node = parse(text);
  return (run, feedback) => holds(node, { run, feedback, row: undefined, pair: undefined });
}

const TOKEN =
  /\s*(?:([A-Za-z_][\w.]*)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)|([(),]))/y;

function parse(text: string): Node {
  let position = 0;
  const wrong = (): never => {
    throw new LangSmithRefusal(
      400,
      `Invalid filter at position ${position}: ${text.slice(position, position + 20)}`,
    );
  };
  const next = (): RegExpExecArray => {
    TOKEN.lastIndex = position;
    const match = TOKEN.exec(text);
    if (!match) return wrong();
    position = TOKEN.lastIndex;
    return match;
  };
  const peek = () => {
    const before = position;
    TOKEN.lastIndex = before;
    return TOKEN.exec(text)?.[4];
  };
  const node = (): Node => {
    const [, word, quoted, number] = next();
    if (quoted !== undefined) return { kind: "literal", value: unquoted(quoted) };
    if (number !== undefined) return { kind: "literal", value: Number(number) };
    if (word === undefined) return wrong();
    if (peek() !== "(") {
      if (word === "null") return { kind: "literal", value: null };
      if (word === "true" || word === "false") return { kind: "literal", value: word === "true" };
      return { kind: "field", name: word };
    }
    next();
    const values: Node[] = [];
    while (peek() !== ")") {
      values.push(node());
      if (peek() === ",") next();
      else if (peek() !== ")") wrong();
    }
    next();
    return { kind: "call", name: word, values };
  };
  const whole = node();
  if (text.slice(position).trim() !== "") wrong();
  return whole;
}

function unquoted(quoted: string): string {
  return quoted.slice(1, -1).replace(/\\(.)/g, "$1");
}

interface Scope {
  readonly run: RunRecord;
  readonly feedback: readonly FeedbackRecord[];
  /** The feedback and the metadata entry that all conditions of one `and` speak about; undefined = not chosen. */
  readonly row: FeedbackRecord | null | undefined;
  readonly pair: readonly [string, unknown] | null | undefined;
}

function holds(node: Node, scope: Scope): boolean {
  if (node.kind !== "call") throw new LangSmithRefusal(400, "Invalid filter: a condition is expected");
  if (scope.row === undefined && mentions(node, "feedback_") && node.name !== "or") {
    return scope.feedback.some((row) => holds(node, { ...scope, row }));
  }
  if (scope.pair === undefined && mentions(node, "metadata_") && node.name !== "or") {
    return Object.entries(metadataOf(scope.run)).some((pair) => holds(node, { ...scope, pair }));
  }
  if (node.name === "and") return node.values.every((value) => holds(value, scope));
  if (node.name === "or") return node.values.some((value) => holds(value, scope));
  if (node.name === "search") {
    const [wanted] = node.values;
    const shown = JSON.stringify([scope.run.name, scope.run.inputs, scope.run.outputs, scope.run.error]);
    return wanted?.kind === "literal" && shown.toLowerCase().includes(String(wanted.value).toLowerCase());
  }
  const [field, literal] = node.values;
  if (field?.kind !== "field" || literal?.kind !== "literal") {
    throw new LangSmithRefusal(400, `Invalid filter: ${node.name} compares a field with a value`);
  }
  return compare(node.name, fieldValue(field.name, scope), literal.value);
}

function mentions(node: Node, prefix: string): boolean {
  if (node.kind === "field") return node.name.startsWith(prefix);
  return node.kind === "call" && node.values.some((value) => mentions(value, prefix));
}

function fieldValue(name: string, scope: Scope): unknown {
  const { run, row, pair } = scope;
  switch (name) {
    case "id":
      return run.id;
    case "name":
      return run.name;
    case "run_type":
      return run.runType;
    case "status":
      return statusOf(run);
    case "start_time":
      return run.startTime;
    case "end_time":
      return run.endTime;
    case "latency":
      return latencySeconds(run);
    case "total_tokens":
      return tokensOf(run).total;
    case "error":
      return run.error;
    case "tags":
      return run.tags;
    case "trace_id":
      return run.traceId;
    case "is_root":
      return run.parentRunId === null;
    case "metadata_key":
      return pair?.[0];
    case "metadata_value":
      return pair?.[1];
    case "feedback_key":
      return row?.key;
    case "feedback_score":
      return row?.score === null || row === undefined || row === null ? null : Number(row.score);
    default:
      throw new LangSmithRefusal(400, `Invalid filter: unknown field ${name}`);
  }
}

function compare(operator: string, actual: unknown, wanted: Literal): boolean {
  if (operator === "has") return Array.isArray(actual) && actual.includes(wanted);
  if (operator === "eq") return actual === wanted || (actual ?? null) === wanted;
  if (operator === "neq") return (actual ?? null) !== wanted;
  if (actual === null || actual === undefined || wanted === null) return false;
  const isTime = typeof wanted === "string" && !Number.isNaN(Date.parse(wanted));
  const [left, right] = isTime
    ? [Date.parse(String(actual)), Date.parse(wanted)]
    : [Number(actual), Number(wanted)];
  switch (operator) {
    case "gt":
      return left > right;
    case "gte":
      return left >= right;
    case "lt":
      return left < right;
    case "lte":
      return left <= right;
    default:
      throw new LangSmithRefusal(400, `Invalid filter: unknown operator ${operator}`);
  }
}
