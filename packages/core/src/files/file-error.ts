import { type ErrorCode, ModelOpsError } from "../errors/modelops-error.ts";

interface Explanation {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly fix: string;
}

const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ENOSPC: {
    code: "storage/disk-full",
    reason: "The disk is full; the old content is untouched.",
    fix: "free some space and repeat.",
  },
  EDQUOT: {
    code: "storage/disk-full",
    reason: "The disk quota is used up; the old content is untouched.",
    fix: "free some space or raise the quota, and repeat.",
  },
  EFBIG: {
    code: "storage/disk-full",
    reason: "A file size limit of this process or file system was reached; the old content is untouched.",
    fix: "raise the limit (ulimit -f) or make the file smaller.",
  },
  EROFS: {
    code: "storage/read-only",
    reason: "The file system is mounted read-only.",
    fix: "choose a folder this process can write to.",
  },
  EACCES: {
    code: "storage/read-only",
    reason: "This process may not write there.",
    fix: "choose another folder or change its permissions.",
  },
  EPERM: {
    code: "storage/read-only",
    reason: "This process may not write there.",
    fix: "choose another folder or change its permissions.",
  },
  EBUSY: {
    code: "storage/mount-point",
    reason: "The file itself is a mount point, so it cannot be replaced and readers would keep the old one.",
    fix: "mount the folder that holds the file, not the single file.",
  },
  EXDEV: {
    code: "storage/mount-point",
    reason: "The file lies on another file system than its folder, so it cannot be replaced in one step.",
    fix: "mount the folder that holds the file, not the single file.",
  },
  ENOENT: {
    code: "storage/no-such-folder",
    reason: "The folder does not exist.",
    fix: "create the folder first, or correct the path.",
  },
  EISDIR: {
    code: "storage/not-a-file",
    reason: "There is a folder of this name.",
    fix: "give the path of a file.",
  },
};

/** Explains a failed file operation; errors of the library pass through unchanged. */
export function fileError(error: unknown, path: string): ModelOpsError {
  if (ModelOpsError.isInstance(error)) return error;
  const systemCode = (error as NodeJS.ErrnoException | null)?.code ?? null;
  const explanation = systemCode === null ? undefined : EXPLANATIONS[systemCode];
  return new ModelOpsError({
    code: explanation?.code ?? "storage/write-failed",
    message: `Writing ${path} failed.`,
    reason: explanation?.reason ?? `${error instanceof Error ? error.message : String(error)}.`,
    fix: explanation?.fix ?? "check the folder and the disk, and repeat.",
    details: { path, systemCode },
    cause: error,
  });
}
