import type { ChatRequest, ChatResult } from "../contract/chat-model.ts";

/** What decides an answer: nothing else is part of its key, and no secret is. */
export interface AnswerKey {
  readonly modelId: string;
  readonly request: ChatRequest;
  /** Repeated answers for one request are samples, not copies. */
  readonly trial: number;
}

/**
 * Answers of earlier calls. `answer` calls `generate` when there is none; equal calls at the same time share one; an
 * error is never kept.
 */
export interface AnswerCache {
  answer(
    key: AnswerKey,
    generate: () => Promise<ChatResult>,
  ): Promise<{ readonly result: ChatResult; readonly fromCache: boolean }>;
  close(): Promise<void>;
}
