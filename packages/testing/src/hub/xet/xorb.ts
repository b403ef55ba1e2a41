import { decodeLz4Frame } from "./lz4.ts";

const HEADER_BYTES = 8;

/**
 * The chunks of a xorb as hf_xet uploads it: per chunk a version byte (0), the compressed length (24 bits), the scheme
 * (0 none, 1 LZ4, 2 LZ4 of byte groups), the uncompressed length (24 bits), then the bytes. A footer may follow.
 */
export function decodeXorb(xorb: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at + HEADER_BYTES <= xorb.byteLength && xorb[at] === 0; ) {
    const compressedBytes = uint24(xorb, at + 1);
    const scheme = xorb[at + 4] ?? 0;
    const uncompressedBytes = uint24(xorb, at + 5);
    const body = xorb.subarray(at + HEADER_BYTES, at + HEADER_BYTES + compressedBytes);
    if (body.byteLength < compressedBytes) throw new Error("the xorb is cut");
    chunks.push(decodeChunk(body, scheme, uncompressedBytes));
    at += HEADER_BYTES + compressedBytes;
  }
  return chunks;
}

function decodeChunk(body: Uint8Array, scheme: number, uncompressedBytes: number): Uint8Array {
  if (scheme === 0) return body;
  if (scheme === 1) return decodeLz4Frame(body, uncompressedBytes);
  if (scheme === 2) return ungroup(decodeLz4Frame(body, uncompressedBytes));
  throw new Error(`unknown compression scheme ${scheme}`);
}

/** Puts bytes 0, 4, 8 …, then 1, 5, 9 … and so on back in order. */
function ungroup(grouped: Uint8Array): Uint8Array {
  const result = new Uint8Array(grouped.byteLength);
  let read = 0;
  for (let group = 0; group < 4; group += 1)
    for (let index = group; index < result.byteLength; index += 4) result[index] = grouped[read++] ?? 0;
  return result;
}

function uint24(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
}
