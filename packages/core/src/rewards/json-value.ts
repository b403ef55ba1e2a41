import { strip } from "./strip.ts";

/** JSON that a completion gave, read as strictly as Python's reader without its extensions. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

const FENCE = /^```(?:json)?[ \t]*\n([\s\S]*?)\n?```$/;
const DEEPEST = 100;

/** The value of a text that is JSON, alone or in one code fence; undefined when it is not. */
export function parseJson(text: string): JsonValue | undefined {
  const trimmed = strip(text);
  try {
    const value = JSON.parse(FENCE.exec(trimmed)?.[1] ?? trimmed) as JsonValue;
    return isTooDeep(value) ? undefined : value;
  } catch {
    return undefined;
  }
}

function isTooDeep(value: JsonValue): boolean {
  let level: readonly JsonValue[] = [value];
  for (let depth = 0; depth < DEEPEST; depth += 1) {
    level = level.flatMap((part) => (Array.isArray(part) ? part : isObject(part) ? Object.values(part) : []));
    if (level.length === 0) return false;
  }
  return true;
}

/** A column that holds JSON, as a value or as text. @throws RangeError when the text is not JSON */
export function asJson(value: unknown): JsonValue {
  if (typeof value !== "string") return (value ?? null) as JsonValue;
  const parsed = parseJson(value);
  if (parsed === undefined) throw new RangeError("is not JSON");
  return parsed;
}

export function isObject(value: unknown): value is { readonly [name: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Own properties only: a completion may name `constructor`. */
export function has(object: object, name: string): boolean {
  return Object.hasOwn(object, name);
}

export function jsonEqual(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((item, index) => jsonEqual(item, right[index]));
  if (isObject(left) && isObject(right)) {
    const names = Object.keys(left);
    return (
      names.length === Object.keys(right).length &&
      names.every((name) => has(right, name) && jsonEqual(left[name], right[name]))
    );
  }
  return left === right;
}
