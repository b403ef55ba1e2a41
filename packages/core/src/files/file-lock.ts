import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { type Database, loadSqlite } from "./load-sqlite.ts";

/** A lock that is held. The kernel drops it when the process dies, so that there is no stale lock to break. */
export interface FileLock {
  release(): void;
}

/**
 * Takes an exclusive lock over processes, or returns null when somebody else holds it. It is an empty SQLite file with
 * an open write transaction: no timestamps, no takeover by age, nothing left behind by kill -9.
 */
export function tryFileLock(path: string): FileLock | null {
  const { DatabaseSync } = loadSqlite();
  let database: Database | null = null;
  try {
    mkdirSync(dirname(path), { recursive: true });
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec("PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE");
  } catch (error) {
    database?.close();
    if (isBusy(error)) return null;
    throw new ModelOpsError({
      code: "storage/lock-failed",
      message: `The lock file ${path} could not be used.`,
      reason: error instanceof Error ? error.message : String(error),
      fix: "check that its folder is writable and on a local disk; the lock file itself may be deleted.",
      cause: error,
    });
  }
  return {
    release() {
      database?.close();
      database = null;
    },
  };
}

const WAIT_MS = 5;

/** Runs `action` while holding the lock, waiting for it at most `timeoutMs`. Error: `storage/lock-timeout`. */
export async function withFileLock<Result>(
  options: {
    readonly path: string;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
  },
  action: () => Promise<Result>,
): Promise<Result> {
  // Real time even where a virtual clock runs: another process is really holding the file.
  const deadline = performance.now() + options.timeoutMs;
  let lock = tryFileLock(options.path);
  while (!lock) {
    options.signal?.throwIfAborted();
    if (performance.now() > deadline) {
      throw new ModelOpsError({
        code: "storage/lock-timeout",
        message: `The lock ${options.path} was not free within ${options.timeoutMs} ms.`,
        reason: "Another process is writing.",
        fix: "try again, or look for a process that hangs.",
        isRetryable: true,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    lock = tryFileLock(options.path);
  }
  try {
    return await action();
  } finally {
    lock.release();
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && /database is locked|SQLITE_BUSY/.test(error.message);
}
