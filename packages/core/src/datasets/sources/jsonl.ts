import { open } from "node:fs/promises";
import type { DatasetRow } from "../../contract/dataset-source.ts";
import { byteLines } from "./jsonl-lines.ts";
import { type ReadRowsOptions, type RowProblem, rowError } from "./row-problem.ts";

const CHUNK_BYTES = 64 * 1024;

/** Rows of JSON Lines, a chunk's worth at a time. Empty lines are passed over. */
export async function* readJsonl(
  chunks: AsyncIterable<Uint8Array>,
  ref: string,
  options: ReadRowsOptions & { readonly maxLineBytes: number; readonly linesBefore?: number },
): AsyncGenerator<DatasetRow[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const report = (problem: RowProblem) => {
    if (!options.onProblem) throw rowError(ref, problem);
    options.onProblem(problem);
  };
  for await (const lines of byteLines(chunks, options)) {
    const rows: DatasetRow[] = [];
    for (const { line, content, sizeBytes } of lines) {
      if (!content) {
        report({
          code: "dataset/line-too-long",
          line,
          message: `it has ${sizeBytes} bytes, more than the limit of ${options.maxLineBytes}.`,
          fix: "check that the file has one JSON object per line, or raise maxLineBytes.",
        });
        continue;
      }
      const row = parseRow(content, line, decoder);
      if (row && "code" in row) report(row);
      else if (row) rows.push(row);
    }
    if (rows.length > 0) yield rows;
  }
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

function parseRow(
  content: Buffer,
  line: number,
  decoder: InstanceType<typeof TextDecoder>,
): DatasetRow | RowProblem | null {
  let text: string;
  try {
    text = decoder.decode(content);
  } catch {
    return {
      code: "dataset/invalid-utf8",
      line,
      message: "it is not valid UTF-8.",
      fix: "save the file as UTF-8.",
    };
  }
  if (text.trim() === "") return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const start = text.trimStart();
    const isArrayFile = line === 1 && start.startsWith("[");
    return {
      code: "dataset/invalid-json",
      line,
      message: `it is no JSON object (it starts with ${JSON.stringify(start.slice(0, 40))}).`,
      fix: isArrayFile
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
  return { line, value: value as Record<string, unknown> };
}
