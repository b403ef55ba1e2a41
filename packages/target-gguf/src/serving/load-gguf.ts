import { ModelOpsError } from "@modelops/core";
import type { LlamaContext, LlamaModel } from "node-llama-cpp";
import { readGguf } from "../format/read-gguf.ts";
import type { GpuSetting } from "./gpu-setting.ts";
import { type LlamaRuntime, llamaRuntime, maxInferenceThreads } from "./llama-runtime.ts";

/** Below this, handing work to a second thread costs more than it saves. */
const TINY_MODEL_PARAMETERS = 50_000_000;
/** Context when the caller names none: enough for agents' tool calls without filling the memory. */
const DEFAULT_CONTEXT_TOKENS = 4096;

export interface LoadGgufOptions {
  readonly modelPath: string;
  readonly adapterPath?: string | undefined;
  readonly contextLength?: number | undefined;
  readonly contextCount: number;
  readonly threads?: number | undefined;
  readonly gpu: GpuSetting;
  readonly signal?: AbortSignal | undefined;
}

/** A model in memory with its contexts. */
export interface LoadedGguf {
  readonly model: LlamaModel;
  readonly contexts: readonly LlamaContext[];
  readonly threads: number;
  dispose(): Promise<void>;
}

function loadFailed(path: string, runtime: LlamaRuntime, cause: unknown): ModelOpsError {
  const log = runtime.recentLog();
  return new ModelOpsError({
    code: "gguf/load-failed",
    message: `llama.cpp could not load ${path}.`,
    reason: log.join(" | ") || (cause instanceof Error ? cause.message : String(cause)),
    fix: "convert the model again; check that the adapter belongs to this base and that the memory suffices.",
    details: { path },
    cause,
  });
}

async function createContexts(
  model: LlamaModel,
  options: LoadGgufOptions,
  threads: number,
): Promise<readonly LlamaContext[]> {
  const contexts: LlamaContext[] = [];
  const contextSize = Math.min(options.contextLength ?? DEFAULT_CONTEXT_TOKENS, model.trainContextSize);
  for (let index = 0; index < options.contextCount; index += 1) {
    contexts.push(
      await model.createContext({
        contextSize,
        threads,
        ...(options.adapterPath === undefined ? {} : { lora: options.adapterPath }),
        ...(options.signal ? { createSignal: options.signal } : {}),
      }),
    );
  }
  return contexts;
}

/**
 * Loads a GGUF file, with an adapter if one is given. Files are checked first: llama.cpp's own messages say little.
 * @throws ModelOpsError `gguf/package-missing`, `gguf/malformed-gguf`, `gguf/load-failed`
 */
export async function loadGguf(options: LoadGgufOptions): Promise<LoadedGguf> {
  const { modelPath, adapterPath, signal } = options;
  signal?.throwIfAborted();
  const { parameterCount } = await readGguf(modelPath);
  if (adapterPath !== undefined) await readGguf(adapterPath);
  const threads = options.threads ?? (parameterCount < TINY_MODEL_PARAMETERS ? 1 : maxInferenceThreads());
  const runtime = await llamaRuntime(options.gpu);
  let model: LlamaModel | null = null;
  try {
    model = await runtime.llama.loadModel({ modelPath, ...(signal ? { loadSignal: signal } : {}) });
    const contexts = await createContexts(model, options, threads);
    const loaded = model;
    // Contexts and adapters belong to the model and go with it.
    return { model, contexts, threads, dispose: () => loaded.dispose() };
  } catch (error) {
    await model?.dispose();
    signal?.throwIfAborted();
    throw ModelOpsError.isInstance(error) ? error : loadFailed(modelPath, runtime, error);
  }
}
