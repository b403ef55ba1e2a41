import { isDeepStrictEqual } from "node:util";
import type { EvaluationExample } from "../../contract/dataset-source.ts";
import type { Metric } from "../metric.ts";
import { parseJson } from "../reference.ts";

export type ToolCallMode = "name" | "arguments" | "sequence";

export interface ToolCallsOptions {
  /**
   * `name`: F1 of the called names. `arguments`: F1 where a call also needs equal arguments. `sequence`: longest common
   * subsequence of names / the longer list, so that order, omissions and extra calls count. @default "arguments"
   */
  readonly mode?: ToolCallMode;
  /** @default "tool_calls" */
  readonly name?: string;
}

interface ExpectedCall {
  readonly name: string;
  readonly arguments: unknown;
}

/**
 * The model's tool calls against `outputs.tool_calls` (`[{ name, arguments? }]`). F1 = 2·matches / (expected + actual);
 * nothing expected and nothing called is 1. Expected arguments that are left out match any.
 */
export function toolCalls(options: ToolCallsOptions = {}): Metric {
  const mode = options.mode ?? "arguments";
  const formula = mode === "sequence" ? "common subsequence / longer list" : `F1 of calls by ${mode}`;
  return {
    name: options.name ?? "tool_calls",
    version: `1:${mode}`,
    description: `${formula}, against outputs.tool_calls`,
    missing: ({ example }) => (expectedCalls(example) ? null : "the example has no outputs.tool_calls"),
    score({ example, answer }) {
      const expected = expectedCalls(example);
      if (!expected) return { score: null, reason: "the example has no outputs.tool_calls" };
      const actual = answer.toolCalls.map((call) => {
        const parsed = parseJson(call.arguments === "" ? "{}" : call.arguments);
        return { name: call.name, arguments: parsed.ok ? parsed.value : undefined };
      });
      if (expected.length === 0 && actual.length === 0) return { score: 1 };
      if (mode === "sequence") {
        const common = commonSubsequence(
          expected.map((call) => call.name),
          actual.map((call) => call.name),
        );
        return { score: common / Math.max(expected.length, actual.length) };
      }
      return { score: (2 * matches(expected, actual, mode)) / (expected.length + actual.length) };
    },
  };
}

/** Each expected call takes the first actual one that fits and is still free. */
function matches(
  expected: readonly ExpectedCall[],
  actual: readonly ExpectedCall[],
  mode: ToolCallMode,
): number {
  const free = [...actual];
  let count = 0;
  for (const wanted of expected) {
    const index = free.findIndex(
      (call) =>
        call.name === wanted.name &&
        (mode === "name" ||
          wanted.arguments === undefined ||
          isDeepStrictEqual(call.arguments, wanted.arguments)),
    );
    if (index === -1) continue;
    free.splice(index, 1);
    count += 1;
  }
  return count;
}

function commonSubsequence(first: readonly string[], second: readonly string[]): number {
  let row = new Array<number>(second.length + 1).fill(0);
  for (const item of first) {
    const next = [0];
    second.forEach((other, index) => {
      next.push(item === other ? (row[index] ?? 0) + 1 : Math.max(row[index + 1] ?? 0, next[index] ?? 0));
    });
    row = next;
  }
  return row.at(-1) ?? 0;
}

function expectedCalls(example: EvaluationExample): readonly ExpectedCall[] | null {
  const calls = example.outputs.tool_calls ?? example.outputs.toolCalls;
  if (!Array.isArray(calls)) return null;
  const read: ExpectedCall[] = [];
  for (const call of calls) {
    // OpenAI writes { function: { name, arguments: "…" } }.
    const inner = typeof call?.function === "object" && call.function !== null ? call.function : call;
    if (typeof inner?.name !== "string") return null;
    const given: unknown = inner.arguments;
    const parsed = typeof given === "string" ? parseJson(given) : { ok: true as const, value: given };
    read.push({ name: inner.name, arguments: parsed.ok ? parsed.value : undefined });
  }
  return read;
}
