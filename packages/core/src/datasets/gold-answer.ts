/** A GRPO reward as data: see `python/source/rewards.py` for the kinds and their options. */
export interface RewardDeclaration {
  readonly kind: string;
  readonly column?: string;
  readonly tools_column?: string;
  readonly weight?: number;
  readonly [option: string]: unknown;
}

const NUMBER =
  /(?<![A-Za-z0-9_.])[-+]?[$€£]?(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+|(?=\.[0-9]))(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,2}(?![0-9]))?(?:\/[0-9]+(?:\.[0-9]+)?)?%?/g;

/** Finds the first gold value that its reward could not read: such a row would be rejected after the job is paid for. */
export function goldProblemFor(
  rewards: readonly RewardDeclaration[] | null,
): ((row: Readonly<Record<string, unknown>>) => { field: string; message: string } | null) | null {
  const declared = (rewards ?? []).filter((reward) => typeof reward.column === "string");
  if (declared.length === 0) return null;
  return (row) => {
    for (const { kind, column = "" } of declared) {
      const value = row[column];
      const problem = goldProblem(kind, value);
      if (problem) return { field: column, message: `The gold answer ${problem} (reward ${kind}).` };
    }
    return null;
  };
}

function goldProblem(kind: string, value: unknown): string | null {
  if (value === undefined || value === null) return "is missing";
  if (kind === "numeric")
    return goldNumber(value) === null ? "holds no single number (alone or after ####)" : null;
  if (kind === "exact")
    return typeof value === "string" && value.trim() !== "" ? null : "must be a non-empty text";
  if (kind === "tool-call")
    return holdsToolCalls(value) ? null : "holds no tool call (a name and an object of arguments)";
  if (kind === "json-schema") return typeof asJson(value) === "object" ? null : "holds no JSON schema";
  return null;
}

/** The text of the number that a gold value holds: alone in a short text, or after `####`. */
export function goldNumber(value: unknown): string | null {
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : null;
  if (typeof value !== "string") return null;
  const marked = value.lastIndexOf("####");
  const text = (marked === -1 ? value : value.slice(marked + 4))
    .replaceAll("\u2212", "-")
    .replaceAll("\\$", "$")
    .replaceAll("\\%", "%");
  const found = text.match(NUMBER)?.filter((token) => /\d/.test(token)) ?? [];
  return found.length === 1 ? (found[0] ?? null) : null;
}

function holdsToolCalls(value: unknown): boolean {
  const parsed = asJson(value);
  const calls = Array.isArray(parsed) ? parsed : [parsed];
  return (
    calls.length > 0 &&
    calls.every((call) => {
      if (typeof call !== "object" || call === null) return false;
      const { name, tool, function: inner } = call as Record<string, unknown>;
      return typeof (name ?? tool ?? (inner as { name?: unknown } | undefined)?.name) === "string";
    })
  );
}

function asJson(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return null;
  }
}
