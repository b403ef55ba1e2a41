import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ModelOpsError, type ModelReference, type ServingPrice, type TargetCheck } from "@modelops/core";
import { openLoraAdapter } from "../conversion/lora-adapter.ts";
import { readModelConfig } from "../conversion/model-config.ts";
import { freeBytesFor } from "../format/disk-space.ts";
import { findLlamaLibraries } from "../quantization/llama-library.ts";
import { predictGgufSize } from "../size/predict-gguf-size.ts";
import { isKQuantization } from "../size/quantization.ts";
import type { CompiledGgufTargetOptions } from "./gguf-target-options.ts";
import { locateModel } from "./model-source.ts";

/** Serving on one's own machine has no price per token or hour. */
const LOCAL_PRICE: ServingPrice = {
  inputUsdPerMillionTokens: 0,
  outputUsdPerMillionTokens: 0,
  usdPerHour: 0,
  source: "runs in this process: nothing is charged; hardware and electricity are not counted",
};

type Problem = TargetCheck["problems"][number];

function toProblem(error: unknown): Problem {
  if (!ModelOpsError.isInstance(error)) throw error;
  return { message: [error.what, error.reason].filter(Boolean).join(" "), fix: error.fix };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** Free bytes where the folder is, or will be. */
async function freeBytesAt(folder: string): Promise<number | null> {
  let existing = resolve(folder);
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  return freeBytesFor(`${existing}/file`).catch(() => null);
}

async function adapterBytes(adapterFolder: string, modelFolder: string): Promise<number> {
  const adapter = await openLoraAdapter(adapterFolder, await readModelConfig(modelFolder));
  try {
    return [...adapter.pairs.values()].reduce(
      (sum, { a, b }) => sum + (a.elementCount + b.elementCount) * 4,
      0,
    );
  } finally {
    await adapter.close();
  }
}

interface Sizes {
  readonly modelBytes: number;
  readonly adapterBytes: number | null;
  /** What is needed at the peak: a K-quant is made from an F16 file that lies beside it for a while. */
  readonly peakBytes: number;
}

async function predictSizes(
  source: { readonly modelFolder: string; readonly adapterFolder: string | null },
  options: CompiledGgufTargetOptions,
): Promise<Sizes> {
  const { modelFolder, adapterFolder } = source;
  const prediction = { modelFolder, tokenizerFrom: options.tokenizerFrom };
  const model = await predictGgufSize({ ...prediction, quantization: options.quantization });
  const modelBytes = model.totalBytes ?? model.tensorBytes;
  const half = isKQuantization(options.quantization)
    ? await predictGgufSize({ ...prediction, quantization: "F16" })
    : null;
  const adapter = adapterFolder === null ? null : await adapterBytes(adapterFolder, modelFolder);
  const separateBytes = options.mergeAdapters ? 0 : (adapter ?? 0);
  return {
    modelBytes,
    adapterBytes: adapter,
    peakBytes: modelBytes + (half?.totalBytes ?? 0) + separateBytes,
  };
}

function libraryProblems(options: CompiledGgufTargetOptions): readonly Problem[] {
  if (findLlamaLibraries() !== null) return [];
  const purpose = isKQuantization(options.quantization) ? "Quantising and serving need" : "Serving needs";
  return [
    {
      message: `${purpose} the package node-llama-cpp, which is not installed.`,
      fix: "npm install node-llama-cpp koffi",
    },
  ];
}

/** Says whether a model can be converted and served here, what it needs and what stands in the way. Writes nothing. */
export async function checkModel(
  model: ModelReference,
  options: CompiledGgufTargetOptions,
  signal?: AbortSignal,
): Promise<TargetCheck> {
  const problems: Problem[] = [...libraryProblems(options)];
  const notes: string[] = [];
  let contextLength: number | null = null;
  try {
    const source = await locateModel(model, options, signal);
    const config = await readModelConfig(source.modelFolder);
    contextLength = Math.min(config.contextLength, options.contextLength ?? 4096);
    const sizes = await predictSizes(source, options);
    notes.push(`model file (${options.quantization}): ${megabytes(sizes.modelBytes)}`);
    if (sizes.adapterBytes !== null) notes.push(`adapter: ${megabytes(sizes.adapterBytes)}`);
    const freeBytes = await freeBytesAt(options.folder);
    if (freeBytes !== null) notes.push(`free disk: ${megabytes(freeBytes)}`);
    if (freeBytes !== null && freeBytes < sizes.peakBytes) {
      const message = `The files need ${megabytes(sizes.peakBytes)} while they are made, ${megabytes(freeBytes)} are free.`;
      problems.push({ message, fix: "free some space, choose another folder or a smaller quantization." });
    }
  } catch (error) {
    signal?.throwIfAborted();
    problems.push(toProblem(error));
  }
  return { canServe: problems.length === 0, problems, price: LOCAL_PRICE, contextLength, notes };
}
