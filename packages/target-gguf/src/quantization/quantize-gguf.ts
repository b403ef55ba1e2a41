import { type ChildProcess, fork } from "node:child_process";
import { rename, rm, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { ModelOpsError } from "@modelops/core";
import { checkDiskSpace, diskFull, freeBytesFor } from "../format/disk-space.ts";
import { readGguf } from "../format/read-gguf.ts";
import { missingPackage } from "../serving/missing-package.ts";
import { isKQuantization, K_QUANTIZATION_IDS, type KQuantization } from "../size/quantization.ts";
import { findLlamaLibraries, type LlamaLibraryPaths } from "./llama-library.ts";
import type { QuantizeAnswer, QuantizeTask } from "./quantize-messages.ts";

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
const KEPT_LOG_LINES = 20;
/** `[  12/ 291] blk.0.attn_q.weight …` */
const TENSOR_LINE = /^\[\s*(\d+)\/\s*(\d+)\]/;
/** `llama_model_quantize_impl: quant size  =  0.70 MiB (4.51 BPW)` */
const SIZE_LINE = /quant size\s*=\s*([\d.]+) MiB \(([\d.]+) BPW\)/;

/** The script lies beside this module in the source tree and beside the bundle when published. */
function childScript(): string {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return fileURLToPath(new URL(`./quantize-child.${extension}`, import.meta.url));
}

function quantizationFailed(reason: string, log: readonly string[]): ModelOpsError {
  return new ModelOpsError({
    code: "gguf/quantization-failed",
    message: "llama.cpp could not quantise the file.",
    reason,
    fix: "check that the input is an F32, F16 or BF16 GGUF file of a supported model; the last log lines are in details.",
    details: { log },
  });
}

function startChild(): ChildProcess {
  return fork(childScript(), [], { stdio: ["ignore", "ignore", "pipe", "ipc"], execArgv: [] });
}

interface ChildOutcome {
  readonly answer: QuantizeAnswer | null;
  readonly log: readonly string[];
  readonly exit: string;
}

/** Gives the task to a child and waits for its end; an abort kills it. */
async function runChild(
  task: QuantizeTask,
  options: QuantizeGgufOptions,
  onSize: (line: RegExpExecArray) => void,
): Promise<ChildOutcome> {
  const child = startChild();
  const stop = () => child.kill("SIGKILL");
  options.signal?.addEventListener("abort", stop, { once: true });
  const log: string[] = [];
  let answer: QuantizeAnswer | null = null;
  try {
    const exited = new Promise<string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    child.on("message", (message) => {
      answer = message as QuantizeAnswer;
    });
    if (child.stderr) {
      createInterface({ input: child.stderr }).on("line", (line) => {
        log.push(line);
        if (log.length > KEPT_LOG_LINES) log.shift();
        options.onLog?.(line);
        const tensor = TENSOR_LINE.exec(line);
        if (tensor) options.onProgress?.({ tensor: Number(tensor[1]), tensorCount: Number(tensor[2]) });
        const size = SIZE_LINE.exec(line);
        if (size) onSize(size);
      });
    }
    child.send(task);
    return { exit: await exited, answer, log };
  } finally {
    options.signal?.removeEventListener("abort", stop);
  }
}

function checkAnswer({ answer, log, exit }: ChildOutcome): void {
  if (answer?.kind === "finished" && answer.result === 0) return;
  if (answer?.kind === "unknown-library") {
    throw new ModelOpsError({
      code: "gguf/unknown-llama-library",
      message: "The installed llama.cpp library is not the one this package knows.",
      reason: `Its quantisation settings look different: ${answer.difference}.`,
      fix: "install the version of node-llama-cpp that the package's peerDependencies name.",
    });
  }
  if (answer?.kind === "error" && /koffi/.test(answer.message)) throw missingPackage("koffi", answer.message);
  const reason =
    answer?.kind === "error"
      ? answer.message
      : `The quantising process ended with ${exit}: ${log.at(-1) ?? "no log"}`;
  throw quantizationFailed(reason, log);
}

function requireLibraries(): LlamaLibraryPaths {
  const libraries = findLlamaLibraries();
  if (libraries === null)
    throw missingPackage("node-llama-cpp", "No prebuilt llama.cpp library was found for this platform.");
  return libraries;
}

/** llama.cpp reports a full disk as a stream error, so the disk is asked. */
async function explainFullDisk(error: unknown, path: string, neededBytes: number): Promise<unknown> {
  const freeBytes = await freeBytesFor(path).catch(() => null);
  return freeBytes !== null && freeBytes < neededBytes
    ? diskFull(path, neededBytes, freeBytes, error)
    : error;
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
  const libraries = requireLibraries();
  const temporaryPath = `${outputPath}.${process.pid}.tmp`;
  const fileType = isKQuantization(quantization) ? K_QUANTIZATION_IDS[quantization] : Q8_0_FILE_TYPE;
  const threads = options.threads ?? Math.max(1, availableParallelism() - 1);
  let tensorBytes = 0;
  let bitsPerWeight = 0;
  const run = async (dryRun: boolean) => {
    const task: QuantizeTask = {
      libraries,
      inputPath,
      outputPath: temporaryPath,
      fileType,
      threads,
      isDryRun: dryRun,
    };
    const outcome = await runChild(task, options, (size) => {
      tensorBytes = Math.round(Number(size[1]) * 1024 * 1024);
      bitsPerWeight = Number(size[2]);
    });
    signal?.throwIfAborted();
    checkAnswer(outcome);
  };
  await run(true);
  if (isDryRun) return { path: null, tensorBytes, bitsPerWeight, sizeBytes: null };
  await checkDiskSpace(outputPath, tensorBytes);
  try {
    await run(false);
    await rename(temporaryPath, outputPath);
  } catch (error) {
    await rm(temporaryPath, { force: true });
    throw await explainFullDisk(error, outputPath, tensorBytes);
  }
  return { path: outputPath, tensorBytes, bitsPerWeight, sizeBytes: (await stat(outputPath)).size };
}
