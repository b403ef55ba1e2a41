const NEWLINE = 0x0a;
/** Blocks are smaller than what is read at once: rows of a block are alive together, and young memory grows with them. */
const BLOCK_BYTES = 32 * 1024;

/** Whole lines as they stand in the file, without the last line break; valid until the next block is asked for. */
export interface LineBlock {
  /** Null for a line that was longer than the limit: its bytes were not kept. */
  readonly content: Buffer | null;
  readonly sizeBytes: number;
}

/**
 * Cuts bytes into blocks of whole lines at `\n` alone: U+2028 and other Unicode line ends belong to the text of a row. Memory
 * stays below `maxLineBytes` plus one chunk.
 */
export async function* lineBlocks(
  chunks: AsyncIterable<Uint8Array>,
  options: { readonly maxLineBytes: number },
): AsyncGenerator<LineBlock> {
  let parts: Buffer[] = [];
  let sizeBytes = 0;
  /** The part of a line at the end of a chunk: copied, since the reader uses its buffer again for the next chunk. */
  const keep = (bytes: Buffer) => {
    sizeBytes += bytes.length;
    if (sizeBytes <= options.maxLineBytes) parts.push(Buffer.from(bytes));
    else parts = [];
  };
  const lineWith = (rest: Buffer): LineBlock => {
    const size = sizeBytes + rest.length;
    const content = size > options.maxLineBytes ? null : Buffer.concat([...parts, rest], size);
    parts = [];
    sizeBytes = 0;
    return { content, sizeBytes: size };
  };
  for await (const bytes of chunks) {
    const chunk = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const last = chunk.lastIndexOf(NEWLINE);
    if (last === -1) {
      keep(chunk);
      continue;
    }
    let start = 0;
    if (sizeBytes > 0) {
      start = chunk.indexOf(NEWLINE) + 1;
      yield lineWith(chunk.subarray(0, start - 1));
    }
    while (start <= last) {
      let end = last - start > BLOCK_BYTES ? chunk.lastIndexOf(NEWLINE, start + BLOCK_BYTES) : last;
      // The first line alone is longer than a block.
      if (end < start) end = chunk.indexOf(NEWLINE, start);
      yield { content: chunk.subarray(start, end), sizeBytes: end - start };
      start = end + 1;
    }
    if (last + 1 < chunk.length) keep(chunk.subarray(last + 1));
  }
  if (sizeBytes > 0) yield lineWith(Buffer.alloc(0));
}
