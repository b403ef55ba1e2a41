import type { ChatModel, ChatRequest } from "@modelops/core";
import type { KitCase, KitPlace } from "../kit-case.ts";

/** A model to be examined, and the questions it can be examined with. */
export interface ChatModelPlace extends KitPlace {
  readonly model: ChatModel;
  /** Another object for the same model, as another process would make it. */
  again(): Promise<ChatModel> | ChatModel;
  /** At least two questions with different answers, the same each time they are asked greedily. */
  readonly questions: readonly ChatRequest[];
  /** A question whose answer takes at least 200 ms. */
  readonly slowQuestion: ChatRequest;
  /** A question whose answer is longer than three tokens. */
  readonly longQuestion: ChatRequest;
  /** A question that is answered with a tool call; null for a model that calls no tools. */
  readonly toolQuestion: ChatRequest | null;
  /** A model that cannot answer: its server refuses the key, or is gone, or it has been closed. */
  failing(): Promise<ChatModel> | ChatModel;
  /** Keys and prompts that no error and no id may show. */
  readonly secrets: readonly string[];
}

export type ChatModelCase = KitCase<ChatModelPlace>;
