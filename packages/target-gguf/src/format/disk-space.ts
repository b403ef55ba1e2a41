import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { ModelOpsError } from "@modelops/core";

/** Bytes that an unprivileged process can still write where `path` will lie. */
export async function freeBytesFor(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(dirname(path));
  return bavail * bsize;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** The error of a disk that is, or would become, full. */
export function diskFull(
  path: string,
  neededBytes: number,
  freeBytes: number | null,
  cause?: unknown,
): ModelOpsError {
  return new ModelOpsError({
    code: "gguf/disk-full",
    message: `${path} needs ${megabytes(neededBytes)} and cannot be written.`,
    reason:
      freeBytes === null
        ? "The disk ran full while it was being written."
        : `Only ${megabytes(freeBytes)} are free there.`,
    fix: "free some space or choose another folder; nothing was left behind.",
    details: { path, neededBytes, freeBytes },
    cause,
  });
}

/** Refuses to begin what cannot fit. A file system that reports no sizes is given the benefit of the doubt. */
export async function checkDiskSpace(path: string, neededBytes: number): Promise<void> {
  const freeBytes = await freeBytesFor(path).catch(() => null);
  if (freeBytes !== null && freeBytes > 0 && freeBytes < neededBytes)
    throw diskFull(path, neededBytes, freeBytes);
}

/** Whether an error of the file system says that there is no room: full disk, quota or file-size limit. */
export function isOutOfSpace(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
}
