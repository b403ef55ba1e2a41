import { availableParallelism } from "node:os";
import type { Llama } from "node-llama-cpp";
import type { GpuSetting } from "./gpu-setting.ts";
import { missingPackage } from "./missing-package.ts";

/** Log lines kept to explain a failure. */
const KEPT_LOG_LINES = 10;

/** The inference engine of this process. */
export interface LlamaRuntime {
  readonly llama: Llama;
  /** llama.cpp's last complaints, newest last: its errors say little themselves. */
  recentLog(): readonly string[];
}

/**
 * One engine per process and GPU setting: each has a thread pool, and two would fight for the cores. It stays until the
 * process ends: it holds no model, does not keep the process alive, and loading it again takes a third of a second.
 */
const runtimes = new Map<GpuSetting, Promise<LlamaRuntime>>();

/** More threads than cores slow llama.cpp down by orders of magnitude; one core is left to the host. */
export function maxInferenceThreads(): number {
  return Math.max(1, availableParallelism() - 1);
}

async function load(gpu: GpuSetting): Promise<LlamaRuntime> {
  const library = await import("node-llama-cpp").catch((cause: unknown) => {
    throw missingPackage("node-llama-cpp", "Serving a GGUF file in this process uses it.", cause);
  });
  const log: string[] = [];
  try {
    const llama = await library.getLlama({
      gpu,
      build: "never",
      skipDownload: true,
      progressLogs: false,
      maxThreads: maxInferenceThreads(),
      logLevel: library.LlamaLogLevel.error,
      logger: (_level, message) => {
        log.push(message.trim());
        if (log.length > KEPT_LOG_LINES) log.shift();
      },
    });
    return { llama, recentLog: () => log.filter(Boolean) };
  } catch (cause) {
    throw missingPackage(
      "node-llama-cpp",
      "Its prebuilt library for this platform could not be loaded.",
      cause,
    );
  }
}

/**
 * The engine of this process, loaded on first use.
 * @throws ModelOpsError `gguf/package-missing`
 */
export function llamaRuntime(gpu: GpuSetting): Promise<LlamaRuntime> {
  const known = runtimes.get(gpu);
  if (known) return known;
  const loading = load(gpu).catch((error: unknown) => {
    // The package may be installed before the next try.
    runtimes.delete(gpu);
    throw error;
  });
  runtimes.set(gpu, loading);
  return loading;
}
