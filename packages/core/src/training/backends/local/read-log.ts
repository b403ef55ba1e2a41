import { type FileHandle, open } from "node:fs/promises";
import { LogLineSplitter } from "../../log-lines.ts";

const CHUNK_BYTES = 64 * 1024;

/** Lines of a growing log file: each call to `read` gives those that were completed since the last one. */
export class LogReader {
  readonly #path: string;
  readonly #splitter = new LogLineSplitter();
  #handle: FileHandle | null = null;
  #offset = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Reads what is there, at most up to `limitBytes` of the file. */
  async *read(limitBytes = Number.POSITIVE_INFINITY): AsyncGenerator<string> {
    this.#handle ??= await open(this.#path, "r").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null;
      throw error;
    });
    if (!this.#handle) return;
    const buffer = Buffer.alloc(CHUNK_BYTES);
    while (this.#offset < limitBytes) {
      const wanted = Math.min(CHUNK_BYTES, limitBytes - this.#offset);
      const { bytesRead } = await this.#handle.read(buffer, 0, wanted, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      yield* this.#splitter.push(buffer.subarray(0, bytesRead));
    }
  }

  /** The unfinished last line, once the writer is gone. */
  rest(): string[] {
    return this.#splitter.end();
  }

  async close(): Promise<void> {
    await this.#handle?.close();
    this.#handle = null;
  }
}
