import type { ChatToolCall } from "@modelops/core";

const CALL_BLOCK = /<tool_call>\s*(\{[\s\S]*?\})\s*<\/tool_call>/g;

function parseCall(json: string): ChatToolCall | null {
  try {
    const { name, arguments: given } = JSON.parse(json) as Record<string, unknown>;
    if (typeof name !== "string") return null;
    return { id: null, name, arguments: typeof given === "string" ? given : JSON.stringify(given ?? {}) };
  } catch {
    return null;
  }
}

/**
 * Takes `<tool_call>{…}</tool_call>` blocks (the Hermes format, used by qwen) out of an answer. A block that is not
 * valid stays in the text, where it can be seen.
 */
export function extractToolCalls(text: string): {
  readonly text: string;
  readonly toolCalls: readonly ChatToolCall[];
} {
  const toolCalls: ChatToolCall[] = [];
  const rest = text.replace(CALL_BLOCK, (block, json: string) => {
    const call = parseCall(json);
    if (call === null) return block;
    toolCalls.push(call);
    return "";
  });
  return { text: toolCalls.length > 0 ? rest.trim() : text, toolCalls };
}
