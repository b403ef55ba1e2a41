import { z } from "zod";
import type { ChatMessage, ChatModel, ChatRequest } from "../contract/chat-model.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { adaptedModel, type ChatModelAdapterOptions } from "./adapter-options.ts";
import { costFromPrice } from "./chat-cost.ts";
import { unusableAnswer } from "./model-errors.ts";
import { finishReasonOf } from "./openai-wire.ts";

/** The part of a LangChain chat model that is used. */
export interface LangChainModelLike {
  readonly model?: string;
  readonly modelName?: string;
  invoke(input: never, options: never): Promise<unknown>;
  bindTools?(tools: never): { invoke(input: never, options: never): Promise<unknown> };
}

const messageSchema = z.looseObject({
  content: z.union([
    z.string(),
    z.array(z.looseObject({ type: z.string().nullish(), text: z.string().nullish() })),
  ]),
  tool_calls: z
    .array(z.looseObject({ id: z.string().nullish(), name: z.string(), args: z.unknown().optional() }))
    .nullish(),
  usage_metadata: z
    .looseObject({ input_tokens: z.number().nullish(), output_tokens: z.number().nullish() })
    .nullish(),
  response_metadata: z.looseObject({ finish_reason: z.string().nullish() }).nullish(),
  id: z.string().nullish(),
});

/**
 * A LangChain chat model. It retries by itself (`maxRetries` of the model), so `attempts` counts calls of `invoke`; set
 * `maxAttempts` for more. Temperature, seed and token limit belong to the model object there: a request that sets one
 * rejects with `model/unsupported-setting`.
 */
export function fromLangChain(model: LangChainModelLike, options: ChatModelAdapterOptions = {}): ChatModel {
  const name = model.model ?? model.modelName ?? "model";
  const defaultId = `${name}@langchain`;
  return adaptedModel({
    adapter: "fromLangChain",
    defaultId,
    given: options,
    defaultAttempts: 1,
    async call(request, { signal, price }) {
      refuseUnsupported(request, model);
      const target =
        request.tools && model.bindTools ? model.bindTools(openAiTools(request) as never) : model;
      const startedAt = performance.now();
      const answer = await target.invoke(
        request.messages.map(langChainMessage) as never,
        { signal, ...(request.stop && { stop: request.stop }) } as never,
      );
      const latencyMs = performance.now() - startedAt;
      const parsed = messageSchema.safeParse(answer);
      if (!parsed.success) {
        throw unusableAnswer({
          subject: `The model ${defaultId}`,
          requestId: null,
          reason: "invoke did not return an AI message.",
        });
      }
      const { content, tool_calls, usage_metadata, response_metadata, id } = parsed.data;
      const usage = {
        inputTokens: usage_metadata?.input_tokens ?? null,
        outputTokens: usage_metadata?.output_tokens ?? null,
      };
      return {
        text: typeof content === "string" ? content : content.map((part) => part.text ?? "").join(""),
        toolCalls: (tool_calls ?? []).map((call) => ({
          id: call.id ?? null,
          name: call.name,
          arguments: JSON.stringify(call.args ?? {}),
        })),
        usage,
        costUsd: costFromPrice(usage, price),
        latencyMs,
        finishReason: finishReasonOf(response_metadata?.finish_reason),
        requestId: id ?? null,
      };
    },
  });
}

function refuseUnsupported(request: ChatRequest, model: LangChainModelLike): void {
  const set = (["temperature", "seed", "maxOutputTokens", "extraBody"] as const).filter(
    (field) => request[field] !== undefined,
  );
  const settings: string[] = request.tools && !model.bindTools ? [...set, "tools"] : set;
  if (settings.length === 0) return;
  throw new ModelOpsError({
    code: "model/unsupported-setting",
    message: `A LangChain model does not take ${settings.join(", ")} per call.`,
    fix: "set them where the LangChain model is made, and leave them out of the evaluation.",
    details: { settings },
  });
}

function openAiTools(request: ChatRequest): readonly unknown[] {
  return (request.tools ?? []).map((tool) => ({ type: "function", function: tool }));
}

function langChainMessage(message: ChatMessage): Record<string, unknown> {
  return {
    role: message.role,
    content: message.content,
    ...(message.toolCallId !== undefined && { tool_call_id: message.toolCallId }),
    ...(message.toolCalls && {
      tool_calls: message.toolCalls.map((call) => ({
        id: call.id ?? undefined,
        name: call.name,
        args: JSON.parse(call.arguments || "{}"),
        type: "tool_call",
      })),
    }),
  };
}
