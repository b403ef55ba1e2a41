import { z } from "zod";
import type { ChatRequest } from "../contract/chat-model.ts";
import type { EvaluationExample } from "../contract/dataset-source.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";

/** Settings of every call of an evaluation. Nothing is set unless named here. */
export type GenerationSettings = Omit<ChatRequest, "messages">;

const messagesSchema = z.array(
  z.looseObject({
    role: z.enum(["system", "user", "assistant", "tool"]),
    content: z.string().nullish(),
  }),
);

/**
 * The request for an example: `inputs.messages` as they are, else `inputs.prompt` or `inputs.question` (or the only
 * string in `inputs`) as one user message.
 */
export function defaultRequest(example: EvaluationExample): ChatRequest {
  const { inputs } = example;
  if (inputs.messages !== undefined) {
    const parsed = messagesSchema.safeParse(inputs.messages);
    if (!parsed.success || parsed.data.length === 0)
      throw cannotAsk(example, "inputs.messages is not a list of chat messages");
    return { messages: parsed.data.map((message) => ({ ...message, content: message.content ?? "" })) };
  }
  const prompt = inputs.prompt ?? inputs.question ?? onlyString(inputs);
  if (typeof prompt !== "string") throw cannotAsk(example, "inputs has no messages, prompt or question");
  return { messages: [{ role: "user", content: prompt }] };
}

function onlyString(inputs: EvaluationExample["inputs"]): string | undefined {
  const strings = Object.values(inputs).filter((value) => typeof value === "string");
  return strings.length === 1 ? strings[0] : undefined;
}

function cannotAsk(example: EvaluationExample, problem: string): ModelOpsError {
  return new ModelOpsError({
    code: "evaluation/no-prompt",
    message: `Example ${JSON.stringify(example.id.slice(0, 80))} cannot be asked: ${problem}.`,
    fix: "add inputs.messages or inputs.prompt, or pass toRequest(example).",
    details: { exampleId: example.id },
  });
}
