import { randomBytes } from "node:crypto";
import { type FileHandle, open, realpath, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileError } from "./file-error.ts";
import { TEMPORARY_SUFFIX } from "./temporary-files.ts";

export interface AtomicWriteOptions {
  /** Permission bits of the file. Default: those of the file it replaces, else 0o644. */
  readonly mode?: number;
}

/**
 * Replaces a file (with bytes, text, or text that is made piece by piece) so that readers see the old bytes or the new ones, never a mixture, and so that the new ones
 * survive a crash once this resolves: temporary file in the same folder, write, fsync, size check, rename, fsync of
 * the folder. A symbolic link stays a link: the file behind it is replaced.
 * @throws ModelOpsError `storage/disk-full`, `storage/read-only`, `storage/mount-point`, `storage/write-failed`; the
 * old file is then untouched.
 */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array | AsyncIterable<string>,
  options: AtomicWriteOptions = {},
): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const directory = dirname(target);
  // 48 random bits: two containers that share a folder may share a pid as well.
  const unique = `${process.pid}-${randomBytes(6).toString("hex")}`;
  const temporary = join(directory, `.${basename(target)}.${unique}${TEMPORARY_SUFFIX}`);
  try {
    const mode = options.mode ?? (await existingMode(target)) ?? 0o644;
    const handle = await open(temporary, "wx", mode);
    try {
      const sizeBytes = await writeContent(handle, content);
      await handle.chmod(mode);
      await handle.sync();
      const { size } = await handle.stat();
      if (size !== sizeBytes) throw new Error(`${size} of ${sizeBytes} bytes reached the disk`);
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
    await syncDirectory(directory);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw fileError(error, path);
  }
}

/** Gives the number of bytes written. */
async function writeContent(
  handle: FileHandle,
  content: string | Uint8Array | AsyncIterable<string>,
): Promise<number> {
  if (typeof content === "string") return writeAll(handle, Buffer.from(content, "utf8"), 0);
  if (content instanceof Uint8Array) return writeAll(handle, content, 0);
  let sizeBytes = 0;
  for await (const piece of content)
    sizeBytes += await writeAll(handle, Buffer.from(piece, "utf8"), sizeBytes);
  return sizeBytes;
}

/** One write call may write less than it was given (a full disk, a limit): go on until all is written or it fails. */
async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  let offset = 0;
  while (offset < bytes.byteLength) {
    const { bytesWritten } = await handle.write(bytes, offset, bytes.byteLength - offset, position + offset);
    if (bytesWritten === 0) throw new Error(`the disk took ${offset} of ${bytes.byteLength} bytes`);
    offset += bytesWritten;
  }
  return bytes.byteLength;
}

async function existingMode(path: string): Promise<number | undefined> {
  return stat(path).then(
    (found) => found.mode & 0o777,
    () => undefined,
  );
}

/** Makes a rename durable. Windows cannot open a folder for this and does not need it. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
