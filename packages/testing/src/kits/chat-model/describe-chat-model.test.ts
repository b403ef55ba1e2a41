import { type ChatModel, type ChatResult, openAICompatible } from "@modelops/core";
import { describe, expect, it } from "vitest";
import { startModelsTwin } from "../../models/models-twin.ts";
import { type KitFactory, runKitCase } from "../kit-case.ts";
import type { ChatModelPlace } from "./chat-model-place.ts";
import { chatModelCases, describeChatModel } from "./describe-chat-model.ts";

const KEY = "sk-test-0123456789abcdef";
const ask = (content: string) => ({ messages: [{ role: "user" as const, content }] });

const overTwin = (
  spoil: (model: ChatModel) => Partial<ChatModel> = () => ({}),
): KitFactory<ChatModelPlace> => ({
  name: "openAICompatible over the Models twin",
  async create() {
    const twin = await startModelsTwin({
      apiKeys: [KEY],
      models: [
        {
          id: "m",
          answers: ({ prompt }) =>
            prompt === "restart"
              ? { toolCalls: [{ name: "restart", arguments: '{"service":"pay"}' }] }
              : { text: `the answer to ${prompt}`, latencyMs: prompt === "slow" ? 300 : 0 },
        },
      ],
    });
    const open = (apiKey = KEY) => {
      const model = openAICompatible({ baseUrl: twin.baseUrl, model: "m", apiKey, maxAttempts: 1 });
      return { ...model, ...spoil(model) };
    };
    return {
      model: open(),
      again: () => open(),
      questions: [ask("first question"), ask("second question"), ask("third question")],
      slowQuestion: ask("slow"),
      longQuestion: ask("first question"),
      toolQuestion: ask("restart"),
      failing: () => open("sk-wrong-0123456789"),
      secrets: [KEY, "sk-wrong-0123456789"],
      remove: () => twin.close(),
    };
  },
});

describeChatModel(overTwin(), { describe, it });

/** A model whose answers are changed on the way. */
const changing = (change: (result: ChatResult) => Partial<ChatResult>) =>
  overTwin((model) => ({
    async generate(request, options) {
      const result = await model.generate(request, options);
      return { ...result, ...change(result) };
    },
  }));

const HABITS: readonly {
  readonly habit: string;
  readonly model: KitFactory<ChatModelPlace>;
  readonly caughtBy: RegExp;
}[] = [
  {
    habit: "puts its key into its id",
    model: overTwin((model) => ({ id: `${model.id}?key=${KEY}` })),
    caughtBy: /name of its own/,
  },
  {
    habit: "names itself at random",
    model: overTwin((model) => ({ id: `${model.id}-${Math.random()}` })),
    caughtBy: /same id/,
  },
  {
    habit: "calls unknown tokens minus one",
    model: changing(() => ({ usage: { inputTokens: -1, outputTokens: null } })),
    caughtBy: /stated or null|tool calls|gives up, and answers/,
  },
  {
    habit: "leaves out the cost",
    model: changing(() => ({ costUsd: undefined as never })),
    caughtBy: /stated or null|tool calls|gives up, and answers/,
  },
  {
    habit: "edits the messages it was given",
    model: overTwin((model) => ({
      async generate(request, options) {
        (request.messages as { role: string; content: string }[]).push({
          role: "system",
          content: "be brief",
        });
        return model.generate(request, options);
      },
    })),
    caughtBy: /leaves the request|each with the answer/,
  },
  {
    habit: "keeps the last question in a field",
    model: overTwin((model) => {
      let last = ask("");
      return {
        async generate(request, options) {
          last = request as never;
          await new Promise((resolve) => setImmediate(resolve));
          return model.generate(last, options);
        },
      };
    }),
    caughtBy: /each with the answer/,
  },
  {
    habit: "ignores maxOutputTokens",
    model: overTwin((model) => ({
      generate: ({ maxOutputTokens: _, ...request }, options) => model.generate(request, options),
    })),
    caughtBy: /maxOutputTokens/,
  },
  {
    habit: "parses the arguments of tools",
    model: changing(({ toolCalls }) => ({
      toolCalls: toolCalls.map((call) => ({ ...call, arguments: JSON.parse(call.arguments) })),
    })),
    caughtBy: /tool calls/,
  },
  {
    habit: "knows no signals",
    model: overTwin((model) => ({ generate: (request) => model.generate(request) })),
    caughtBy: /given up already|gives up, and answers/,
  },
  {
    habit: "looks at the signal at the start only",
    model: overTwin((model) => ({
      async generate(request, { signal } = {}) {
        signal?.throwIfAborted();
        return model.generate(request);
      },
    })),
    caughtBy: /gives up, and answers/,
  },
  {
    habit: "answers failures with an empty text",
    model: overTwin((model) => ({
      generate: (request, options) =>
        model.generate(request, options).catch((error) => {
          if (options?.signal?.aborted) throw error;
          return {
            text: "",
            toolCalls: [],
            usage: { inputTokens: null, outputTokens: null },
            costUsd: null,
            latencyMs: 0,
            finishReason: "unknown" as const,
            requestId: null,
            attempts: 1,
          };
        }),
    })),
    caughtBy: /invents no text/,
  },
  {
    habit: "throws what the transport threw, with the prompt in it",
    model: overTwin((model) => ({
      generate: (request, options) =>
        model.generate(request, options).catch((error) => {
          if (options?.signal?.aborted) throw error;
          throw new Error(`failed: ${JSON.stringify(request)}`);
        }),
    })),
    caughtBy: /invents no text/,
  },
  {
    habit: "can be closed once",
    model: overTwin(() => {
      let isClosed = false;
      return {
        async close() {
          if (isClosed) throw new Error("closed already");
          isClosed = true;
        },
      };
    }),
    caughtBy: /closes twice/,
  },
];

describe("a chat model with one bad habit", () => {
  const caught = new Set<string>();

  it.each(HABITS)("is caught when it $habit", async ({ model, caughtBy }) => {
    const failed: string[] = [];
    for (const kitCase of chatModelCases)
      await runKitCase(kitCase, model).catch(() => failed.push(kitCase.name));
    expect(failed).not.toEqual([]);
    for (const name of failed) expect(name).toMatch(caughtBy);
    for (const name of failed) caught.add(name);
  });

  it("has been found by every case at least once, so that none passes whatever happens", () => {
    expect(chatModelCases.map(({ name }) => name).filter((name) => !caught.has(name))).toEqual([]);
  });
});
