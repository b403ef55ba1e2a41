import type { Clock } from "@modelops/core";
import { waitWhileAnswering } from "../twin/twin.ts";
import { jsonReply } from "../twin/whole-reply.ts";
import type { ChatEngine } from "./chat-engine.ts";
import { type ChatFailure, readChatRequest } from "./chat-request.ts";
import { completionBody, completionEvents, eventStream, plainUsage } from "./completion-wire.ts";

/** Answers `POST …/chat/completions` as OpenAI-compatible servers do (OpenAI, vLLM, llama.cpp). */
export async function answerOpenAIChat(
  body: string,
  options: {
    readonly engine: ChatEngine;
    readonly clock: Clock;
    readonly nextId: () => string;
    /** The model that answers, whatever name the request gives (a server with one model). */
    readonly onlyModel?: string;
    readonly signal?: AbortSignal;
  },
): Promise<Response> {
  const { engine, clock } = options;
  const { request, failure: refusal } = readChatRequest(
    body,
    options.onlyModel === undefined ? {} : { model: options.onlyModel },
  );
  if (refusal !== null) return openAIError(refusal);
  const result = await engine.ask(options.onlyModel ?? request.model, request);
  if (result.latencyMs > 0) await waitWhileAnswering(clock, result.latencyMs, options.signal);
  const { outcome } = result;
  if (outcome === null) return openAIError(result.failure);
  const id = options.nextId();
  const frame = { id, model: request.model, created: Math.floor(clock.now() / 1000) };
  const usage = plainUsage(outcome);
  if (request.stream) {
    return eventStream(
      completionEvents(frame, outcome, {
        usage: request.stream_options?.include_usage ? usage : null,
        usagePlace: "own-chunk",
        errorChunk: () => errorBody(BROKEN),
      }),
      { "x-request-id": id },
    );
  }
  if (outcome.failAfterTokens !== null) return openAIError(BROKEN);
  return jsonReply(completionBody(frame, outcome, usage), { headers: { "x-request-id": id } });
}

const BROKEN: ChatFailure = {
  status: 500,
  message: "The generation broke off.",
  kind: "server_error",
};

export function openAIError(failure: ChatFailure): Response {
  const { status, retryAfterSeconds } = failure;
  const headers: Record<string, string> =
    retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
  return jsonReply(errorBody(failure), { status, headers });
}

function errorBody({ status, message, kind, param }: ChatFailure): object {
  const type = status === 429 ? "requests" : status < 500 ? "invalid_request_error" : "server_error";
  return { error: { message, type, param: param ?? null, code: kind === type ? null : kind } };
}
