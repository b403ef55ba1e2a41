import { availableParallelism } from "node:os";
import type { Llama } from "node-llama-cpp";
import { missingPackage } from "./missing-package.ts";

/** Where inference runs. "auto" takes a GPU when a prebuilt library for it is installed. */
export type GpuSetting = false | "auto";

/** Log lines kept to explain a failure. */
const KEPT_LOG_LINES = 10;

/** A use of the process-wide inference engine. */
export interface LlamaLease {
  readonly llama: Llama;
  /** llama.cpp's last complaints, newest last: its errors say little themselves. */
  recentLog(): readonly string[];
  release(): Promise<void>;
}

interface SharedLlama {
  readonly loading: Promise<Llama>;
  readonly log: string[];
  userCount: number;
}

/** One engine per process and GPU setting: each has its own thread pool, and two would fight for the cores. */
const sharedByGpu = new Map<GpuSetting, SharedLlama>();

/** More threads than cores slow llama.cpp down by orders of magnitude; one core is left to the host. */
export function maxInferenceThreads(): number {
  return Math.max(1, availableParallelism() - 1);
}

async function load(gpu: GpuSetting, log: string[]): Promise<Llama> {
  const library = await import("node-llama-cpp").catch((cause: unknown) => {
    throw missingPackage("node-llama-cpp", "Serving a GGUF file in this process uses it.", cause);
  });
  try {
    return await library.getLlama({
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
  } catch (cause) {
    throw missingPackage(
      "node-llama-cpp",
      "Its prebuilt library for this platform could not be loaded.",
      cause,
    );
  }
}

/**
 * Takes the shared engine, loading it on first use; the last release frees it.
 * @throws ModelOpsError `gguf/package-missing`
 */
export async function leaseLlama(gpu: GpuSetting): Promise<LlamaLease> {
  let shared = sharedByGpu.get(gpu);
  if (!shared) {
    const log: string[] = [];
    shared = { loading: load(gpu, log), log, userCount: 0 };
    sharedByGpu.set(gpu, shared);
  }
  const used = shared;
  used.userCount += 1;
  const leave = async (dispose: boolean) => {
    used.userCount -= 1;
    if (used.userCount > 0) return;
    if (sharedByGpu.get(gpu) === used) sharedByGpu.delete(gpu);
    if (dispose) await (await used.loading).dispose();
  };
  const llama = await used.loading.catch(async (error: unknown) => {
    await leave(false);
    throw error;
  });
  let isReleased = false;
  return {
    llama,
    recentLog: () => used.log.filter(Boolean),
    release: async () => {
      if (isReleased) return;
      isReleased = true;
      await leave(true);
    },
  };
}
