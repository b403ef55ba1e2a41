const INITIAL_BYTES = 64 * 1024;

/** Little-endian bytes appended to a buffer that doubles when full. */
export interface ByteBuilder {
  uint32(value: number): void;
  int32(value: number): void;
  float32(value: number): void;
  uint64(value: number): void;
  byte(value: number): void;
  /** A GGUF string: its length in bytes, then UTF-8 without a terminator. */
  text(value: string): void;
  /** Zero bytes up to the next multiple of `alignment`. */
  padTo(alignment: number): void;
  bytes(): Uint8Array;
}

/** Makes an empty builder. */
export function createByteBuilder(): ByteBuilder {
  let buffer = Buffer.alloc(INITIAL_BYTES);
  let length = 0;
  const reserve = (extra: number): number => {
    while (length + extra > buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
    const at = length;
    length += extra;
    return at;
  };
  return {
    uint32: (value) => void buffer.writeUInt32LE(value, reserve(4)),
    int32: (value) => void buffer.writeInt32LE(value, reserve(4)),
    float32: (value) => void buffer.writeFloatLE(value, reserve(4)),
    uint64: (value) => void buffer.writeBigUInt64LE(BigInt(value), reserve(8)),
    byte: (value) => void buffer.writeUInt8(value, reserve(1)),
    text: (value) => {
      const byteLength = Buffer.byteLength(value, "utf8");
      buffer.writeBigUInt64LE(BigInt(byteLength), reserve(8));
      buffer.write(value, reserve(byteLength), "utf8");
    },
    padTo: (alignment) => void reserve((alignment - (length % alignment)) % alignment),
    bytes: () => buffer.subarray(0, length),
  };
}
