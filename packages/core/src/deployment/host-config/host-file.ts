import { createHash } from "node:crypto";
import { type FileHandle, open, readFile, utimes } from "node:fs/promises";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import { writeFileAtomically } from "../../files/atomic-write.ts";

export function sha256Hex(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

export interface HostFileContent {
  readonly bytes: Buffer;
  readonly source: string;
  readonly sha256: string;
}

/** Reads the host's file. Errors: `config/file-missing`, `config/not-utf8`. */
export async function readHostFile(path: string): Promise<HostFileContent> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new ModelOpsError({
      code: "config/file-missing",
      message: `The host configuration ${path} cannot be read.`,
      reason: cause instanceof Error ? cause.message : String(cause),
      fix: "check the path given as hostConfig.file and its permissions.",
      cause,
    });
  });
  const source = bytes.toString("utf8");
  if (!Buffer.from(source, "utf8").equals(bytes)) {
    throw new ModelOpsError({
      code: "config/not-utf8",
      message: `The host configuration ${path} is not UTF-8 text.`,
      reason: "Editing it would change bytes that are not part of the edit.",
      fix: "save the file as UTF-8.",
    });
  }
  return { bytes, source, sha256: sha256Hex(bytes) };
}

/**
 * Replaces the file when it still holds what was read, else refuses with `config/changed-underneath`. A single-file
 * bind mount cannot be renamed over (`EBUSY`); it is then written in place, which is why callers keep a backup first.
 */
export async function replaceHostFile(options: {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly expectedSha256: string;
  readonly touchAfterRename: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}): Promise<{ readonly writtenInPlace: boolean }> {
  const current = await readHostFile(options.path);
  if (current.sha256 !== options.expectedSha256) {
    throw new ModelOpsError({
      code: "config/changed-underneath",
      message: `${options.path} was changed by somebody else while it was being edited.`,
      reason: "Its hash is no longer the one that was read; nothing was written.",
      fix: "repeat the call: it starts from the new content.",
      isRetryable: true,
    });
  }
  let writtenInPlace = false;
  try {
    await writeFileAtomically(options.path, options.bytes);
  } catch (error) {
    if (!isMountPoint(error)) throw error;
    writtenInPlace = true;
    await writeInPlace(options.path, options.bytes);
  }
  if (options.touchAfterRename) {
    // A rename reaches some watchers as "moved" only; setting the times makes it a modification.
    const time = new Date(options.now);
    await utimes(options.path, time, time).catch(() => {});
  }
  return { writtenInPlace };
}

function isMountPoint(error: unknown): boolean {
  if (!ModelOpsError.isInstance(error)) return false;
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code;
  return error.code === "storage/mount-point" || code === "EBUSY" || code === "EXDEV";
}

async function writeInPlace(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, "r+");
  try {
    await writeAll(handle, bytes);
    await handle.truncate(bytes.byteLength);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < bytes.byteLength) {
    const { bytesWritten } = await handle.write(bytes, offset, bytes.byteLength - offset, offset);
    offset += bytesWritten;
  }
}
