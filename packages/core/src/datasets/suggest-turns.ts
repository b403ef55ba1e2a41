import type { TrainingMethod } from "../model/model-version.ts";
import type { FieldMapping, MappingValue } from "./mapping.ts";
import type { DatasetShape } from "./shapes.ts";
import { valueAt } from "./template.ts";

type Row = Readonly<Record<string, unknown>>;

const LISTS = ["messages", "conversations", "conversation", "chat", "dialogue", "dialog", "turns"];
const ROLE_NAMES = ["role", "from", "speaker", "author"];
const CONTENT_NAMES = ["content", "value", "text", "message"];

/** What turns call their parts. */
interface TurnNames {
  readonly role: string;
  readonly content: string;
}

/**
 * A mapping for rows whose chats are written in another tool's way: ShareGPT turns, preferences as OpenAI has them, chosen and
 * rejected chats beside a prompt that is a text. `shape` is the form that the columns' names fit. Null for rows that are fine, or that nothing is known about.
 */
export function suggestTurns(
  method: TrainingMethod,
  row: Row,
  shape: DatasetShape | null,
): FieldMapping | null {
  if (method === "dpo") return preferences(row);
  if (method !== "sft" || (shape !== null && shape !== "messages")) return null;
  const column = LISTS.find((name) => Array.isArray(row[name]) && turnNames(row[name]) !== null);
  if (column === undefined) return null;
  const messages = turnsOf(row, column);
  return column === "messages" && messages === "messages" ? null : { messages: withSystem(row, messages) };
}

function preferences(row: Row): FieldMapping | null {
  const pairs = [
    ["chosen", "rejected"],
    ["preferred_output", "non_preferred_output"],
  ] as const;
  const pair = pairs.find((names) => names.every((name) => turnNames(row[name]) !== null));
  if (!pair) return null;
  const [chosen, rejected] = pair;
  const answers = { chosen: turnsOf(row, chosen), rejected: turnsOf(row, rejected) };
  const isChat = (path: string) => turnNames(valueAt(row, path)) !== null;
  // Chats of several turns begin with the prompt themselves.
  const isWhole = Array.isArray(row[chosen]) && row[chosen].length > 1;
  const places = isWhole ? ["prompt"] : ["prompt", ...LISTS, "input.messages", "input"];
  const prompt = places.find(isChat);
  if (prompt !== undefined) return unlessPlain({ prompt: turnsOf(row, prompt), ...answers });
  if (typeof row.prompt !== "string") return unlessPlain(answers);
  // Trainers do not take a text and chats together: the text is left out where the chats repeat it, else becomes a message.
  return isWhole ? answers : { prompt: [{ role: "user", content: "{{prompt}}" }], ...answers };
}

/** Rows whose fields are right as they are need no mapping. */
function unlessPlain(mapping: FieldMapping): FieldMapping | null {
  return Object.entries(mapping).every(([field, value]) => field === value) ? null : mapping;
}

function turnsOf(row: Row, path: string): MappingValue {
  const value = valueAt(row, path);
  const names = turnNames(value);
  if (!names || (names.role === "role" && names.content === "content" && Array.isArray(value))) return path;
  return { turns: path, ...names };
}

function withSystem(row: Row, messages: MappingValue): MappingValue {
  const isTurns = typeof messages === "object" && "turns" in messages;
  return isTurns && typeof row.system === "string" ? { ...messages, system: "system" } : messages;
}

/** The names of the parts of a turn, by the first one of a list; null when it is no chat. */
function turnNames(value: unknown): TurnNames | null {
  const turn: unknown = Array.isArray(value) ? value[0] : value;
  if (typeof turn !== "object" || turn === null) return null;
  const role = ROLE_NAMES.find((name) => Object.hasOwn(turn, name));
  const content = CONTENT_NAMES.find((name) => Object.hasOwn(turn, name));
  return role === undefined || content === undefined ? null : { role, content };
}
