import { open } from "node:fs/promises";

const MAX_HEADER_BYTES = 100 * 1024 * 1024;

export interface SafetensorsSummary {
  readonly tensorCount: number;
  /** Sum of the elements of all tensors. */
  readonly parameterCount: number;
  readonly sizeBytes: number;
}

/** Reads a safetensors file's header and compares it with the file's size. Rejects with a plain reason. */
export async function readSafetensorsSummary(path: string): Promise<SafetensorsSummary> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    return await summariseSafetensors(size, async (start, end) => {
      const bytes = Buffer.alloc(end - start);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
      return bytes.subarray(0, bytesRead);
    });
  } finally {
    await file.close();
  }
}

/** As `readSafetensorsSummary`, for a file that is read by ranges (`end` exclusive), wherever it is. */
export async function summariseSafetensors(
  sizeBytes: number,
  read: (start: number, end: number) => Promise<Uint8Array>,
): Promise<SafetensorsSummary> {
  if (sizeBytes < 8) throw new Error("the file is shorter than 8 bytes");
  const prefix = Buffer.from(await read(0, 8));
  if (prefix.length < 8) throw new Error("the file is shorter than 8 bytes");
  const headerBytes = Number(prefix.readBigUInt64LE());
  if (headerBytes > MAX_HEADER_BYTES || 8 + headerBytes > sizeBytes) {
    throw new Error(`it says its header has ${headerBytes} bytes, but the file has ${sizeBytes}`);
  }
  const header = Buffer.from(await read(8, 8 + headerBytes));
  const { end, parameterCount, tensorCount } = summarise(JSON.parse(header.toString("utf8")));
  if (8 + headerBytes + end !== sizeBytes) {
    throw new Error(`its tensors end at byte ${8 + headerBytes + end}, but the file has ${sizeBytes}`);
  }
  return { tensorCount, parameterCount, sizeBytes };
}

function summarise(header: unknown): { end: number; parameterCount: number; tensorCount: number } {
  if (typeof header !== "object" || header === null) throw new Error("its header is no object");
  let end = 0;
  let parameterCount = 0;
  let tensorCount = 0;
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const { shape, data_offsets: offsets } = (entry ?? {}) as { shape?: unknown; data_offsets?: unknown };
    if (!isNumberList(shape) || !isNumberList(offsets) || offsets.length !== 2) {
      throw new Error(`its tensor ${name.slice(0, 80)} has no shape or place`);
    }
    tensorCount += 1;
    parameterCount += shape.reduce((product, length) => product * length, 1);
    end = Math.max(end, offsets[1] ?? 0);
  }
  if (tensorCount === 0) throw new Error("it holds no tensor");
  return { end, parameterCount, tensorCount };
}

function isNumberList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number");
}
