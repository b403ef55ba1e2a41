import { tryFileLock } from "../../../files/file-lock.ts";
import { type Clock, systemClock } from "../../../time/clock.ts";

const POLL_MS = 100;

/** Runs an action while no other process (and no other caller here) holds the same lock file. */
export async function withExclusiveLock<Result>(
  path: string,
  action: () => Promise<Result>,
  options: { readonly signal?: AbortSignal; readonly clock?: Clock; readonly onWait?: () => void } = {},
): Promise<Result> {
  const clock = options.clock ?? systemClock;
  let lock = tryFileLock(path);
  if (!lock) options.onWait?.();
  while (!lock) {
    await clock.sleep(POLL_MS, { signal: options.signal, keepAlive: true });
    lock = tryFileLock(path);
  }
  try {
    options.signal?.throwIfAborted();
    return await action();
  } finally {
    lock.release();
  }
}
