import { mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { RegistryStore } from "../../contract/registry-store.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import { writeFileAtomically } from "../../files/atomic-write.ts";
import { backUpFile } from "../../files/backups.ts";
import { fileError } from "../../files/file-error.ts";
import { sweepTemporaryFiles } from "../../files/temporary-files.ts";
import type { Logger } from "../../runtime.ts";
import { type Clock, isoTime } from "../../time/clock.ts";
import { registryJsonText } from "./export-registry.ts";

export interface RegistryJsonFileOptions {
  readonly store: RegistryStore;
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How many previous files stay in `backups/`. */
  readonly backups: number;
}

/** Commits in this time after the first one share a rewrite. */
const GATHER_MS = 40;
/** Rest between two rewrites, so that a busy store does not write all the time; far below the promised second. */
const REST_MS = 250;
const RETRY_MS = 5000;
const HEAD_BYTES = 200;
const PAGE_EVENTS = 1000;

/** Keeps `registry.json` in step with the store: whole files only, one rewrite for many commits. */
export interface RegistryJsonFile {
  readonly path: string;
  /** Called after a commit; writes soon, in the background. */
  schedule(): void;
  /** Writes soon when the file is behind the store, as after a process that was killed between commit and rewrite. */
  catchUp(): Promise<void>;
  /** Resolves when the file shows every commit made so far. Rejects when it cannot be written. */
  flush(): Promise<void>;
  /** Finishes what is scheduled and stops. */
  close(): Promise<void>;
}

export function registryJsonFile(options: RegistryJsonFileOptions): RegistryJsonFile {
  const { store, path, clock, logger } = options;
  const directory = dirname(path);
  const backups = join(directory, "backups");
  let isDirty = false;
  let isClosed = false;
  let isFirstWrite = true;
  let timer: NodeJS.Timeout | null = null;
  let running: Promise<void> | null = null;
  let lastDurationMs = 0;

  const writeOnce = async () => {
    const startedAt = performance.now();
    // Before the first read: what is committed from here on asks for another rewrite.
    isDirty = false;
    const seq = await store.lastEventSeq();
    await mkdir(directory, { recursive: true }).catch((error: unknown) => {
      throw fileError(error, path);
    });
    const now = clock.now();
    if (isFirstWrite) {
      await sweepTemporaryFiles(directory);
      const generation = await readGeneration(path);
      // Not from this store, or written by hand: it must not fall out of the ten newest.
      const isForeign = generation === null || generation > seq;
      if (isForeign)
        await backUpFile({ path, directory: backups, keep: options.backups, now, stem: "replaced" });
    }
    await backUpFile({ path, directory: backups, keep: options.backups, now });
    await writeFileAtomically(path, registryJsonText(store, isoTime(clock)));
    isFirstWrite = false;
    lastDurationMs = performance.now() - startedAt;
    // Another process may have written a newer file before this older one replaced it.
    if (await hasRegistryEvent(store, seq)) isDirty = true;
  };

  const runNow = (): Promise<void> => {
    if (timer) clearTimeout(timer);
    timer = null;
    running ??= writeOnce().then(
      () => {
        running = null;
        if (isDirty && !isClosed) arm(Math.max(REST_MS, lastDurationMs));
      },
      (error: unknown) => {
        running = null;
        const isGone = ModelOpsError.isInstance(error) && error.code === "storage/closed";
        // The disk may have room again later; a process with nothing else to do need not wait for that.
        if (!isGone && !isClosed) arm(RETRY_MS)?.unref();
        throw error;
      },
    );
    return running;
  };
  const arm = (delayMs: number) => {
    timer ??= setTimeout(() => {
      timer = null;
      runNow().catch((error: unknown) => {
        logger.error(`registry.json could not be written: ${String(error)}`);
      });
    }, delayMs);
    return timer;
  };
  const flush = async () => {
    // A rewrite in progress may have begun before the newest commit.
    if (running) await running.catch(() => {});
    await runNow();
  };

  const schedule = () => {
    isDirty = true;
    if (!running && !isClosed) arm(GATHER_MS);
  };

  return {
    path,
    schedule,
    async catchUp() {
      try {
        const generation = await readGeneration(path);
        // A file of somebody else is only replaced when there is something to say.
        if (generation !== null && (await hasRegistryEvent(store, generation))) schedule();
      } catch {
        // Nothing was asked for: the next commit or flush says what is wrong.
      }
    },
    flush,
    async close() {
      const mustWrite = isDirty || timer !== null || running !== null;
      isClosed = true;
      if (mustWrite) await flush();
    },
  };
}

/** True when the registry changed after `since`; progress of jobs does not count. */
async function hasRegistryEvent(store: RegistryStore, since: number): Promise<boolean> {
  for (let seq = since; ; ) {
    const events = await store.events({ since: seq, limit: PAGE_EVENTS });
    if (events.some((event) => event.type.startsWith("registry."))) return true;
    seq = events.at(-1)?.seq ?? seq;
    if (events.length < PAGE_EVENTS) return false;
  }
}

/** The `generation` at the head of a file of ours; null for another file, -1 for none. */
async function readGeneration(path: string): Promise<number | null> {
  const handle = await open(path, "r").catch(() => null);
  if (!handle) return -1;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const match = /^\{\s*"generation":\s*(\d+)/.exec(buffer.subarray(0, bytesRead).toString("utf8"));
    return match ? Number(match[1]) : null;
  } finally {
    await handle.close();
  }
}
