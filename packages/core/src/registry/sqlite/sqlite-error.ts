import { type ErrorCode, ModelOpsError } from "../../errors/modelops-error.ts";

/** Primary result codes, https://www.sqlite.org/rescode.html; the extended code has more bits above. */
const BUSY = 5;
const LOCKED = 6;
const PRIMARY_MASK = 0xff;
const IOERR_FSYNC = 1034;

interface Explanation {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly fix: string;
}

const READ_ONLY: Explanation = {
  code: "storage/read-only",
  reason: "This process may not write there; nothing was changed.",
  fix: "choose a folder this process can write to.",
};
const CORRUPT: Explanation = {
  code: "storage/corrupt",
  reason: "The file is damaged; it was left as it is.",
  fix: "keep the file, restore a copy of it, or import the last registry.json from the backups folder.",
};

const EXPLANATIONS: Readonly<Record<number, Explanation>> = {
  3: READ_ONLY,
  8: READ_ONLY,
  10: {
    code: "storage/io",
    reason: "The disk reported an error; the change was rolled back.",
    fix: "check the disk and its free space, and repeat.",
  },
  11: CORRUPT,
  13: {
    code: "storage/disk-full",
    reason: "The disk is full; the change was rolled back and the old state can be read.",
    fix: "free some space and repeat.",
  },
  14: {
    code: "storage/cannot-open",
    reason: "The file or its folder cannot be opened or created.",
    fix: "check that the folder exists and that this process may write there.",
  },
  26: {
    code: "storage/not-a-database",
    reason: "The file is no SQLite database; it was left as it is.",
    fix: "choose another path, or move the file away.",
  },
};

/** True when somebody else holds the lock, so that trying again helps. */
export function isBusy(error: unknown): boolean {
  const primary = resultCode(error) & PRIMARY_MASK;
  return primary === BUSY || primary === LOCKED;
}

/** Explains an error of `node:sqlite`; errors of the library pass through unchanged. */
export function sqliteError(error: unknown, path: string): unknown {
  const resultNumber = resultCode(error);
  if (resultNumber === 0) return error;
  if (isBusy(error)) return busyError(path, error);
  const explanation = EXPLANATIONS[resultNumber & PRIMARY_MASK];
  const text = error instanceof Error ? error.message : String(error);
  return new ModelOpsError({
    code: explanation?.code ?? "storage/sqlite",
    message: `The database ${path} could not be used (${text}).`,
    reason: explanation?.reason ?? "SQLite refused the operation.",
    fix: explanation?.fix ?? "see the cause; report it when it comes from this library.",
    details: { path, sqliteCode: resultNumber, isFsync: resultNumber === IOERR_FSYNC },
    cause: error,
  });
}

export function busyError(path: string, cause?: unknown): ModelOpsError {
  return new ModelOpsError({
    code: "storage/busy",
    message: `The database ${path} stayed locked.`,
    reason: "Another process held the write lock for the whole waiting time; nothing was written.",
    fix: "repeat the call, or raise busyTimeoutMs; look for a process that stopped inside a transaction.",
    isRetryable: true,
    details: { path },
    cause,
  });
}

/** 0 for errors that do not come from SQLite. */
function resultCode(error: unknown): number {
  const code = (error as { readonly errcode?: unknown } | null)?.errcode;
  return typeof code === "number" ? code : 0;
}
