/** A function a model may call, described by a JSON schema. */
export interface ChatTool {
  readonly name: string;
  readonly description?: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface ChatToolCall {
  readonly id: string | null;
  readonly name: string;
  /** The raw argument text as the model wrote it; not always valid JSON. */
  readonly arguments: string;
}

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  readonly toolCalls?: readonly ChatToolCall[];
  readonly toolCallId?: string;
}

export interface ChatRequest {
  readonly messages: readonly ChatMessage[];
  readonly maxOutputTokens?: number;
  /** 0 = greedy. */
  readonly temperature?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly tools?: readonly ChatTool[];
  /** Passed through to the server as it is (`provider`, `chat_template_kwargs` …). */
  readonly extraBody?: Readonly<Record<string, unknown>>;
}

export type FinishReason = "stop" | "length" | "tool-calls" | "content-filter" | "unknown";

export interface ChatUsage {
  /** Null when the model did not say: unknown is not zero. */
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
}

export interface ChatResult {
  readonly text: string;
  readonly toolCalls: readonly ChatToolCall[];
  readonly usage: ChatUsage;
  /** Cost of this call in US dollars, null when unknown. 0 only when it is known to be free. */
  readonly costUsd: number | null;
  /** Wall time of the call that answered, retries and waits before it excluded. */
  readonly latencyMs: number;
  readonly finishReason: FinishReason;
  readonly requestId: string | null;
  /** How many calls were made before one answered (1 = no retry). */
  readonly attempts: number;
}

/**
 * Anything that answers chat messages: an HTTP API, an AI SDK or LangChain model, a GGUF in this process.
 * `generate` may be called concurrently; it rejects with a `ModelOpsError` (`model/...`) and never invents a text.
 */
export interface ChatModel {
  readonly contract: "chat-model/v1";
  /** Names the model and where it runs, stable across runs: it is part of cache keys and records. */
  readonly id: string;
  generate(request: ChatRequest, options?: { readonly signal?: AbortSignal }): Promise<ChatResult>;
  /** Frees what the model holds (memory, sockets). Calling it twice is calm. */
  close?(): Promise<void>;
}
