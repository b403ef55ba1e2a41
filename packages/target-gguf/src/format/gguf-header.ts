import { type ByteBuilder, createByteBuilder } from "./byte-builder.ts";
import { type GgmlType, tensorBytes } from "./ggml-type.ts";
import { GGUF_TYPE_IDS, type GgufMetadata, type GgufScalar, type GgufValue } from "./gguf-value.ts";

/** "GGUF" as a little-endian number. */
const MAGIC = 0x46554747;
const VERSION = 3;
/** Every tensor starts at a multiple of this, counted from the start of the data; the default of the format. */
export const GGUF_ALIGNMENT = 32;

/** What the header says of a tensor. */
export interface GgufTensorInfo {
  readonly name: string;
  /** Row length first: the reverse of the shape in PyTorch. */
  readonly dimensions: readonly number[];
  readonly type: GgmlType;
}

/** Bytes of a tensor's data, without padding. */
export function tensorDataBytes(tensor: GgufTensorInfo): number {
  const [rowLength = 1, ...outer] = tensor.dimensions;
  return tensorBytes(
    tensor.type,
    rowLength,
    outer.reduce((product, size) => product * size, 1),
  );
}

/** Rounds up to the alignment. */
export function aligned(byteLength: number): number {
  return Math.ceil(byteLength / GGUF_ALIGNMENT) * GGUF_ALIGNMENT;
}

function writeScalar(builder: ByteBuilder, scalar: GgufScalar): void {
  if (scalar.type === "string") builder.text(scalar.value);
  else if (scalar.type === "bool") builder.byte(scalar.value ? 1 : 0);
  else builder[scalar.type](scalar.value);
}

function writeValue(builder: ByteBuilder, value: GgufValue): void {
  builder.uint32(GGUF_TYPE_IDS[value.type]);
  if (value.type !== "array") {
    writeScalar(builder, value);
    return;
  }
  builder.uint32(GGUF_TYPE_IDS[value.itemType]);
  builder.uint64(value.value.length);
  if (value.itemType === "string") for (const item of value.value) builder.text(item);
  else for (const item of value.value) builder[value.itemType](item);
}

/** Serialises everything before the tensor data, padded to the alignment. */
export function serialiseHeader(metadata: GgufMetadata, tensors: readonly GgufTensorInfo[]): Uint8Array {
  const builder = createByteBuilder();
  builder.uint32(MAGIC);
  builder.uint32(VERSION);
  builder.uint64(tensors.length);
  builder.uint64(metadata.size);
  for (const [key, value] of metadata) {
    builder.text(key);
    writeValue(builder, value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    builder.text(tensor.name);
    builder.uint32(tensor.dimensions.length);
    for (const size of tensor.dimensions) builder.uint64(size);
    builder.uint32(tensor.type.id);
    builder.uint64(offset);
    offset += aligned(tensorDataBytes(tensor));
  }
  builder.padTo(GGUF_ALIGNMENT);
  return builder.bytes();
}
