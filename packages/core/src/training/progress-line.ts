import type { TrainingProgressRecord } from "../contract/training-backend.ts";

/** What a line of the training script starts with when it is meant for programs. */
export const PROGRESS_PREFIX = "@@modelops ";

const NOT_JSON_NUMBER = /([:,[]\s*)(?:-?Infinity|NaN)(?=\s*[,}\]])/g;

/**
 * Reads one progress line. Null when the line is no progress line (plain output, a printed Python dict, a broken
 * object). Unknown kinds and fields pass through. `NaN` and `Infinity`, which scripts other than ours may write,
 * never become numbers: their names are listed under `dropped`.
 */
export function parseProgressLine(line: string): TrainingProgressRecord | null {
  if (!line.startsWith(PROGRESS_PREFIX)) return null;
  const value = parseLooseJson(line.slice(PROGRESS_PREFIX.length));
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { m, dropped, ...fields } = value as Record<string, unknown>;
  if (typeof fields.kind !== "string" || typeof fields.v !== "number") return null;
  const record: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    // Counters that are not numbers are unknown, not zero.
    if (["step", "max_steps", "epoch", "t"].includes(name) && typeof field !== "number") continue;
    record[name] = field;
  }
  const lost = Array.isArray(dropped) ? dropped.map(String) : [];
  if (typeof m === "object" && m !== null) {
    const finite: Record<string, number> = {};
    for (const [name, metric] of Object.entries(m)) {
      if (typeof metric === "number" && Number.isFinite(metric)) finite[name] = metric;
      else if (!lost.includes(name)) lost.push(name);
    }
    record.m = finite;
  }
  if (lost.length > 0) record.dropped = lost;
  return record as unknown as TrainingProgressRecord;
}

function parseLooseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Python's json writes bare NaN and Infinity unless told otherwise.
    if (!/NaN|Infinity/.test(text)) return null;
    try {
      return JSON.parse(text.replace(NOT_JSON_NUMBER, "$1null"));
    } catch {
      return null;
    }
  }
}
