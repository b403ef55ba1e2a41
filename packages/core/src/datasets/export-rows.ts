import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

const FLUSH_BYTES = 256 * 1024;

/** Writes rows as JSON Lines under a temporary name; `finish` makes the file appear whole. */
export class JsonlWriter {
  readonly #path: string;
  readonly #temporary: string;
  readonly #hash = createHash("sha256");
  #file: Awaited<ReturnType<typeof open>> | null = null;
  #pending: string[] = [];
  #pendingLength = 0;
  #rows = 0;
  #sizeBytes = 0;

  constructor(path: string) {
    this.#path = path;
    // Two writers of one file must not share their drafts.
    this.#temporary = `${path}.${randomUUID()}.writing`;
  }

  get rows(): number {
    return this.#rows;
  }

  /** A promise only when the buffer is full: the caller waits for that one. */
  write(row: Readonly<Record<string, unknown>>): void | Promise<void> {
    const line = `${JSON.stringify(row)}\n`;
    this.#pending.push(line);
    this.#pendingLength += line.length;
    this.#rows += 1;
    if (this.#pendingLength >= FLUSH_BYTES) return this.#flush();
  }

  /** What was written; the file is on disk then. */
  async finish(): Promise<{ readonly rows: number; readonly sizeBytes: number; readonly sha256: string }> {
    await this.#flush();
    await this.#file?.sync();
    await this.#file?.close();
    this.#file = null;
    await rename(this.#temporary, this.#path);
    return { rows: this.#rows, sizeBytes: this.#sizeBytes, sha256: this.#hash.digest("hex") };
  }

  /** Leaves no file behind. */
  async discard(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
    await rm(this.#temporary, { force: true });
  }

  async #flush(): Promise<void> {
    if (!this.#file) {
      await mkdir(dirname(this.#path), { recursive: true });
      this.#file = await open(this.#temporary, "w");
    }
    const bytes = Buffer.from(this.#pending.join(""));
    this.#pending = [];
    this.#pendingLength = 0;
    this.#hash.update(bytes);
    this.#sizeBytes += bytes.length;
    await this.#file.appendFile(bytes);
  }
}
