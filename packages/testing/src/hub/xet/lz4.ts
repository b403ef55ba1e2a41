const MAGIC = 0x184d2204;

/** Decodes one LZ4 frame (lz4_Frame_format.md 1.6.2). Checksums are skipped: the content's SHA-256 is compared later. */
export function decodeLz4Frame(source: Uint8Array, uncompressedBytes: number): Uint8Array {
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw new Error("not an LZ4 frame");
  const flags = view.getUint8(4);
  const hasBlockChecksum = (flags & 0x10) !== 0;
  const hasContentSize = (flags & 0x08) !== 0;
  const hasDictionary = (flags & 0x01) !== 0;
  let at = 7 + (hasContentSize ? 8 : 0) + (hasDictionary ? 4 : 0);
  const target = new Uint8Array(uncompressedBytes);
  let written = 0;
  for (;;) {
    const size = view.getUint32(at, true);
    at += 4;
    if (size === 0) break;
    const length = size & 0x7fffffff;
    const block = source.subarray(at, at + length);
    if (size & 0x80000000) {
      target.set(block, written);
      written += length;
    } else written = decodeBlock(block, target, written);
    at += length + (hasBlockChecksum ? 4 : 0);
  }
  if (written !== uncompressedBytes)
    throw new Error(`an LZ4 frame of ${written} instead of ${uncompressedBytes} bytes`);
  return target;
}

/** Decodes a block behind what is written already: matches may reach back into earlier blocks. */
function decodeBlock(block: Uint8Array, target: Uint8Array, start: number): number {
  let read = 0;
  let written = start;
  const byte = () => block[read++] ?? 0;
  const longLength = (first: number): number => {
    let length = first;
    if (first !== 15) return length;
    for (let next = byte(); ; next = byte()) {
      length += next;
      if (next !== 255) return length;
    }
  };
  while (read < block.byteLength) {
    const token = byte();
    const literals = longLength(token >> 4);
    target.set(block.subarray(read, read + literals), written);
    read += literals;
    written += literals;
    // The last sequence has literals only.
    if (read >= block.byteLength) break;
    const offset = byte() | (byte() << 8);
    const length = longLength(token & 15) + 4;
    if (offset === 0 || offset > written) throw new Error("an LZ4 match before the start");
    for (let index = 0; index < length; index += 1, written += 1)
      target[written] = target[written - offset] ?? 0;
  }
  return written;
}
