import canonicalize from "canonicalize";

const INTEGER_KEY = /^(0|[1-9]\d*)$/;

/**
 * RFC 8785 JSON of a row. `JSON.stringify` writes the very same bytes once the keys are in order, so the library is
 * needed only where keys cannot be ordered by inserting them (integer-like names, `__proto__`) or where it shall
 * refuse (numbers that are not finite, broken surrogate pairs).
 */
export function canonicalJson(value: unknown): string {
  const ordered = inOrder(value);
  return ordered === UNORDERABLE ? (canonicalize(value) ?? "null") : JSON.stringify(ordered);
}

/** A name that stands where it was inserted. */
export function isPlainKey(key: string): boolean {
  return key !== "__proto__" && !INTEGER_KEY.test(key) && key.isWellFormed();
}

const UNORDERABLE = Symbol("unorderable");

/** The value itself when its keys are in order, a copy with ordered keys when not. */
function inOrder(value: unknown): unknown {
  if (typeof value === "string") return value.isWellFormed() ? value : UNORDERABLE;
  if (typeof value === "number") return Number.isFinite(value) ? value : UNORDERABLE;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    let copy: unknown[] | null = null;
    for (let index = 0; index < value.length; index += 1) {
      const item = inOrder(value[index]);
      if (item === UNORDERABLE) return UNORDERABLE;
      if (item !== value[index]) {
        copy ??= [...value];
        copy[index] = item;
      }
    }
    return copy ?? value;
  }
  const source = value as Record<string, unknown>;
  let isSorted = true;
  let previous = "";
  let changed: Record<string, unknown> | null = null;
  for (const key in source) {
    if (key <= previous && previous !== "") isSorted = false;
    if (!isPlainKey(key)) return UNORDERABLE;
    previous = key;
    const item = inOrder(source[key]);
    if (item === UNORDERABLE) return UNORDERABLE;
    if (item !== source[key]) {
      changed ??= {};
      changed[key] = item;
    }
  }
  if (isSorted && !changed) return value;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(source).sort())
    copy[key] = changed && key in changed ? changed[key] : source[key];
  return copy;
}
