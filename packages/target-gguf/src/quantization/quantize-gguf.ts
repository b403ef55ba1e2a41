import { rename, rm, stat } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { ModelOpsError } from "@modelops/core";
import { checkDiskSpace, diskFull, freeBytesFor } from "../format/disk-space.ts";
import { readGguf } from "../format/read-gguf.ts";
import { maxInferenceThreads } from "../serving/llama-runtime.ts";
import { missingPackage } from "../serving/missing-package.ts";
import { isKQuantization, K_QUANTIZATION_IDS, type KQuantization } from "../size/quantization.ts";
import { findLlamaLibraries, type LlamaLibraryPaths } from "./llama-library.ts";
import { type QuantizeOutcome, runQuantizeChild } from "./run-quantize-child.ts";

export interface QuantizeGgufOptions {
  /** A GGUF file of type F32, F16 or BF16. */
  readonly inputPath: string;
  readonly outputPath: string;
  readonly quantization: KQuantization | "Q8_0";
  /** @default all cores but one */
  readonly threads?: number;
  /** Computes the size only; writes nothing. @default false */
  readonly isDryRun?: boolean;
  /** Each line of llama.cpp's log. */
  readonly onLog?: (line: string) => void;
  /** Called as tensors are done; not in a dry run. */
  readonly onProgress?: (progress: { readonly tensor: number; readonly tensorCount: number }) => void;
  readonly signal?: AbortSignal;
}

export interface QuantizedGguf {
  /** Null after a dry run. */
  readonly path: string | null;
  /** Bytes of the tensors, rounded as llama.cpp prints them (0.01 MiB). */
  readonly tensorBytes: number;
  readonly bitsPerWeight: number;
  /** Size of the file, null after a dry run. */
  readonly sizeBytes: number | null;
}

const Q8_0_FILE_TYPE = 7;
const LOG_WAIT_MS = 2_000;
/** `[  12/ 291] blk.0.attn_q.weight …` */
const TENSOR_LINE = /^\[\s*(\d+)\/\s*(\d+)\]/;
/** `llama_model_quantize_impl: quant size  =  0.70 MiB (4.51 BPW)` */
const SIZE_LINE = /quant size\s*=\s*([\d.]+) MiB \(([\d.]+) BPW\)/;

function quantizationFailed(reason: string, log: readonly string[]): ModelOpsError {
  return new ModelOpsError({
    code: "gguf/quantization-failed",
    message: "llama.cpp could not quantise the file.",
    reason,
    fix: "check that the input is an F32, F16 or BF16 GGUF file of a supported model; the last log lines are in details.",
    details: { log },
  });
}

function checkOutcome({ answer, log, exit }: QuantizeOutcome): void {
  if ((answer?.kind === "finished" || answer?.kind === "planned") && answer.result === 0) return;
  if (answer?.kind === "unknown-library") {
    throw new ModelOpsError({
      code: "gguf/unknown-llama-library",
      message: "The installed llama.cpp library is not the one this package knows.",
      reason: `Its quantisation settings look different: ${answer.difference}.`,
      fix: "install the version of node-llama-cpp that the package's peerDependencies name.",
    });
  }
  if (answer?.kind === "error" && answer.message.includes("koffi"))
    throw missingPackage("koffi", answer.message);
  if (answer?.kind === "error") throw quantizationFailed(answer.message, log);
  throw quantizationFailed(
    log.findLast((line) => line.trim() !== "") ?? `The process ended with ${exit}.`,
    log,
  );
}

function requireLibraries(): LlamaLibraryPaths {
  const libraries = findLlamaLibraries();
  if (libraries) return libraries;
  throw missingPackage("node-llama-cpp", "No prebuilt llama.cpp library was found for this platform.");
}

/** llama.cpp reports a full disk as a stream error, so the disk is asked. */
async function explainFullDisk(error: unknown, path: string, neededBytes: number): Promise<unknown> {
  const freeBytes = await freeBytesFor(path).catch(() => null);
  const isFull = freeBytes !== null && freeBytes < neededBytes;
  return isFull ? diskFull(path, neededBytes, freeBytes, error) : error;
}

/**
 * Quantises a GGUF file with llama.cpp (K-quants, IQ4, Q8_0) in a child process; the result appears under its name only
 * when it is complete. Needs the optional packages `koffi` and `node-llama-cpp`.
 * @throws ModelOpsError `gguf/package-missing`, `gguf/unknown-llama-library`, `gguf/quantization-failed`,
 * `gguf/disk-full`, `gguf/malformed-gguf`
 */
export async function quantizeGguf(options: QuantizeGgufOptions): Promise<QuantizedGguf> {
  const { inputPath, outputPath, quantization, isDryRun = false, signal } = options;
  signal?.throwIfAborted();
  await readGguf(inputPath);
  const temporaryPath = `${outputPath}.${process.pid}.tmp`;
  const task = {
    libraries: requireLibraries(),
    inputPath,
    outputPath: temporaryPath,
    fileType: isKQuantization(quantization) ? K_QUANTIZATION_IDS[quantization] : Q8_0_FILE_TYPE,
    threads: options.threads ?? maxInferenceThreads(),
  };
  let size = { tensorBytes: 0, bitsPerWeight: 0 };
  let isMaking = false;
  const sizeSeen = Promise.withResolvers<void>();
  const onLine = (line: string) => {
    options.onLog?.(line);
    const [, tensor, tensorCount] = TENSOR_LINE.exec(line) ?? [];
    if (isMaking && tensor)
      options.onProgress?.({ tensor: Number(tensor), tensorCount: Number(tensorCount) });
    const [, mebibytes, bitsPerWeight] = SIZE_LINE.exec(line) ?? [];
    if (!mebibytes) return;
    size = { tensorBytes: Math.round(Number(mebibytes) * 1024 ** 2), bitsPerWeight: Number(bitsPerWeight) };
    sizeSeen.resolve();
  };
  const onPlanned = async () => {
    if (isDryRun) return false;
    // The log comes by another pipe than the answer and may be a moment behind.
    await Promise.race([sizeSeen.promise, setTimeout(LOG_WAIT_MS)]);
    await checkDiskSpace(outputPath, size.tensorBytes);
    isMaking = true;
    return true;
  };
  try {
    const outcome = await runQuantizeChild(task, { onLine, onPlanned, signal });
    signal?.throwIfAborted();
    checkOutcome(outcome);
    if (size.tensorBytes === 0)
      throw quantizationFailed("llama.cpp's log did not say the size.", outcome.log);
    if (isDryRun) return { path: null, ...size, sizeBytes: null };
    await rename(temporaryPath, outputPath);
    return { path: outputPath, ...size, sizeBytes: (await stat(outputPath)).size };
  } catch (error) {
    await rm(temporaryPath, { force: true });
    throw await explainFullDisk(error, outputPath, size.tensorBytes);
  }
}
