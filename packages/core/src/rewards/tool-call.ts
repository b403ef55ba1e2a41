import { asJson, has, isObject, type JsonValue, jsonEqual, parseJson } from "./json-value.ts";
import { fitsSchema, schemaProblem } from "./schema-check.ts";

export interface ToolCall {
  readonly name: string;
  readonly arguments: { readonly [name: string]: JsonValue };
}

/** `{name, arguments}`, `{function: {…}}` and the flat `{tool: "refund", item: "mug"}` are understood. */
export function readCall(value: JsonValue): ToolCall | null {
  if (!isObject(value)) return null;
  const call = isObject(value.function) && has(value, "function") ? value.function : value;
  const key = ["name", "tool", "function"].find((candidate) => has(call, candidate));
  if (key === undefined) return null;
  const { [key]: name, ...rest } = call;
  const given = ["arguments", "parameters", "args"].find((candidate) => has(rest, candidate));
  const { id: _id, type: _type, ...flat } = rest;
  const raw = given === undefined ? flat : rest[given];
  const parsed = typeof raw === "string" ? parseJson(raw) : raw;
  return typeof name === "string" && name !== "" && isObject(parsed) ? { name, arguments: parsed } : null;
}

export function expectedCalls(column: unknown): readonly (ToolCall | null)[] {
  const value = asJson(column);
  return (Array.isArray(value) ? (value as readonly JsonValue[]) : [value]).map(readCall);
}

/** The calls of a completion as JSON values; undefined when they are not JSON. */
export function givenCalls(text: string, completion: unknown): readonly JsonValue[] | undefined {
  if (Array.isArray(completion)) {
    const calls = completion.flatMap(
      (message: { tool_calls?: readonly JsonValue[] | null }) => message.tool_calls ?? [],
    );
    if (calls.length > 0) return calls;
  }
  const blocks = [...text.matchAll(/<tool_call>([\s\S]*?)<\/tool_call>/g)].map((match) => match[1] ?? "");
  const values = (blocks.length > 0 ? blocks : [text]).map(parseJson);
  if (values.some((value) => value === undefined)) return undefined;
  const [first] = values;
  return values.length === 1 && Array.isArray(first)
    ? (first as readonly JsonValue[])
    : (values as readonly JsonValue[]);
}

/** Whether the call names one of the tools and its arguments are valid for it. */
export function fitsTools(call: ToolCall, tools: JsonValue): boolean {
  for (const item of Array.isArray(tools) ? (tools as readonly JsonValue[]) : []) {
    if (!isObject(item)) continue;
    const tool = has(item, "function") && isObject(item.function) ? item.function : item;
    if (tool.name !== call.name) continue;
    const schema = has(tool, "parameters") ? (tool.parameters as JsonValue) : true;
    return schemaProblem(schema) === null && fitsSchema(schema, call.arguments);
  }
  return false;
}

/** What one call is worth against the right one: 0.1 for being there, then its form, its tool, its arguments. */
export function worthOf(call: ToolCall, right: ToolCall, tools: JsonValue | null): number {
  if (tools !== null && !fitsTools(call, tools)) return 0.1;
  if (call.name !== right.name) return 0.3;
  const names = [...new Set([...Object.keys(call.arguments), ...Object.keys(right.arguments)])];
  const matching = names.filter(
    (name) =>
      has(call.arguments, name) &&
      has(right.arguments, name) &&
      jsonEqual(call.arguments[name], right.arguments[name]),
  ).length;
  return 0.6 + 0.4 * (names.length > 0 ? matching / names.length : 1);
}
