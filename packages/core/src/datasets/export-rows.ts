import { ByteBatch } from "./byte-batch.ts";
import { WholeFile } from "./whole-file.ts";

const BATCH_BYTES = 256 * 1024;

/** What a finished file holds. */
export interface FinishedFile {
  readonly rows: number;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Writes rows in one format; the file appears whole at `finish`, and not at all after `discard`. */
export interface RowWriter {
  readonly rows: number;
  /** A promise only when something has to be waited for. */
  write(row: Readonly<Record<string, unknown>>): void | Promise<void>;
  finish(): Promise<FinishedFile>;
  discard(): Promise<void>;
}

/** Writes lines of text, many at a time. */
export class LineWriter {
  readonly #file: WholeFile;
  readonly #batch = new ByteBatch(BATCH_BYTES);

  constructor(path: string) {
    this.#file = new WholeFile(path);
  }

  /** Adds a line break. A promise only when the buffer is full: the caller waits for that one. */
  write(line: string): void | Promise<void> {
    if (!this.#batch.isEmpty && !this.#batch.fits(line)) return this.#writeAfterFlush(line);
    this.#batch.addLine(line);
  }

  async finish(): Promise<{ readonly sizeBytes: number; readonly sha256: string }> {
    await this.#flush();
    return await this.#file.finish();
  }

  discard(): Promise<void> {
    return this.#file.discard();
  }

  async #writeAfterFlush(line: string): Promise<void> {
    await this.#flush();
    this.#batch.addLine(line);
  }

  async #flush(): Promise<void> {
    await this.#file.append(this.#batch.take());
  }
}

/** Rows as JSON Lines. */
export class JsonlWriter implements RowWriter {
  readonly #lines: LineWriter;
  #rows = 0;

  constructor(path: string) {
    this.#lines = new LineWriter(path);
  }

  get rows(): number {
    return this.#rows;
  }

  write(row: Readonly<Record<string, unknown>>): void | Promise<void> {
    this.#rows += 1;
    return this.#lines.write(JSON.stringify(row));
  }

  async finish(): Promise<FinishedFile> {
    return { rows: this.#rows, ...(await this.#lines.finish()) };
  }

  discard(): Promise<void> {
    return this.#lines.discard();
  }
}
