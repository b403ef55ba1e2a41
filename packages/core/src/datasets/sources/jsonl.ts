import { isAscii, isUtf8 } from "node:buffer";
import { open } from "node:fs/promises";
import type { DatasetRow } from "../../contract/dataset-source.ts";
import { lineBlocks } from "./jsonl-lines.ts";
import { type ReadRowsOptions, type RowProblem, rowError } from "./row-problem.ts";

const CHUNK_BYTES = 128 * 1024;

/** Rows of JSON Lines, a chunk's worth at a time. Empty lines are passed over. */
export async function* readJsonl(
  chunks: AsyncIterable<Uint8Array>,
  ref: string,
  options: ReadRowsOptions & { readonly maxLineBytes: number; readonly linesBefore?: number },
): AsyncGenerator<DatasetRow[]> {
  const { maxLineBytes, linesBefore = 0 } = options;
  const report = (problem: RowProblem) => {
    if (!options.onProblem) throw rowError(ref, problem);
    options.onProblem(problem);
  };
  let line = linesBefore;
  for await (const { content, sizeBytes } of lineBlocks(chunks, options)) {
    if (!content) {
      line += 1;
      report(tooLong(line, sizeBytes, maxLineBytes));
      continue;
    }
    const rows: DatasetRow[] = [];
    for (const text of linesOf(content)) {
      line += 1;
      if (text === null) {
        report({
          code: "dataset/invalid-utf8",
          line,
          message: "it is not valid UTF-8.",
          fix: "save the file as UTF-8.",
        });
        continue;
      }
      // A character has one to three bytes, so most lines need not be counted.
      if (text.length * 3 > maxLineBytes && Buffer.byteLength(text) > maxLineBytes) {
        report(tooLong(line, Buffer.byteLength(text), maxLineBytes));
        continue;
      }
      const hasMark = line === linesBefore + 1 && text.charCodeAt(0) === 0xfeff;
      const row = parseRow(hasMark ? text.slice(1) : text, line);
      if (row && "code" in row) report(row);
      else if (row) rows.push(row);
    }
    if (rows.length > 0) yield rows;
  }
}

/** The lines of a block as text: decoded at once, or one by one where a byte is wrong; null for a line that is not UTF-8. */
function* linesOf(content: Buffer): Generator<string | null> {
  if (!isUtf8(content)) {
    let start = 0;
    for (let end = content.indexOf(0x0a); ; end = content.indexOf(0x0a, start)) {
      const bytes = content.subarray(start, end === -1 ? content.length : end);
      yield isUtf8(bytes) ? bytes.toString("utf8") : null;
      if (end === -1) return;
      start = end + 1;
    }
  }
  const text = content.toString(isAscii(content) ? "latin1" : "utf8");
  let start = 0;
  for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
    yield text.slice(start, end);
    start = end + 1;
  }
  yield text.slice(start);
}

/** A file's bytes through one buffer that is used again: a stream's own buffers pile up until they are collected. */
export async function* fileChunks(path: string, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function tooLong(line: number, sizeBytes: number, maxLineBytes: number): RowProblem {
  return {
    code: "dataset/line-too-long",
    line,
    message: `it has ${sizeBytes} bytes, more than the limit of ${maxLineBytes}.`,
    fix: "check that the file has one JSON object per line, or raise maxLineBytes.",
  };
}

function parseRow(text: string, line: number): DatasetRow | RowProblem | null {
  let value: unknown;
  try {
    // White space around a row, a carriage return included, is white space of JSON.
    value = JSON.parse(text);
  } catch {
    const start = text.trimStart();
    if (start === "") return null;
    const isArrayFile = start.startsWith("[");
    return {
      code: "dataset/invalid-json",
      line,
      message: `it is no JSON object (it starts with ${JSON.stringify(start.slice(0, 40))}).`,
      fix:
        isArrayFile && line === 1
          ? "this looks like one JSON array: write one object per line instead."
          : "write one complete JSON object per line.",
    };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return {
      code: "dataset/row-not-object",
      line,
      message: `it is ${Array.isArray(value) ? "an array" : value === null ? "null" : `a ${typeof value}`}, not an object.`,
      fix: 'write one object per line, with named fields such as {"prompt": …, "completion": …}.',
    };
  }
  return new ParsedRow(line, value as Record<string, unknown>);
}

/**
 * A class and no literal: V8 allocates literals of which many are alive at once among long-lived objects, where each dead one
 * keeps its row until the next full collection. With literals the process takes twice the memory.
 */
class ParsedRow implements DatasetRow {
  readonly line: number;
  readonly value: Readonly<Record<string, unknown>>;

  constructor(line: number, value: Readonly<Record<string, unknown>>) {
    this.line = line;
    this.value = value;
  }
}
