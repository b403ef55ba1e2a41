import assert from "node:assert/strict";
import type { ChatModel, ChatRequest, ChatResult } from "@modelops/core";
import {
  aborted,
  abortedSoon,
  frozen,
  holdsNoSecret,
  isNullOrAtLeastZero,
  rejectsWell,
  rejectsWithReason,
  survivesJson,
} from "../kit-assertions.ts";
import type { ChatModelCase, ChatModelPlace } from "./chat-model-place.ts";

const FINISH_REASONS = ["stop", "length", "tool-calls", "content-filter", "unknown"];

function firstQuestion(place: ChatModelPlace): ChatRequest {
  const [question] = place.questions;
  assert.ok(question, "the factory gives no questions");
  return question;
}

const greedily = (request: ChatRequest): ChatRequest => ({ ...request, temperature: 0 });

async function texts(model: ChatModel, questions: readonly ChatRequest[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const question of questions) found.push((await model.generate(greedily(question))).text);
  return found;
}

function checkResult(result: ChatResult): void {
  assert.equal(typeof result.text, "string");
  assert.ok(FINISH_REASONS.includes(result.finishReason), `finishReason is ${result.finishReason}`);
  for (const count of [result.usage.inputTokens, result.usage.outputTokens]) {
    isNullOrAtLeastZero(count, "a token count");
    assert.ok(count === null || Number.isInteger(count), `a token count is ${count}`);
  }
  isNullOrAtLeastZero(result.costUsd, "costUsd");
  assert.ok(Number.isFinite(result.latencyMs) && result.latencyMs >= 0, `latencyMs is ${result.latencyMs}`);
  assert.ok(Number.isInteger(result.attempts) && result.attempts >= 1, `attempts is ${result.attempts}`);
  assert.ok(result.requestId === null || result.requestId.length > 0, "requestId is an empty text");
  for (const call of result.toolCalls) {
    assert.ok(call.name.length > 0, "a tool call has no name");
    assert.equal(typeof call.arguments, "string", "the arguments of a tool call must stay text");
  }
  survivesJson(result, "an answer");
}

export const CHAT_MODEL_CASES: readonly ChatModelCase[] = [
  {
    name: "says which contract it keeps, and has a name of its own that shows no secret",
    async run({ model, secrets }) {
      assert.equal(model.contract, "chat-model/v1");
      assert.ok(model.id.trim().length > 0, "the id is empty");
      holdsNoSecret(model.id, secrets, "the id");
    },
  },
  {
    name: "has the same id in another process",
    async run({ model, again }) {
      const other = await again();
      assert.equal(other.id, model.id);
      await other.close?.();
    },
  },
  {
    name: "answers with a text and facts that are stated or null",
    async run(place) {
      const result = await place.model.generate(firstQuestion(place));
      checkResult(result);
      assert.ok(result.text.length > 0 || result.toolCalls.length > 0, "the answer is empty");
    },
  },
  {
    name: "leaves the request as it was",
    async run(place) {
      const request = frozen(firstQuestion(place));
      const before = structuredClone(request);
      await place.model.generate(request);
      assert.deepEqual(request, before);
    },
  },
  {
    name: "answers many at once, each with the answer it gets alone",
    async run({ model, questions }) {
      const alone = await texts(model, questions);
      assert.ok(new Set(alone).size > 1, "the questions of the factory must have different answers");
      const many = [...questions, ...questions.toReversed(), ...questions];
      const together = await Promise.all(many.map((question) => model.generate(greedily(question))));
      assert.deepEqual(
        together.map((result) => result.text),
        [...alone, ...alone.toReversed(), ...alone],
      );
    },
  },
  {
    name: "stops at maxOutputTokens and says so",
    async run({ model, longQuestion }) {
      const result = await model.generate({ ...longQuestion, maxOutputTokens: 2 });
      assert.equal(result.finishReason, "length");
      const { outputTokens } = result.usage;
      assert.ok(outputTokens === null || outputTokens <= 2, `${outputTokens} tokens were given`);
    },
  },
  {
    name: "gives tool calls with their arguments as text, or none at all",
    async run({ model, toolQuestion, questions }) {
      if (toolQuestion === null) {
        const [question] = questions;
        assert.deepEqual((await model.generate(question ?? { messages: [] })).toolCalls, []);
        return;
      }
      const result = await model.generate(toolQuestion);
      checkResult(result);
      assert.equal(result.finishReason, "tool-calls");
      assert.ok(result.toolCalls.length > 0, "there is no tool call");
    },
  },
  {
    name: "does nothing for a caller that has given up already",
    async run(place) {
      const { signal, reason } = aborted();
      await rejectsWithReason(place.model.generate(firstQuestion(place), { signal }), reason);
    },
  },
  {
    name: "stops when the caller gives up, and answers the next one",
    async run(place) {
      const { signal, reason } = abortedSoon();
      await rejectsWithReason(place.model.generate(place.slowQuestion, { signal }), reason);
      checkResult(await place.model.generate(firstQuestion(place)));
    },
  },
  {
    name: "rejects with a typed error that shows neither key nor prompt, and invents no text",
    async run({ failing, secrets, questions }) {
      const model = await failing();
      const [question] = questions;
      const prompts = question?.messages.map((message) => message.content) ?? [];
      await rejectsWell(
        model.generate(question ?? { messages: [] }),
        ["model", "gguf"],
        [...secrets, ...prompts],
      );
    },
  },
  {
    name: "closes twice calmly",
    async run(place) {
      await place.model.generate(firstQuestion(place));
      await place.model.close?.();
      await place.model.close?.();
    },
  },
];
