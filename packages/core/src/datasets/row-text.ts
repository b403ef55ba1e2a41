/** The text of a field: strings as they are, chats as their contents one per line. */
export function fieldText(value: unknown): string {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return value === undefined || value === null ? "" : JSON.stringify(value);
  return value
    .map((message: { content?: unknown; tool_calls?: unknown } | null) => {
      const content =
        typeof message?.content === "string" ? message.content : JSON.stringify(message?.content ?? "");
      return message?.tool_calls ? `${content} ${JSON.stringify(message.tool_calls)}` : content;
    })
    .join("\n");
}

/** What the model reads and what it shall write, of a row in its form. Chats are split at the last assistant message. */
export function splitRow(
  row: Readonly<Record<string, unknown>>,
  fields: { readonly fields: readonly string[]; readonly promptFields: readonly string[] },
): { readonly prompt: string; readonly answer: string } {
  const { messages } = row;
  if (fields.fields.includes("messages") && Array.isArray(messages)) {
    const last = messages.findLastIndex(
      (message: { role?: unknown } | null) => message?.role === "assistant",
    );
    return { prompt: fieldText(messages.slice(0, last)), answer: fieldText(messages.slice(last, last + 1)) };
  }
  let prompt = "";
  let answer = "";
  for (const field of fields.fields) {
    const text = fieldText(row[field]);
    if (fields.promptFields.includes(field)) prompt = prompt ? `${prompt}\n${text}` : text;
    else answer = answer ? `${answer}\n${text}` : text;
  }
  return { prompt, answer };
}
