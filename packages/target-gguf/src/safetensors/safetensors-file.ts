import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { checkHeaderLength, LENGTH_PREFIX_BYTES, parseHeader, type TensorEntry } from "./header.ts";
import { malformedSafetensors } from "./malformed-safetensors.ts";

/** One open safetensors file. Only the header is held in memory. */
export interface SafetensorsFile {
  readonly path: string;
  readonly tensors: readonly TensorEntry[];
  /** Reads bytes of the file into `target`, which it fills completely. */
  readInto(target: Uint8Array, startByte: number): Promise<void>;
  close(): Promise<void>;
}

async function readFully(
  handle: FileHandle,
  file: string,
  target: Uint8Array,
  startByte: number,
): Promise<void> {
  let filled = 0;
  while (filled < target.length) {
    const { bytesRead } = await handle.read(target, filled, target.length - filled, startByte + filled);
    if (bytesRead === 0) throw malformedSafetensors(file, "It ended while it was being read.");
    filled += bytesRead;
  }
}

async function readTensors(handle: FileHandle, file: string): Promise<readonly TensorEntry[]> {
  const { size } = await handle.stat();
  if (size < LENGTH_PREFIX_BYTES) throw malformedSafetensors(file, `It has only ${size} bytes.`);
  const prefix = Buffer.alloc(LENGTH_PREFIX_BYTES);
  await readFully(handle, file, prefix, 0);
  const headerBytes = checkHeaderLength(file, prefix.readBigUInt64LE(), size);
  const header = Buffer.alloc(headerBytes);
  await readFully(handle, file, header, LENGTH_PREFIX_BYTES);
  return parseHeader(file, header.toString("utf8"), size, headerBytes);
}

/**
 * Opens a safetensors file and checks its header against its size.
 * @throws ModelOpsError `gguf/malformed-safetensors`
 */
export async function openSafetensorsFile(path: string): Promise<SafetensorsFile> {
  const file = basename(path);
  const handle = await open(path, "r");
  try {
    const tensors = await readTensors(handle, file);
    return {
      path,
      tensors,
      readInto: (target, startByte) => readFully(handle, file, target, startByte),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}
