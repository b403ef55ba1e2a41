import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

/** File contents by their SHA-256. */
export interface BlobStore {
  /** Stores bytes and returns their SHA-256, lower-case hex. */
  put(bytes: Uint8Array): string;
  /** Size in bytes; null when the bytes never arrived. */
  size(sha256: string): number | null;
  /** Bytes from `start` up to (not including) `end`. */
  read(sha256: string, start?: number, end?: number): Promise<Uint8Array>;
}

export function sha256Of(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export class MemoryBlobs implements BlobStore {
  readonly #blobs = new Map<string, Uint8Array>();

  put(bytes: Uint8Array): string {
    const sha256 = sha256Of(bytes);
    if (!this.#blobs.has(sha256)) this.#blobs.set(sha256, bytes);
    return sha256;
  }

  size(sha256: string): number | null {
    return this.#blobs.get(sha256)?.byteLength ?? null;
  }

  async read(sha256: string, start = 0, end?: number): Promise<Uint8Array> {
    const blob = this.#blobs.get(sha256);
    if (!blob) throw new Error(`no blob ${sha256}`);
    return blob.subarray(start, end);
  }
}

export class FolderBlobs implements BlobStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  put(bytes: Uint8Array): string {
    const sha256 = sha256Of(bytes);
    const path = join(this.#folder, sha256);
    if (!existsSync(path)) {
      // A twin killed while it writes must not leave half a blob under a whole blob's name.
      const draft = `${path}.${process.pid}.part`;
      writeFileSync(draft, bytes);
      renameSync(draft, path);
    }
    return sha256;
  }

  size(sha256: string): number | null {
    const path = join(this.#folder, sha256);
    return existsSync(path) ? statSync(path).size : null;
  }

  async read(sha256: string, start = 0, end?: number): Promise<Uint8Array> {
    const path = join(this.#folder, sha256);
    if (start === 0 && end === undefined) return readFileSync(path);
    const file = await open(path, "r");
    try {
      const stop = Math.min(end ?? Number.POSITIVE_INFINITY, (await file.stat()).size);
      const bytes = new Uint8Array(Math.max(0, stop - start));
      await file.read(bytes, 0, bytes.byteLength, start);
      return bytes;
    } finally {
      await file.close();
    }
  }
}
