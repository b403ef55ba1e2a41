import { z } from "zod";
import { valueAt } from "./template.ts";

/** Names that other tools give to the roles of a chat. Unknown ones stay as they are, for the row check to name. */
const ROLES = new Map([
  ["human", "user"],
  ["gpt", "assistant"],
  ["chatgpt", "assistant"],
  ["bot", "assistant"],
  ["chatbot", "assistant"],
  ["model", "assistant"],
  ["function", "tool"],
  ["function_response", "tool"],
  ["observation", "tool"],
]);

const nameSchema = z.string().min(1);
const roleSchema = z.enum(["system", "user", "assistant", "tool"]);

export const turnsSchema = z.strictObject({
  turns: nameSchema,
  role: nameSchema,
  content: nameSchema,
  roles: z.record(nameSchema, roleSchema).optional(),
  system: nameSchema.optional(),
});

/** Messages made from a list that names its parts otherwise, such as ShareGPT's `conversations: [{ from, value }]`. */
export interface TurnsMapping {
  /** Column or path of the list; a single turn counts as a list of one. */
  readonly turns: string;
  /** What a turn calls its role, such as `from`. */
  readonly role: string;
  /** What a turn calls its text, such as `value`. */
  readonly content: string;
  /** Further names of roles, beside human, gpt, function and the like. */
  readonly roles?: Readonly<Record<string, z.output<typeof roleSchema>>>;
  /** Column of a system message that comes first; rows without it have none. */
  readonly system?: string;
}

/** Compiles the mapping once; null for a row without the list. */
export function compileTurns(
  mapping: z.output<typeof turnsSchema>,
): (row: Readonly<Record<string, unknown>>) => unknown {
  const own = new Map(Object.entries(mapping.roles ?? {}));
  const roleOf = (name: unknown) =>
    typeof name === "string" ? (own.get(name) ?? ROLES.get(name.toLowerCase()) ?? name) : name;
  const message = (turn: unknown) => {
    if (typeof turn !== "object" || turn === null) return turn;
    const { [mapping.role]: role, [mapping.content]: content } = turn as Record<string, unknown>;
    return { role: roleOf(role), content };
  };
  return (row) => {
    const found = valueAt(row, mapping.turns);
    if (found === undefined || found === null) return null;
    if (typeof found !== "object") return found;
    const messages = (Array.isArray(found) ? found : [found]).map(message);
    const system = mapping.system === undefined ? null : valueAt(row, mapping.system);
    return typeof system === "string" && system.trim() !== ""
      ? [{ role: "system", content: system }, ...messages]
      : messages;
  };
}
