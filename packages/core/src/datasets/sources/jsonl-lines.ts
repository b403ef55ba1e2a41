const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** A line of bytes, valid until the next chunk is read. `content` is null when the line was longer than the limit; its bytes were not kept. */
export interface ByteLine {
  readonly line: number;
  readonly content: Buffer | null;
  readonly sizeBytes: number;
}

/**
 * Splits bytes into lines at `\n` alone: U+2028 and other Unicode line ends belong to the text of a row. A `\r` before
 * the break and a byte order mark at the start are dropped. Memory stays below `maxLineBytes` plus one chunk.
 */
export async function* byteLines(
  chunks: AsyncIterable<Uint8Array>,
  options: { readonly maxLineBytes: number; readonly linesBefore?: number },
): AsyncGenerator<ByteLine[]> {
  const { linesBefore = 0 } = options;
  let line = linesBefore;
  let parts: Buffer[] = [];
  let sizeBytes = 0;
  const add = (bytes: Buffer, isKept: boolean) => {
    sizeBytes += bytes.length;
    if (sizeBytes > options.maxLineBytes) parts = [];
    // A copy of what outlives its chunk: the reader uses its buffer again for the next one.
    else parts.push(isKept ? Buffer.from(bytes) : bytes);
  };
  const finish = (): ByteLine => {
    line += 1;
    let content =
      sizeBytes > options.maxLineBytes
        ? null
        : parts.length === 1
          ? (parts[0] ?? null)
          : Buffer.concat(parts);
    if (content && line === linesBefore + 1 && content.length >= 3 && content.readUIntBE(0, 3) === 0xefbbbf)
      content = content.subarray(3);
    if (content && content.at(-1) === RETURN) content = content.subarray(0, -1);
    const finished = { line, content, sizeBytes };
    parts = [];
    sizeBytes = 0;
    return finished;
  };
  for await (const bytes of chunks) {
    const chunk = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const lines: ByteLine[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, end), false);
      lines.push(finish());
      start = end + 1;
    }
    if (start < chunk.length) add(chunk.subarray(start), true);
    if (lines.length > 0) yield lines;
  }
  if (sizeBytes > 0) yield [finish()];
}
