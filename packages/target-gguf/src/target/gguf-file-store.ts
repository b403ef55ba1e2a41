import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { readGguf } from "../format/read-gguf.ts";
import { writeAtomically } from "../format/write-atomically.ts";
import { hashFile } from "./content-hash.ts";
import { removeLeftovers } from "./leftovers.ts";

/** A finished file, with what it must still be when it is used again. */
export interface StoredGguf {
  readonly fileName: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** GGUF files named after what they were made from. */
export interface GgufFileStore {
  pathOf(fileName: string): string;
  /** Returns the file if it is there and unharmed, else has it made. Calls for the same file share one making. */
  ensure(fileName: string, make: (path: string) => Promise<void>, signal?: AbortSignal): Promise<StoredGguf>;
  /** Whether a stored file still has its size; cheap enough for a status query. */
  isPresent(stored: StoredGguf): Promise<boolean>;
  remove(fileName: string): Promise<void>;
}

/** Makes a store in a folder, which is created when it is first written. */
export function createGgufFileStore(folder: string): GgufFileStore {
  const inProgress = new Map<string, Promise<StoredGguf>>();
  // A stored name comes back from a record; only its last part may decide where to look.
  const pathOf = (fileName: string) => join(folder, basename(fileName));
  const notePath = (fileName: string) => `${pathOf(fileName)}.json`;

  const readNote = async (fileName: string): Promise<StoredGguf | null> => {
    try {
      return JSON.parse(await readFile(notePath(fileName), "utf8")) as StoredGguf;
    } catch {
      // No note, or half of one: the file is then made again.
      return null;
    }
  };

  const isPresent = async (stored: StoredGguf): Promise<boolean> =>
    stat(pathOf(stored.fileName)).then(
      (stats) => stats.size === stored.sizeBytes,
      () => false,
    );

  const findUnharmed = async (
    fileName: string,
    signal: AbortSignal | undefined,
  ): Promise<StoredGguf | null> => {
    const note = await readNote(fileName);
    if (note === null || !(await isPresent(note))) return null;
    return (await hashFile(pathOf(fileName), signal)) === note.sha256 ? note : null;
  };

  const make = async (
    fileName: string,
    maker: (path: string) => Promise<void>,
    signal: AbortSignal | undefined,
  ): Promise<StoredGguf> => {
    const found = await findUnharmed(fileName, signal);
    if (found) return found;
    await mkdir(folder, { recursive: true });
    await removeLeftovers(folder, fileName);
    const path = pathOf(fileName);
    await maker(path);
    const { fileBytes } = await readGguf(path);
    const stored = { fileName, sizeBytes: fileBytes, sha256: await hashFile(path, signal) };
    await writeAtomically(notePath(fileName), (handle) => handle.writeFile(JSON.stringify(stored)));
    return stored;
  };

  return {
    pathOf,
    isPresent,
    ensure: async (fileName, maker, signal) => {
      const running = inProgress.get(fileName);
      if (running) {
        // The other caller's abort is not ours: try again ourselves if its work failed.
        const shared = await running.catch(() => null);
        if (shared) return shared;
      }
      signal?.throwIfAborted();
      const making = make(fileName, maker, signal).finally(() => inProgress.delete(fileName));
      inProgress.set(fileName, making);
      return making;
    },
    remove: async (fileName) => {
      await rm(notePath(fileName), { force: true });
      await rm(pathOf(fileName), { force: true });
    },
  };
}
