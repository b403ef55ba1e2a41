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
  // Returns the buffer, too: growing replaces it, so a caller must not have taken hold of it before.
  const reserve = (extra: number): { readonly target: Buffer; readonly at: number } => {
    const at = length;
    length += extra;
    if (length > buffer.length) buffer = Buffer.concat([buffer], Math.max(length, buffer.length * 2));
    return { target: buffer, at };
  };
  const uint64 = (value: number) => {
    const { target, at } = reserve(8);
    target.writeBigUInt64LE(BigInt(value), at);
  };
  return {
    uint32: (value) => {
      const { target, at } = reserve(4);
      target.writeUInt32LE(value, at);
    },
    int32: (value) => {
      const { target, at } = reserve(4);
      target.writeInt32LE(value, at);
    },
    float32: (value) => {
      const { target, at } = reserve(4);
      target.writeFloatLE(value, at);
    },
    uint64,
    byte: (value) => {
      const { target, at } = reserve(1);
      target.writeUInt8(value, at);
    },
    text: (value) => {
      const byteLength = Buffer.byteLength(value, "utf8");
      uint64(byteLength);
      const { target, at } = reserve(byteLength);
      target.write(value, at, "utf8");
    },
    padTo: (alignment) => {
      reserve((alignment - (length % alignment)) % alignment);
    },
    bytes: () => buffer.subarray(0, length),
  };
}
