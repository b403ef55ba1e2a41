import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** A file written under a temporary name; `finish` makes it appear whole, and says what is in it. */
export class WholeFile {
  readonly #path: string;
  readonly #temporary: string;
  readonly #hash = createHash("sha256");
  #file: Awaited<ReturnType<typeof open>> | null = null;
  #sizeBytes = 0;

  constructor(path: string) {
    this.#path = path;
    // Two writers of one file must not share their drafts.
    this.#temporary = `${path}.${randomUUID()}.writing`;
  }

  async append(bytes: Uint8Array): Promise<void> {
    if (!this.#file) {
      await mkdir(dirname(this.#path), { recursive: true });
      this.#file = await open(this.#temporary, "w");
    }
    this.#hash.update(bytes);
    this.#sizeBytes += bytes.length;
    await this.#file.appendFile(bytes);
  }

  /** The file is on disk then. */
  async finish(): Promise<{ readonly sizeBytes: number; readonly sha256: string }> {
    // A file of no bytes is a file, too.
    await this.append(new Uint8Array());
    await this.#file?.sync();
    await this.#file?.close();
    this.#file = null;
    await rename(this.#temporary, this.#path);
    return { sizeBytes: this.#sizeBytes, sha256: this.#hash.digest("hex") };
  }

  /** Leaves no file behind. */
  async discard(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
    await rm(this.#temporary, { force: true });
  }
}
