import type { RewardDeclaration } from "./declaration.ts";
import { asJson } from "./json-value.ts";
import { goldNumber } from "./number-answer.ts";
import { schemaProblem } from "./schema-check.ts";
import { strip } from "./strip.ts";
import { expectedCalls } from "./tool-call.ts";

/**
 * Why a row's right answer cannot be used by a reward, or null. Tests of `code-tests` are looked at for their form
 * only: whether they are Python is for Python to say.
 */
export function goldProblem(
  reward: Pick<RewardDeclaration, "kind" | "column">,
  row: Readonly<Record<string, unknown>>,
): string | null {
  if (typeof reward.column !== "string") return null;
  const value = Object.hasOwn(row, reward.column) ? row[reward.column] : null;
  if (value === undefined || value === null) return "is missing";
  try {
    switch (reward.kind) {
      case "numeric":
        return goldNumber(value) === null ? "holds no single number (alone or after ####)" : null;
      case "exact":
        return typeof value === "string" && strip(value) !== "" ? null : "must be a non-empty text";
      case "json-schema":
        return schemaProblem(asJson(value));
      case "tool-call": {
        const calls = expectedCalls(value);
        const isGood = calls.length > 0 && !calls.includes(null);
        return isGood ? null : "holds no tool call (a name and an object of arguments)";
      }
      case "code-tests":
        return testsProblem(value);
      default:
        return null;
    }
  } catch (error) {
    return error instanceof RangeError ? error.message : String(error);
  }
}

function testsProblem(value: unknown): string | null {
  const text = typeof value === "string" ? strip(value) : null;
  const tests =
    text === null
      ? value
      : text.startsWith("[")
        ? asJson(text)
        : text.split("\n").filter((line) => strip(line));
  if (!Array.isArray(tests) || tests.length === 0) return "must be a non-empty list of tests";
  const other = (tests as readonly unknown[]).find((test) => !isTest(test));
  return other === undefined
    ? null
    : "holds a test that is neither `assert call == literal`, `assert call` nor { call, expected }";
}

function isTest(test: unknown): boolean {
  if (typeof test === "string") return /^assert\b/.test(strip(test));
  if (typeof test !== "object" || test === null) return false;
  const { call } = test as { call?: unknown };
  return typeof call === "string" && Object.keys(test).sort().join() === "call,expected";
}
