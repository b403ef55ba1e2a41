import { access } from "node:fs/promises";
import { join } from "node:path";
import { ModelOpsError } from "@modelops/core";
import { DTYPE_BYTES, isReadableDtype } from "./dtype.ts";
import { widenToFloat32 } from "./float32-tensor.ts";
import type { TensorEntry } from "./header.ts";
import { malformedSafetensors } from "./malformed-safetensors.ts";
import { openSafetensorsFile, type SafetensorsFile } from "./safetensors-file.ts";
import { readShardNames } from "./shard-index.ts";

/** A tensor of a model folder, wherever its shard lies. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly elementCount: number;
  /** Reads a run of elements, widened to float32. Nothing else of the tensor is held in memory. */
  readFloat32(firstElement: number, elementCount: number): Promise<Float32Array>;
}

/** The weights of a model or adapter folder, opened for reading piece by piece. */
export interface SafetensorsFolder {
  readonly files: readonly string[];
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  close(): Promise<void>;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function unsupportedDtype(tensorName: string, dtype: string): ModelOpsError {
  return new ModelOpsError({
    code: "gguf/unsupported-dtype",
    message: `Tensor "${tensorName}" is stored as ${dtype}.`,
    reason: "Only F32, F16 and BF16 weights can be converted; quantised or 8-bit checkpoints cannot.",
    fix: "load the model in bfloat16 and save it again with save_pretrained().",
    details: { tensor: tensorName, dtype },
  });
}

/**
 * Refuses a tensor whose element type cannot be widened to float32, before any output exists.
 * @throws ModelOpsError `gguf/unsupported-dtype`
 */
export function checkReadable(tensor: StoredTensor): void {
  if (!isReadableDtype(tensor.dtype)) throw unsupportedDtype(tensor.name, tensor.dtype);
}

function storedTensor(file: SafetensorsFile, entry: TensorEntry): StoredTensor {
  const { dtype, name, shape, startByte } = entry;
  const elementBytes = DTYPE_BYTES.get(dtype) ?? 1;
  return {
    name,
    dtype,
    shape,
    elementCount: entry.byteLength / elementBytes,
    readFloat32: async (firstElement, elementCount) => {
      if (!isReadableDtype(dtype)) throw unsupportedDtype(name, dtype);
      const bytes = new Uint8Array(elementCount * elementBytes);
      await file.readInto(bytes, startByte + firstElement * elementBytes);
      return widenToFloat32(bytes, dtype);
    },
  };
}

async function fileNames(folder: string, stem: string): Promise<readonly string[]> {
  const index = join(folder, `${stem}.safetensors.index.json`);
  if (await exists(index)) return readShardNames(index);
  if (await exists(join(folder, `${stem}.safetensors`))) return [`${stem}.safetensors`];
  throw new ModelOpsError({
    code: "gguf/weights-not-found",
    message: `${folder} has no ${stem}.safetensors and no ${stem}.safetensors.index.json.`,
    reason: "Weights are read from safetensors only.",
    fix: "give the folder written by save_pretrained(); convert an older .bin checkpoint by loading and saving it once.",
    details: { folder, stem },
  });
}

/**
 * Opens `<stem>.safetensors` or the shards that its index names.
 * @throws ModelOpsError `gguf/weights-not-found`, `gguf/malformed-safetensors`
 */
export async function openSafetensorsFolder(
  folder: string,
  stem: "model" | "adapter_model" = "model",
): Promise<SafetensorsFolder> {
  const names = await fileNames(folder, stem);
  const opened: SafetensorsFile[] = [];
  const closeAll = async () => {
    await Promise.all(opened.map((file) => file.close()));
  };
  try {
    const tensors = new Map<string, StoredTensor>();
    for (const name of names) {
      if (!(await exists(join(folder, name))))
        throw malformedSafetensors(name, "The index names it, but it is not there.");
      const file = await openSafetensorsFile(join(folder, name));
      opened.push(file);
      for (const entry of file.tensors) {
        if (tensors.has(entry.name))
          throw malformedSafetensors(name, `Tensor "${entry.name}" is stored twice.`);
        tensors.set(entry.name, storedTensor(file, entry));
      }
    }
    return { files: names, tensors, close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
