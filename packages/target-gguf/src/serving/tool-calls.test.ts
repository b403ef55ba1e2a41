import { expect, it } from "vitest";
import { extractToolCalls } from "./tool-calls.ts";

it("takes calls out of the text", () => {
  const text =
    'Let me look.\n<tool_call>\n{"name": "search", "arguments": {"q": "a {b}"}}\n</tool_call>\n<tool_call>{"name":"stop"}</tool_call>';
  expect(extractToolCalls(text)).toEqual({
    text: "Let me look.",
    toolCalls: [
      { id: null, name: "search", arguments: '{"q":"a {b}"}' },
      { id: null, name: "stop", arguments: "{}" },
    ],
  });
});

it.each(['<tool_call>{"name": 5}</tool_call>', "<tool_call>{broken}</tool_call>", '<tool_call>{"name":"cut'])(
  "leaves what is no valid call in the text: %s",
  (text) => {
    expect(extractToolCalls(text)).toEqual({ text, toolCalls: [] });
  },
);
