import { basename } from "node:path";
import { performance } from "node:perf_hooks";
import { type ChatModel, type ChatRequest, type ChatResult, ModelOpsError } from "@modelops/core";
import type { LlamaContextSequence, LlamaModel, Token } from "node-llama-cpp";
import { type ChatPrompt, createChatPrompt } from "./chat-prompt.ts";
import { generateTokens } from "./generate-tokens.ts";
import type { GpuSetting } from "./gpu-setting.ts";
import { loadGguf } from "./load-gguf.ts";
import { samplingOptions } from "./sampling.ts";
import { extractToolCalls } from "./tool-calls.ts";
import { createWaitingLine } from "./waiting-line.ts";

/** Output limit when a request names none. */
const DEFAULT_OUTPUT_TOKENS = 1024;

export interface OpenGgufChatModelOptions {
  /** The model's GGUF file. */
  readonly modelPath: string;
  /** A GGUF adapter that is applied to it. */
  readonly adapterPath?: string;
  /** Names the model in records and cache keys. @default made of the file names */
  readonly id?: string;
  /** Tokens of prompt and answer together. @default 4096, at most what the model was trained for */
  readonly contextLength?: number;
  /** Calls answered at the same time; each has a context of its own. @default 1 */
  readonly contextCount?: number;
  /** @default 1 below 50 million parameters, else all cores but one */
  readonly threads?: number;
  /** @default false */
  readonly gpu?: GpuSetting;
  /** Jinja template used instead of the one in the file. */
  readonly chatTemplate?: string;
  readonly signal?: AbortSignal;
}

/** A `ChatModel` in this process. */
export interface GgufChatModel extends ChatModel {
  /** Tokens of prompt and answer together. */
  readonly contextLength: number;
  readonly threads: number;
  close(): Promise<void>;
}

function contextOverflow(promptTokens: number, contextLength: number): ModelOpsError {
  return new ModelOpsError({
    code: "model/context-too-long",
    message: `The prompt has ${promptTokens} tokens; the context holds ${contextLength}, the answer included.`,
    fix: "shorten the messages, or open the model with a larger contextLength if it was trained for one.",
    details: { promptTokens, contextLength },
  });
}

function closedError(id: string): ModelOpsError {
  return new ModelOpsError({
    code: "model/closed",
    message: `${id} was closed.`,
    fix: "open the model again before calling it.",
  });
}

/** The template in the file, unless the caller has a better one. */
function promptOf(model: LlamaModel, chatTemplate: string | undefined): ChatPrompt {
  const inFile: unknown = model.fileInfo.metadata.tokenizer?.chat_template;
  const template = chatTemplate ?? inFile;
  if (typeof template !== "string" || template === "") {
    throw new ModelOpsError({
      code: "gguf/no-chat-template",
      message: "The GGUF file has no chat template.",
      reason: "Without it nobody knows how the model expects messages to be written.",
      fix: "pass chatTemplate, or convert the model from a folder with chat_template.jinja.",
    });
  }
  return createChatPrompt({
    template,
    bosToken: model.tokens.bosString ?? "",
    eosToken: model.tokens.eosString ?? "",
  });
}

interface Serving {
  readonly id: string;
  readonly model: LlamaModel;
  readonly prompt: ChatPrompt;
  readonly contextLength: number;
  /** Throws once the model is closed. */
  readonly throwIfClosed: () => void;
}

async function answer(
  serving: Serving,
  sequence: LlamaContextSequence,
  request: ChatRequest,
  promptTokens: readonly Token[],
  signal: AbortSignal | undefined,
): Promise<ChatResult> {
  const startedAt = performance.now();
  const room = serving.contextLength - promptTokens.length;
  const generated = await generateTokens({
    model: serving.model,
    sequence,
    promptTokens,
    maxOutputTokens: Math.min(request.maxOutputTokens ?? DEFAULT_OUTPUT_TOKENS, room),
    stop: request.stop ?? [],
    sampling: samplingOptions(request),
    throwIfEnded: () => {
      signal?.throwIfAborted();
      serving.throwIfClosed();
    },
  });
  const hasTools = request.tools !== undefined && request.tools.length > 0;
  const { text, toolCalls } = hasTools
    ? extractToolCalls(generated.text)
    : { text: generated.text, toolCalls: [] };
  return {
    text,
    toolCalls,
    usage: { inputTokens: promptTokens.length, outputTokens: generated.tokenCount },
    costUsd: 0,
    latencyMs: performance.now() - startedAt,
    finishReason: toolCalls.length > 0 ? "tool-calls" : generated.finishReason,
    requestId: null,
    attempts: 1,
  };
}

/**
 * Opens a GGUF file for answering chat messages in this process. Greedy unless a temperature is given; calls beyond
 * `contextCount` wait in line; every call starts from an empty context, so answers do not depend on earlier calls.
 * @throws ModelOpsError `gguf/package-missing`, `gguf/malformed-gguf`, `gguf/load-failed`, `gguf/no-chat-template`;
 * `generate` rejects with `model/context-too-long`, `model/chat-template-failed`, `model/invalid-request`, `model/closed`
 */
export async function openGgufChatModel(options: OpenGgufChatModelOptions): Promise<GgufChatModel> {
  const { modelPath, adapterPath, contextCount = 1, gpu = false } = options;
  const files = [modelPath, adapterPath]
    .filter((path) => path !== undefined)
    .map((path) => basename(path, ".gguf"));
  const id = options.id ?? `gguf:${files.join("+")}`;
  const loaded = await loadGguf({ ...options, contextCount, gpu });
  let closing: Promise<void> | null = null;
  const throwIfClosed = () => {
    if (closing) throw closedError(id);
  };
  try {
    const prompt = promptOf(loaded.model, options.chatTemplate);
    const sequences = loaded.contexts.map((context) => context.getSequence());
    const contextLength = sequences[0]?.contextSize ?? 0;
    const serving: Serving = { id, model: loaded.model, prompt, contextLength, throwIfClosed };
    const line = createWaitingLine(sequences);
    const inFlight = new Set<Promise<unknown>>();
    return {
      contract: "chat-model/v1",
      id,
      contextLength,
      threads: loaded.threads,
      generate: async (request, { signal } = {}) => {
        throwIfClosed();
        samplingOptions(request);
        const promptTokens = loaded.model.tokenize(prompt.render(request), true);
        if (promptTokens.length >= contextLength) throw contextOverflow(promptTokens.length, contextLength);
        const call = line.use((sequence) => answer(serving, sequence, request, promptTokens, signal), signal);
        inFlight.add(call);
        try {
          return await call;
        } finally {
          inFlight.delete(call);
        }
      },
      close: () => {
        closing ??= (async () => {
          line.shut(closedError(id));
          // Freed memory under a running evaluation would end the process.
          await Promise.allSettled(inFlight);
          await loaded.dispose();
        })();
        return closing;
      },
    };
  } catch (error) {
    await loaded.dispose();
    throw error;
  }
}
