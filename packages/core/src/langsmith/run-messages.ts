/** A message in the form that training takes. */
export interface RunMessage {
  readonly role: string;
  readonly content: string;
  readonly tool_calls?: readonly unknown[];
}

type Json = Readonly<Record<string, unknown>>;

const INPUT_FIELDS = ["input", "prompt", "question", "query", "text", "task", "problem", "instruction"];
const OUTPUT_FIELDS = ["output", "answer", "text", "response", "content", "completion", "result"];
const ROLES: Readonly<Record<string, string>> = {
  human: "user",
  humanmessage: "user",
  humanmessagechunk: "user",
  user: "user",
  ai: "assistant",
  aimessage: "assistant",
  aimessagechunk: "assistant",
  assistant: "assistant",
  system: "system",
  systemmessage: "system",
  developer: "system",
  tool: "tool",
  toolmessage: "tool",
};

/**
 * A run's conversation, ending with its answer, from the forms that tracing leaves behind: OpenAI messages and choices,
 * LangChain messages (plain or serialized) and generations, or one named text on each side. Null when there is no text.
 */
export function runMessages(inputs: Json, outputs: Json): readonly RunMessage[] | null {
  const asked = messagesIn(inputs.messages) ?? textMessage(inputs, INPUT_FIELDS, "user");
  const answer = answerOf(outputs);
  if (!asked || !answer || !asked.some(({ role }) => role === "user")) return null;
  return [...asked, answer];
}

function answerOf(outputs: Json): RunMessage | null {
  const [choice] = listOf(outputs.choices);
  const [generations] = listOf(outputs.generations);
  const [generation] = Array.isArray(generations) ? generations : [generations];
  const said =
    messageOf(field(choice, "message")) ??
    messageOf(field(generation, "message")) ??
    messageOf(outputs.message) ??
    messageOf(outputs.output) ??
    messagesIn(outputs.messages)?.findLast(({ role }) => role === "assistant") ??
    messageOf(outputs);
  if (said?.role === "assistant") return said;
  const text = field(generation, "text");
  if (typeof text === "string" && text.trim() !== "") return { role: "assistant", content: text };
  return textMessage(outputs, OUTPUT_FIELDS, "assistant")?.[0] ?? null;
}

/** A named text, or the only field when it is a text. */
function textMessage(record: Json, names: readonly string[], role: string): readonly RunMessage[] | null {
  const values = Object.values(record);
  const found =
    names.map((name) => record[name]).find((value) => typeof value === "string") ??
    (values.length === 1 ? values[0] : undefined);
  return typeof found === "string" && found.trim() !== "" ? [{ role, content: found }] : null;
}

/** Messages of a list, or of a list in a list; null when one of them cannot be read. */
function messagesIn(value: unknown): readonly RunMessage[] | null {
  const list = Array.isArray(value) && Array.isArray(value[0]) ? value[0] : value;
  if (!Array.isArray(list) || list.length === 0) return null;
  const messages = list.map(messageOf);
  return messages.every((message) => message !== null) ? messages : null;
}

function messageOf(value: unknown): RunMessage | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const record = value as Json;
  const inner = (record.kwargs ?? record.data ?? record) as Json;
  const name = record.role ?? (Array.isArray(record.id) ? record.id.at(-1) : record.type);
  const role = Object.hasOwn(ROLES, String(name).toLowerCase())
    ? ROLES[String(name).toLowerCase()]
    : undefined;
  const content = textOf(inner.content);
  const calls = toolCalls(inner);
  if (role === undefined || (content === null && calls.length === 0)) return null;
  return { role, content: content ?? "", ...(calls.length > 0 && { tool_calls: calls }) };
}

/** Texts, alone or as parts; other parts (pictures, sound) cannot be trained on as text. */
function textOf(content: unknown): string | null {
  if (typeof content === "string") return content;
  if (!Array.isArray(content) || content.length === 0) return null;
  const texts = content.map((part) => (typeof part === "string" ? part : field(part, "text")));
  return texts.every((text) => typeof text === "string") ? texts.join("") : null;
}

/** In the form of OpenAI, which chat templates take. */
function toolCalls(message: Json): readonly unknown[] {
  const given = message.tool_calls ?? field(message.additional_kwargs, "tool_calls");
  return listOf(given).flatMap((call) => {
    const name = field(call, "name");
    if (typeof name !== "string") return field(call, "function") ? [call] : [];
    const callArguments = JSON.stringify(field(call, "args") ?? {});
    return [
      { id: field(call, "id") ?? null, type: "function", function: { name, arguments: callArguments } },
    ];
  });
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Json)[name] : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
