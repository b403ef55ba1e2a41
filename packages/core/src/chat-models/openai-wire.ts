import { z } from "zod";
import type { ChatRequest, ChatToolCall, FinishReason } from "../contract/chat-model.ts";

/** The part of a chat completion that is read; everything else may change without notice. */
const toolCallSchema = z.looseObject({
  id: z.string().nullish(),
  function: z
    .looseObject({ name: z.string(), arguments: z.union([z.string(), z.unknown()]).nullish() })
    .nullish(),
});

const messageSchema = z.looseObject({
  content: z.union([z.string(), z.array(z.looseObject({ text: z.string().nullish() }))]).nullish(),
  tool_calls: z.array(toolCallSchema).nullish(),
  refusal: z.string().nullish(),
});

export const completionSchema = z.looseObject({
  id: z.string().nullish(),
  error: z.unknown().optional(),
  choices: z
    .array(
      z.looseObject({
        finish_reason: z.string().nullish(),
        message: messageSchema.nullish(),
        error: z.unknown().optional(),
      }),
    )
    .nullish(),
  usage: z
    .looseObject({
      prompt_tokens: z.number().nullish(),
      completion_tokens: z.number().nullish(),
      cost: z.unknown().optional(),
    })
    .nullish(),
});
export type Completion = z.infer<typeof completionSchema>;

export const errorBodySchema = z.looseObject({
  code: z.union([z.string(), z.number()]).nullish(),
  type: z.string().nullish(),
  message: z.string().nullish(),
  metadata: z.looseObject({ error_type: z.string().nullish(), limit_source: z.string().nullish() }).nullish(),
});
export type ErrorBody = z.infer<typeof errorBodySchema>;

/** The request body of `POST /chat/completions`. */
export function completionBody(
  request: ChatRequest,
  options: { readonly model: string; readonly maxTokensField: string },
): Record<string, unknown> {
  return {
    // First, so that a pass-through field cannot replace the messages or turn streaming on.
    ...request.extraBody,
    model: options.model,
    messages: request.messages.map((message) => ({
      role: message.role,
      content: message.content,
      ...(message.toolCalls && {
        tool_calls: message.toolCalls.map((call) => ({
          id: call.id ?? undefined,
          type: "function",
          function: { name: call.name, arguments: call.arguments },
        })),
      }),
      ...(message.toolCallId !== undefined && { tool_call_id: message.toolCallId }),
    })),
    stream: false,
    ...(request.maxOutputTokens !== undefined && { [options.maxTokensField]: request.maxOutputTokens }),
    ...(request.temperature !== undefined && { temperature: request.temperature }),
    ...(request.seed !== undefined && { seed: request.seed }),
    ...(request.stop !== undefined && { stop: request.stop }),
    ...(request.tools !== undefined && {
      tools: request.tools.map((tool) => ({ type: "function", function: tool })),
    }),
  };
}

type WireMessage = z.infer<typeof messageSchema>;

export function textOf(message: WireMessage): string {
  if (typeof message.content === "string") return message.content;
  return (message.content ?? []).map((part) => part.text ?? "").join("");
}

export function toolCallsOf(message: WireMessage): readonly ChatToolCall[] {
  return (message.tool_calls ?? []).flatMap((call) =>
    call.function
      ? [{ id: call.id ?? null, name: call.function.name, arguments: argumentText(call.function.arguments) }]
      : [],
  );
}

/** Some servers send the arguments as an object instead of its JSON text. */
function argumentText(value: unknown): string {
  if (typeof value === "string") return value;
  return value === null || value === undefined ? "" : JSON.stringify(value);
}

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  stop: "stop",
  eos: "stop",
  end_turn: "stop",
  length: "length",
  max_tokens: "length",
  tool_calls: "tool-calls",
  function_call: "tool-calls",
  content_filter: "content-filter",
};

export function finishReasonOf(value: string | null | undefined): FinishReason {
  return (value && FINISH_REASONS[value]) || "unknown";
}
