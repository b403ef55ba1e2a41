import { malformedSafetensors } from "../safetensors/malformed-safetensors.ts";
import type { SafetensorsFolder, StoredTensor } from "../safetensors/safetensors-folder.ts";
import { checkReadable } from "../safetensors/safetensors-folder.ts";
import { type DirectType, encodeWeights } from "./encode-weights.ts";
import type { ExpectedTensor } from "./expected-tensors.ts";
import { interleaveHeads } from "./row-order.ts";

/** Weights held at once while streaming: 4 MiB of float32, so a 7B model passes through a few megabytes. */
const CHUNK_WEIGHTS = 1 << 20;

/** Changes a run of rows in place before they are encoded; used to add an adapter. */
export type RowTransform = (rows: Float32Array, firstRow: number) => void;

/** Finds the tensor that should be there and refuses another shape or an unreadable type. */
export function findTensor(folder: SafetensorsFolder, expected: ExpectedTensor): StoredTensor {
  const stored = folder.tensors.get(expected.sourceName);
  const file = folder.files[0] ?? "model.safetensors";
  if (!stored)
    throw malformedSafetensors(
      file,
      `The weights lack "${expected.sourceName}", which config.json asks for.`,
    );
  if (stored.shape.join() !== expected.shape.join()) {
    throw malformedSafetensors(
      file,
      `"${expected.sourceName}" has shape [${stored.shape.join(", ")}]; config.json asks for [${expected.shape.join(", ")}].`,
    );
  }
  checkReadable(stored);
  return stored;
}

/** Streams a stored tensor as encoded bytes, a few whole rows (or heads) at a time. */
export async function* streamTensor(options: {
  readonly stored: StoredTensor;
  readonly expected: ExpectedTensor;
  readonly headDimension: number;
  readonly type: DirectType;
  readonly transform?: RowTransform | undefined;
}): AsyncGenerator<Uint8Array> {
  const { stored, expected, headDimension, type, transform } = options;
  const [rowCount = 0, rowLength = 1] = expected.shape;
  const isReordered = expected.rowOrder === "interleave-heads";
  const unitRows = isReordered ? headDimension : 1;
  const chunkRows = Math.max(1, Math.floor(CHUNK_WEIGHTS / (unitRows * rowLength))) * unitRows;
  for (let firstRow = 0; firstRow < rowCount; firstRow += chunkRows) {
    const rows = Math.min(chunkRows, rowCount - firstRow);
    const weights = await stored.readFloat32(firstRow * rowLength, rows * rowLength);
    transform?.(weights, firstRow);
    yield encodeWeights(isReordered ? interleaveHeads(weights, headDimension, rowLength) : weights, type);
  }
}
