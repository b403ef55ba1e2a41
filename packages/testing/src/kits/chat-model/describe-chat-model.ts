import { describeKit, type KitFactory, type TestRunner } from "../kit-case.ts";
import { CHAT_MODEL_CASES } from "./chat-model-cases.ts";
import type { ChatModelCase, ChatModelPlace } from "./chat-model-place.ts";

/** Every promise of `ChatModel`, as cases of their own. */
export const chatModelCases: readonly ChatModelCase[] = CHAT_MODEL_CASES;

/** The contract of a `ChatModel` as a test suite: `describeChatModel(factory, { describe, it })`. */
export function describeChatModel(factory: KitFactory<ChatModelPlace>, runner: TestRunner): void {
  describeKit("chat-model/v1", chatModelCases, factory, runner);
}
