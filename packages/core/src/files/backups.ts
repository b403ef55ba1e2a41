import { constants, copyFile, link, mkdir, readdir, unlink } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { syncDirectory } from "./atomic-write.ts";
import { fileError } from "./file-error.ts";

const MAX_ATTEMPTS = 50;

/**
 * Keeps the present generation of a file in a backup folder before it is replaced, and prunes to the newest `keep`.
 * Names are `<stem>.<stamp><extension>`; they sort by age. Returns the backup's path, null when there is no file yet.
 */
export async function backUpFile(options: {
  readonly path: string;
  readonly directory: string;
  /** How many backups stay. */
  readonly keep: number;
  /** Milliseconds since the epoch; names the backup. */
  readonly now: number;
  /** Default: the file's name. Backups of another stem are counted apart. */
  readonly stem?: string;
}): Promise<string | null> {
  const extension = extname(options.path);
  const stem = options.stem ?? basename(options.path, extension);
  try {
    await mkdir(options.directory, { recursive: true });
    const backup = await addBackup({ ...options, stem, extension });
    if (backup === null) return null;
    await syncDirectory(options.directory);
    const names = await backupNames(options.directory, stem, extension);
    const surplus = names.slice(0, Math.max(0, names.length - options.keep));
    await Promise.all(surplus.map((name) => unlink(join(options.directory, name)).catch(() => {})));
    return backup;
  } catch (error) {
    throw fileError(error, options.path);
  }
}

/** Two processes may choose the same name at once: the second one takes the next. */
async function addBackup(options: {
  readonly path: string;
  readonly directory: string;
  readonly stem: string;
  readonly extension: string;
  readonly now: number;
}): Promise<string | null> {
  const { path, directory, stem, extension, now } = options;
  for (let attempts = 1; ; attempts += 1) {
    const names = await backupNames(directory, stem, extension);
    const backup = join(directory, `${stem}.${nextStamp(names, stem, now)}${extension}`);
    try {
      return (await linkOrCopy(path, backup)) ? backup : null;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempts === MAX_ATTEMPTS) throw error;
    }
  }
}

/** Oldest first. */
async function backupNames(directory: string, stem: string, extension: string): Promise<string[]> {
  const names = await readdir(directory);
  return names.filter((name) => name.startsWith(`${stem}.`) && name.endsWith(extension)).sort();
}

/** A time that sorts after every backup there is, also when the clock stood still or went back. */
function nextStamp(names: readonly string[], stem: string, now: number): string {
  const stamp = new Date(now).toISOString().replaceAll(/[:.]/g, "-");
  const last = names.at(-1)?.slice(stem.length + 1, stem.length + 1 + stamp.length + 5);
  if (last === undefined || last.slice(0, stamp.length) < stamp) return `${stamp}-0000`;
  const count = Number(last.slice(stamp.length + 1)) + 1;
  return `${last.slice(0, stamp.length)}-${String(count).padStart(4, "0")}`;
}

/** The replaced file keeps its inode, so a hard link is a backup for nothing; not every file system has links. */
async function linkOrCopy(path: string, backup: string): Promise<boolean> {
  try {
    await link(path, backup);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return false;
    if (code === "EEXIST") throw error;
    await copyFile(path, backup, constants.COPYFILE_EXCL);
    return true;
  }
}
