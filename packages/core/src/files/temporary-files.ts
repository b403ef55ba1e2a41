import { readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";

/** Ends the name of every temporary file of `writeFileAtomically`, so that leftovers can be told apart. */
export const TEMPORARY_SUFFIX = ".modelops-tmp";

const DEFAULT_MIN_AGE_MS = 600_000;

/**
 * Removes what killed writers left in a folder. Only files older than `minAgeMs` (default 10 minutes) go, since a
 * younger one may belong to a writer that is still at work. Age is what the machine's own clock says, as the file's
 * time does: an injected clock may be far ahead. Returns the removed names.
 */
export async function sweepTemporaryFiles(
  directory: string,
  options: { readonly minAgeMs?: number } = {},
): Promise<readonly string[]> {
  const limit = Date.now() - (options.minAgeMs ?? DEFAULT_MIN_AGE_MS);
  const names = await readdir(directory).catch((): string[] => []);
  const removed: string[] = [];
  for (const name of names.filter((candidate) => candidate.endsWith(TEMPORARY_SUFFIX))) {
    const path = join(directory, name);
    try {
      if ((await stat(path)).mtimeMs > limit) continue;
      await unlink(path);
      removed.push(name);
    } catch {
      // Another process swept it first.
    }
  }
  return removed;
}
