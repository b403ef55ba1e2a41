import type { ChatModel, ChatRequest } from "../contract/chat-model.ts";
import type { EvaluationExample } from "../contract/dataset-source.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import {
  type AgentRunResult,
  answerFromChat,
  answerFromRun,
  type EvaluationAnswer,
  requireChatResult,
} from "./answer.ts";
import type { AnswerCache } from "./answer-cache.ts";
import { defaultRequest, type GenerationSettings } from "./chat-request.ts";
import { callHostFunction, exampleName } from "./host-function.ts";

/** The host's own agent: asks the model as often as it likes and reports what it did. */
export type AgentRun = (
  example: EvaluationExample,
  model: ChatModel,
  options: { readonly signal: AbortSignal },
) => Promise<AgentRunResult>;

export type ToRequest = (example: EvaluationExample) => ChatRequest;

/** Gets one answer for one example. `trial` keeps repeated answers of one example apart in the cache. */
export type Ask = (call: {
  readonly example: EvaluationExample;
  readonly model: ChatModel;
  readonly trial: number;
  readonly signal: AbortSignal;
}) => Promise<EvaluationAnswer>;

export interface AskOptions {
  readonly toRequest?: ToRequest;
  readonly run?: AgentRun;
  readonly generation?: GenerationSettings;
  readonly cache: AnswerCache | null;
}

/** The request of an example, with the settings of the evaluation under what the example itself says. */
export function requestFor(
  example: EvaluationExample,
  options: Pick<AskOptions, "toRequest" | "generation">,
): ChatRequest {
  const { toRequest } = options;
  const request = toRequest
    ? checkedRequest(
        callHostFunction("toRequest", exampleName(example.id), () => toRequest(example)),
        example,
      )
    : defaultRequest(example);
  return options.generation ? { ...options.generation, ...request } : request;
}

function checkedRequest(request: ChatRequest, example: EvaluationExample): ChatRequest {
  if (Array.isArray(request?.messages) && request.messages.length > 0) return request;
  throw new ModelOpsError({
    code: "evaluation/no-prompt",
    message: `toRequest returned no messages for ${exampleName(example.id)}.`,
    fix: 'return { messages: [{ role: "user", content: … }] }.',
    details: { exampleId: example.id },
  });
}

/** A failure of the host's own agent counts like one of the model, under a name of its own. */
function runFailed(error: unknown): never {
  if (ModelOpsError.isInstance(error)) throw error;
  throw new ModelOpsError({
    code: "model/run-failed",
    message: `run(example, model) threw ${error instanceof Error ? error.name : typeof error}.`,
    fix: "look at the error's cause: the agent around the model failed.",
    cause: error,
  });
}

export function createAsk(options: AskOptions): Ask {
  const { run, cache } = options;
  if (run) {
    return async ({ example, model, signal }) => {
      const startedAt = performance.now();
      const result = await Promise.resolve()
        .then(() => run(example, model, { signal }))
        .catch(runFailed);
      if (typeof result?.text !== "string") {
        throw new ModelOpsError({
          code: "evaluation/run-result",
          message: "run(example, model) returned no text.",
          fix: "return at least { text: string }.",
        });
      }
      return answerFromRun(result, performance.now() - startedAt);
    };
  }
  return async ({ example, model, trial, signal }) => {
    const request = requestFor(example, options);
    if (!cache) return answerFromChat(requireChatResult(await model.generate(request, { signal })), false);
    const { result, fromCache } = await cache.answer({ modelId: model.id, request, trial }, async () =>
      requireChatResult(await model.generate(request, { signal })),
    );
    return answerFromChat(result, fromCache);
  };
}
