import type { ChatModel } from "../contract/chat-model.ts";
import { adaptedModel, type ChatModelAdapterOptions } from "./adapter-options.ts";
import { completionBody } from "./openai-wire.ts";
import { readCompletion } from "./read-completion.ts";

/** The part of an `openai` client that is used; any version with this shape fits. */
export interface OpenAIClientLike {
  readonly baseURL?: string;
  readonly chat: {
    readonly completions: { create(body: never, options: never): PromiseLike<unknown> };
  };
}

export interface FromOpenAIOptions extends ChatModelAdapterOptions {
  readonly model: string;
}

/** A model behind an `openai` client. The client's own retries are turned off, so that attempts can be counted. */
export function fromOpenAI(client: OpenAIClientLike, options: FromOpenAIOptions): ChatModel {
  const { model, ...given } = options;
  const host = client.baseURL?.replace(/^https?:\/\//, "").replace(/\/+$/, "") ?? "openai";
  return adaptedModel({
    adapter: "fromOpenAI",
    defaultId: `${model}@${host}`,
    given,
    async call(request, { signal, price, timeoutMs }) {
      const startedAt = performance.now();
      const body = completionBody(request, { model, maxTokensField: "max_tokens" });
      const answer = await client.chat.completions.create(
        body as never,
        { signal, timeout: timeoutMs, maxRetries: 0 } as never,
      );
      return readCompletion(
        { status: 200, headers: new Headers(), body: answer, latencyMs: performance.now() - startedAt },
        { subject: `The model ${model}`, price, secrets: [], request, nowMs: Date.now() },
      );
    },
  });
}
