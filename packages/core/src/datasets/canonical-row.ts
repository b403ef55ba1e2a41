import canonicalize from "canonicalize";

const INTEGER_KEY = /^(0|[1-9]\d*)$/;

/**
 * RFC 8785 JSON of a row. Rows whose keys are already in order, the usual case in a file written by a program, take
 * the fast path: for them `JSON.stringify` writes the very same bytes.
 */
export function canonicalJson(value: unknown): string {
  return isOrdered(value) ? JSON.stringify(value) : (canonicalize(value) ?? "null");
}

function isOrdered(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(isOrdered);
  let previous = "";
  for (const key in value) {
    // Integer-like keys are listed by number, not by code unit; other keys as they were written.
    if (key < previous || INTEGER_KEY.test(key) || !key.isWellFormed()) return false;
    previous = key;
    if (!isOrdered((value as Record<string, unknown>)[key])) return false;
  }
  return true;
}
