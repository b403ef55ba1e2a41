const HEADER_BYTES = 48;
const ENTRY_BYTES = 48;
const HAS_VERIFICATION = 0x80000000;
const HAS_METADATA = 0x40000000;

/** One file of a shard: its chunks, in order, as ranges (end exclusive) of xorbs. */
export interface ShardFile {
  readonly hash: string;
  readonly segments: readonly {
    readonly xorb: string;
    readonly firstChunk: number;
    readonly endChunk: number;
  }[];
}

/** Reads the file section of a metadata shard: who consists of which chunks. The rest is not needed. */
export function readShardFiles(shard: Uint8Array): ShardFile[] {
  const view = new DataView(shard.buffer, shard.byteOffset, shard.byteLength);
  const files: ShardFile[] = [];
  for (let at = HEADER_BYTES; at + ENTRY_BYTES <= shard.byteLength; ) {
    const hash = hashAt(view, at);
    if (/^f{64}$/.test(hash)) return files;
    const flags = view.getUint32(at + 32, true);
    const count = view.getUint32(at + 36, true);
    at += ENTRY_BYTES;
    const segments = Array.from({ length: count }, (_, index) => {
      const entry = at + index * ENTRY_BYTES;
      return {
        xorb: hashAt(view, entry),
        firstChunk: view.getUint32(entry + 40, true),
        endChunk: view.getUint32(entry + 44, true),
      };
    });
    at += count * ENTRY_BYTES;
    if (flags & HAS_VERIFICATION) at += count * ENTRY_BYTES;
    if (flags & HAS_METADATA) at += ENTRY_BYTES;
    files.push({ hash, segments });
  }
  throw new Error("the shard's file section has no end");
}

/** Four little-endian words of 64 bits, each written as a number. */
function hashAt(view: DataView, at: number): string {
  return [0, 8, 16, 24]
    .map((word) =>
      view
        .getBigUint64(at + word, true)
        .toString(16)
        .padStart(16, "0"),
    )
    .join("");
}
