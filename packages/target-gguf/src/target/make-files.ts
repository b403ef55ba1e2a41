import { rm } from "node:fs/promises";
import { convertAdapterToGguf } from "../conversion/convert-adapter-to-gguf.ts";
import { convertToGguf } from "../conversion/convert-to-gguf.ts";
import { quantizeGguf } from "../quantization/quantize-gguf.ts";
import { isKQuantization } from "../size/quantization.ts";
import { hashAdapterFolder, hashModelFolder, hashOfParts } from "./content-hash.ts";
import type { GgufFileStore, StoredGguf } from "./gguf-file-store.ts";
import type { CompiledGgufTargetOptions } from "./gguf-target-options.ts";
import type { ModelSource } from "./model-source.ts";

/** Raised when the converter writes other bytes for the same source, so that old files are not taken for new ones. */
const CONVERTER_REVISION = "1";

/** The files a deployment is served from. */
export interface DeploymentFiles {
  readonly model: StoredGguf;
  readonly adapter: StoredGguf | null;
}

export interface MakeFilesContext {
  readonly options: CompiledGgufTargetOptions;
  readonly store: GgufFileStore;
  readonly signal?: AbortSignal | undefined;
}

async function makeModelFile(
  path: string,
  source: ModelSource,
  { options, signal }: MakeFilesContext,
): Promise<void> {
  const { quantization, tokenizerFrom } = options;
  const adapterFolder = options.mergeAdapters ? (source.adapterFolder ?? undefined) : undefined;
  const conversion = { modelFolder: source.modelFolder, adapterFolder, tokenizerFrom, signal };
  if (!isKQuantization(quantization)) {
    await convertToGguf({ ...conversion, outputPath: path, type: quantization });
    return;
  }
  const halfPath = `${path}.${process.pid}.f16.tmp`;
  try {
    await convertToGguf({ ...conversion, outputPath: halfPath, type: "F16" });
    await quantizeGguf({
      inputPath: halfPath,
      outputPath: path,
      quantization,
      threads: options.threads,
      signal,
    });
  } finally {
    await rm(halfPath, { force: true });
  }
}

/** Makes, or finds again, the GGUF files of a model: base first, then the adapter beside it. */
export async function makeFiles(source: ModelSource, context: MakeFilesContext): Promise<DeploymentFiles> {
  const { options, store, signal } = context;
  const { modelFolder, adapterFolder } = source;
  const modelParts = await hashModelFolder(modelFolder, signal);
  const adapterParts = adapterFolder === null ? [] : await hashAdapterFolder(adapterFolder, signal);
  const isMerged = options.mergeAdapters && adapterFolder !== null;
  const settings = [CONVERTER_REVISION, options.quantization, options.tokenizerFrom ?? ""];
  const modelHash = hashOfParts([...settings, ...modelParts, ...(isMerged ? adapterParts : [])]);
  const kind = isMerged ? "merged" : "model";
  const modelFile = `${kind}-${options.quantization.toLowerCase()}-${modelHash}.gguf`;
  const model = await store.ensure(modelFile, (path) => makeModelFile(path, source, context), signal);
  if (adapterFolder === null || isMerged) return { model, adapter: null };
  // The base decides the order of rows in the adapter, so its files are part of the adapter's name.
  const adapterFile = `adapter-${hashOfParts([CONVERTER_REVISION, ...modelParts, ...adapterParts])}.gguf`;
  const adapter = await store.ensure(
    adapterFile,
    async (outputPath) => {
      await convertAdapterToGguf({ adapterFolder, baseFolder: modelFolder, outputPath, signal });
    },
    signal,
  );
  return { model, adapter };
}
