import { has, isObject, type JsonValue, jsonEqual } from "./json-value.ts";

const ANNOTATIONS = ["title", "description", "default", "examples", "$schema", "$comment", "$id"];
const TYPES = ["object", "array", "string", "number", "integer", "boolean", "null"];
const COUNTS = ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"];
const BOUNDS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
const KEYWORDS = [
  "type",
  "enum",
  "const",
  "properties",
  "required",
  "additionalProperties",
  "items",
  "uniqueItems",
  ...COUNTS,
  ...BOUNDS,
  "anyOf",
  "oneOf",
  "allOf",
  "not",
];

/** Why a schema cannot be checked, or null: a rule that is not checked would be rewarded. */
export function schemaProblem(schema: unknown): string | null {
  if (typeof schema === "boolean") return null;
  if (!isObject(schema)) return "a schema must be an object";
  for (const [name, value] of Object.entries(schema)) {
    if (ANNOTATIONS.includes(name)) continue;
    if (!KEYWORDS.includes(name))
      return `the keyword "${name}" is not supported (supported: ${KEYWORDS.join(", ")})`;
    const nested = keywordParts(name, value);
    if (nested === null) return `the value of "${name}" is not valid`;
    for (const part of nested) {
      const problem = schemaProblem(part);
      if (problem !== null) return problem;
    }
  }
  return null;
}

/** The schemas inside a keyword's value; null when the value is not valid for it. */
function keywordParts(name: string, value: JsonValue): readonly JsonValue[] | null {
  const list = Array.isArray(value) ? (value as readonly JsonValue[]) : null;
  if (name === "type") {
    const types = list ?? [value];
    return types.length > 0 && types.every((type) => typeof type === "string" && TYPES.includes(type))
      ? []
      : null;
  }
  if (name === "enum") return list && list.length > 0 ? [] : null;
  if (name === "anyOf" || name === "oneOf" || name === "allOf") return list && list.length > 0 ? list : null;
  if (name === "properties") return isObject(value) ? Object.values(value) : null;
  if (name === "required") return list?.every((item) => typeof item === "string") ? [] : null;
  if (name === "items" || name === "additionalProperties" || name === "not") return [value];
  if (name === "uniqueItems") return typeof value === "boolean" ? [] : null;
  if (COUNTS.includes(name)) return Number.isInteger(value) && (value as number) >= 0 ? [] : null;
  return name === "const" || (typeof value === "number" && Number.isFinite(value)) ? [] : null;
}

/** Whether a value fits a schema of the keywords above. */
export function fitsSchema(schema: JsonValue, value: JsonValue): boolean {
  if (!isObject(schema)) return schema === true;
  const holds = (name: string, rule: (wanted: JsonValue) => boolean) =>
    !has(schema, name) || rule(schema[name] as JsonValue);
  const all = (parts: JsonValue) => parts as readonly JsonValue[];
  return (
    holds("type", (types) => (Array.isArray(types) ? types : [types]).some((type) => hasType(value, type))) &&
    holds("enum", (allowed) => all(allowed).some((item) => jsonEqual(item, value))) &&
    holds("const", (wanted) => jsonEqual(wanted, value)) &&
    holds("anyOf", (parts) => all(parts).some((part) => fitsSchema(part, value))) &&
    holds("oneOf", (parts) => all(parts).filter((part) => fitsSchema(part, value)).length === 1) &&
    holds("allOf", (parts) => all(parts).every((part) => fitsSchema(part, value))) &&
    holds("not", (part) => !fitsSchema(part, value)) &&
    fitsOwnKeywords(schema, value, holds)
  );
}

/** The keywords of the value's own kind: each kind is bound by its own ones only. */
function fitsOwnKeywords(
  schema: { readonly [name: string]: JsonValue },
  value: JsonValue,
  holds: (name: string, rule: (wanted: JsonValue) => boolean) => boolean,
): boolean {
  const atLeast = (name: string, measured: number) => holds(name, (bound) => measured >= Number(bound));
  const atMost = (name: string, measured: number) => holds(name, (bound) => measured <= Number(bound));
  if (Array.isArray(value)) {
    const items = value as readonly JsonValue[];
    return (
      atLeast("minItems", items.length) &&
      atMost("maxItems", items.length) &&
      items.every((item) => fitsSchema(has(schema, "items") ? (schema.items as JsonValue) : true, item)) &&
      !(
        schema.uniqueItems === true &&
        items.some((item, index) => items.slice(0, index).some((other) => jsonEqual(item, other)))
      )
    );
  }
  if (isObject(value)) {
    const properties = has(schema, "properties") && isObject(schema.properties) ? schema.properties : {};
    const others = has(schema, "additionalProperties") ? (schema.additionalProperties as JsonValue) : true;
    const count = Object.keys(value).length;
    return (
      holds("required", (names) => (names as readonly string[]).every((name) => has(value, name))) &&
      atLeast("minProperties", count) &&
      atMost("maxProperties", count) &&
      Object.entries(value).every(([name, item]) =>
        fitsSchema(has(properties, name) ? (properties[name] as JsonValue) : others, item),
      )
    );
  }
  if (typeof value === "string") {
    // Code points, as in Python and in the standard.
    const length = [...value].length;
    return atLeast("minLength", length) && atMost("maxLength", length);
  }
  if (typeof value === "number") {
    return (
      atLeast("minimum", value) &&
      atMost("maximum", value) &&
      holds("exclusiveMinimum", (bound) => value > Number(bound)) &&
      holds("exclusiveMaximum", (bound) => value < Number(bound))
    );
  }
  return true;
}

function hasType(value: JsonValue, type: JsonValue): boolean {
  if (value === null) return type === "null";
  if (typeof value === "number") return type === "number" || (type === "integer" && Number.isInteger(value));
  if (Array.isArray(value)) return type === "array";
  return type === typeof value;
}
