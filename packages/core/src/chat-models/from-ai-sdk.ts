import { z } from "zod";
import type { ChatMessage, ChatModel, ChatRequest, FinishReason } from "../contract/chat-model.ts";
import { adaptedModel, type ChatModelAdapterOptions } from "./adapter-options.ts";
import { costFromPrice, costFromWire } from "./chat-cost.ts";
import { unusableAnswer } from "./model-errors.ts";

/** The part of an AI SDK language model (specification v2 to v4) that is used. */
export interface AiSdkModelLike {
  readonly provider: string;
  readonly modelId: string;
  doGenerate(options: never): PromiseLike<unknown>;
}

const tokenCount = z.union([z.number(), z.looseObject({ total: z.number().nullish() })]).nullish();

/** v2 has plain numbers and strings where v3 and v4 have objects. */
const resultSchema = z.looseObject({
  content: z.array(
    z.looseObject({
      type: z.string(),
      text: z.string().nullish(),
      toolCallId: z.string().nullish(),
      toolName: z.string().nullish(),
      input: z.unknown().optional(),
    }),
  ),
  finishReason: z.union([z.string(), z.looseObject({ unified: z.string().nullish() })]).nullish(),
  usage: z
    .looseObject({
      inputTokens: tokenCount,
      outputTokens: tokenCount,
      raw: z.looseObject({ cost: z.unknown().optional() }).nullish(),
    })
    .nullish(),
  response: z.looseObject({ id: z.string().nullish() }).nullish(),
});

/** A language model of the AI SDK, such as `openrouter("org/name")`. Calls `doGenerate`; the SDK is not imported. */
export function fromAiSdk(model: AiSdkModelLike, options: ChatModelAdapterOptions = {}): ChatModel {
  const defaultId = `${model.modelId}@${model.provider}`;
  return adaptedModel({
    adapter: "fromAiSdk",
    defaultId,
    given: options,
    async call(request, { signal, price }) {
      const startedAt = performance.now();
      const answer = await model.doGenerate(callOptions(request, model.provider, signal) as never);
      const latencyMs = performance.now() - startedAt;
      const parsed = resultSchema.safeParse(answer);
      if (!parsed.success) {
        throw unusableAnswer({
          subject: `The model ${defaultId}`,
          requestId: null,
          reason: "doGenerate returned another shape than the language model specifications v2 to v4.",
        });
      }
      const { content, finishReason, usage, response } = parsed.data;
      const counts = { inputTokens: countOf(usage?.inputTokens), outputTokens: countOf(usage?.outputTokens) };
      return {
        text: content.map((part) => (part.type === "text" ? (part.text ?? "") : "")).join(""),
        toolCalls: content
          .filter((part) => part.type === "tool-call")
          .map((part) => ({
            id: part.toolCallId ?? null,
            name: part.toolName ?? "",
            arguments: typeof part.input === "string" ? part.input : JSON.stringify(part.input ?? {}),
          })),
        usage: counts,
        costUsd: costFromWire(usage?.raw?.cost) ?? costFromPrice(counts, price),
        latencyMs,
        finishReason: finishReasonOf(typeof finishReason === "object" ? finishReason?.unified : finishReason),
        requestId: response?.id ?? null,
      };
    },
  });
}

function callOptions(request: ChatRequest, provider: string, signal: AbortSignal): Record<string, unknown> {
  return {
    prompt: request.messages.map((message) => promptMessage(message, request.messages)),
    maxOutputTokens: request.maxOutputTokens,
    temperature: request.temperature,
    seed: request.seed,
    stopSequences: request.stop,
    tools: request.tools?.map((tool) => ({
      type: "function",
      name: tool.name,
      description: tool.description,
      inputSchema: tool.parameters,
    })),
    // Providers read what is theirs under the first part of their name.
    providerOptions: request.extraBody
      ? { [provider.split(".")[0] ?? provider]: request.extraBody }
      : undefined,
    abortSignal: signal,
  };
}

function promptMessage(message: ChatMessage, all: readonly ChatMessage[]): Record<string, unknown> {
  const text = { type: "text", text: message.content };
  switch (message.role) {
    case "system":
      return { role: "system", content: message.content };
    case "assistant":
      return {
        role: "assistant",
        content: [
          ...(message.content === "" ? [] : [text]),
          ...(message.toolCalls ?? []).map((call) => ({
            type: "tool-call",
            toolCallId: call.id ?? call.name,
            toolName: call.name,
            input: parsedArguments(call.arguments),
          })),
        ],
      };
    case "tool":
      return {
        role: "tool",
        content: [
          {
            type: "tool-result",
            toolCallId: message.toolCallId ?? "",
            toolName: toolNameOf(message.toolCallId, all),
            output: { type: "text", value: message.content },
          },
        ],
      };
    default:
      return { role: "user", content: [text] };
  }
}

function toolNameOf(toolCallId: string | undefined, messages: readonly ChatMessage[]): string {
  const calls = messages.flatMap((message) => message.toolCalls ?? []);
  return calls.find((call) => (call.id ?? call.name) === toolCallId)?.name ?? "";
}

function parsedArguments(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function countOf(value: z.infer<typeof tokenCount>): number | null {
  if (typeof value === "number") return value;
  return value?.total ?? null;
}

const REASONS: ReadonlySet<string> = new Set(["stop", "length", "tool-calls", "content-filter"]);

function finishReasonOf(reason: string | null | undefined): FinishReason {
  return reason && REASONS.has(reason) ? (reason as FinishReason) : "unknown";
}
