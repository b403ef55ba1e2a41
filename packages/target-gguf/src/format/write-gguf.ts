import type { FileHandle } from "node:fs/promises";
import { ModelOpsError } from "@modelops/core";
import { checkDiskSpace, diskFull, isOutOfSpace } from "./disk-space.ts";
import {
  aligned,
  GGUF_ALIGNMENT,
  type GgufTensorInfo,
  serialiseHeader,
  tensorDataBytes,
} from "./gguf-header.ts";
import type { GgufMetadata } from "./gguf-value.ts";
import { writeAtomically } from "./write-atomically.ts";

/** A tensor whose data comes in pieces when it is its turn. */
export interface GgufTensor extends GgufTensorInfo {
  data(): AsyncIterable<Uint8Array>;
}

export interface WriteGgufOptions {
  readonly path: string;
  readonly metadata: GgufMetadata;
  readonly tensors: readonly GgufTensor[];
  /** Called after each tensor with the bytes of the file written so far. */
  readonly onProgress?: (progress: { readonly writtenBytes: number; readonly totalBytes: number }) => void;
  readonly signal?: AbortSignal;
}

async function writeTensor(
  handle: FileHandle,
  tensor: GgufTensor,
  signal: AbortSignal | undefined,
): Promise<void> {
  const expectedBytes = tensorDataBytes(tensor);
  let writtenBytes = 0;
  for await (const piece of tensor.data()) {
    signal?.throwIfAborted();
    await handle.writeFile(piece);
    writtenBytes += piece.length;
  }
  if (writtenBytes !== expectedBytes) {
    throw new ModelOpsError({
      code: "gguf/tensor-size-mismatch",
      message: `Tensor "${tensor.name}" gave ${writtenBytes} bytes, its header says ${expectedBytes}.`,
      fix: "this is a defect of the converter; please report it with the model's config.json.",
    });
  }
  const padding = aligned(expectedBytes) - expectedBytes;
  if (padding > 0) await handle.writeFile(Buffer.alloc(Math.min(padding, GGUF_ALIGNMENT)));
}

/**
 * Writes a GGUF v3 file: checks the disk first, streams tensor by tensor into a temporary file, makes it durable and
 * renames it.
 * @returns the file's size in bytes
 * @throws ModelOpsError `gguf/disk-full`
 */
export async function writeGguf(options: WriteGgufOptions): Promise<number> {
  const { path, metadata, tensors, signal } = options;
  signal?.throwIfAborted();
  const header = serialiseHeader(metadata, tensors);
  const totalBytes = tensors.reduce((sum, tensor) => sum + aligned(tensorDataBytes(tensor)), header.length);
  await checkDiskSpace(path, totalBytes);
  try {
    await writeAtomically(path, async (handle) => {
      await handle.writeFile(header);
      let writtenBytes = header.length;
      for (const tensor of tensors) {
        await writeTensor(handle, tensor, signal);
        writtenBytes += aligned(tensorDataBytes(tensor));
        options.onProgress?.({ writtenBytes, totalBytes });
      }
    });
  } catch (error) {
    throw isOutOfSpace(error) ? diskFull(path, totalBytes, null, error) : error;
  }
  return totalBytes;
}
