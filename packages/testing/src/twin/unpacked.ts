import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from "node:zlib";

/** A body unpacked as its `Content-Encoding` says; null for an encoding that is not known, or bytes that do not fit it. */
export function unpacked(
  content: Uint8Array<ArrayBuffer>,
  encoding: string | null | undefined,
): Uint8Array<ArrayBuffer> | null {
  try {
    switch (encoding ?? "identity") {
      case "identity":
        return content;
      case "gzip":
        return Uint8Array.from(gunzipSync(content));
      case "zstd":
        return Uint8Array.from(zstdDecompressSync(content));
      case "deflate":
        return Uint8Array.from(inflateSync(content));
      case "br":
        return Uint8Array.from(brotliDecompressSync(content));
      default:
        return null;
    }
  } catch {
    return null;
  }
}
