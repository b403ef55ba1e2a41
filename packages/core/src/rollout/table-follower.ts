import { createHash } from "node:crypto";
import { type FSWatcher, mkdirSync, readFileSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { parseRoutingTable, type RoutingTable } from "../model/routing-table.ts";
import type { Clock } from "../time/clock.ts";
import { olderTable, type RoutingFollower } from "./routing-follower.ts";

const DEBOUNCE_MS = 10;

export interface TableFollowerOptions {
  readonly file: string;
  readonly pollEveryMs: number;
  readonly clock: Clock;
  /** A new valid table, once per change. */
  readonly onTable: (table: RoutingTable) => void;
}

/**
 * Follows a routing table on disk. It watches the folder (a watch on the file dies with the first rename) and polls
 * the content as a floor for file systems without events. A table that is torn, damaged or older than the present one
 * is not taken: the last good one stays in force.
 */
export class TableFollower implements RoutingFollower {
  /** The file is read at once. */
  readonly ready = Promise.resolve();
  readonly #options: TableFollowerOptions;
  readonly #stop = new AbortController();
  #watcher: FSWatcher | null = null;
  #timer: NodeJS.Timeout | null = null;
  #contentHash: string | null = null;
  #generation = 0;
  #error: ModelOpsError | null = null;

  constructor(options: TableFollowerOptions) {
    this.#options = options;
    mkdirSync(dirname(options.file), { recursive: true });
    this.reload();
    this.#watch();
    void this.#poll();
  }

  /** Why the content on disk is not in force, null when it is. */
  get error(): ModelOpsError | null {
    return this.#error;
  }

  /** Reads the file now. Never throws. */
  reload(): void {
    let text: string;
    try {
      text = readFileSync(this.#options.file, "utf8");
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT" && this.#contentHash === null) return;
      this.#error = unreadable(this.#options.file, cause);
      return;
    }
    const contentHash = createHash("sha256").update(text).digest("hex");
    if (contentHash === this.#contentHash && !this.#error) return;
    try {
      const table = parseRoutingTable(text);
      if (table.generation < this.#generation) throw olderTable(table.generation, this.#generation);
      this.#error = null;
      if (contentHash === this.#contentHash) return;
      this.#contentHash = contentHash;
      this.#generation = table.generation;
      this.#options.onTable(table);
    } catch (error) {
      this.#error = ModelOpsError.isInstance(error) ? error : unreadable(this.#options.file, error);
    }
  }

  close(): void {
    this.#stop.abort();
    this.#watcher?.close();
    this.#watcher = null;
    if (this.#timer) clearTimeout(this.#timer);
  }

  #watch(): void {
    const name = basename(this.#options.file);
    try {
      this.#watcher = watch(dirname(this.#options.file), { persistent: false }, (_event, changed) => {
        if (changed !== null && changed !== name) return;
        this.#timer ??= setTimeout(() => {
          this.#timer = null;
          this.reload();
        }, DEBOUNCE_MS).unref();
      });
      // The folder may go away (unmounted, removed): polling goes on and finds it when it returns.
      this.#watcher.on("error", () => this.#watcher?.close());
    } catch {
      this.#watcher = null;
    }
  }

  async #poll(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#options.clock.sleep(this.#options.pollEveryMs, { signal: this.#stop.signal });
      } catch {
        return;
      }
      this.reload();
    }
  }
}

function unreadable(file: string, cause: unknown): ModelOpsError {
  return new ModelOpsError({
    code: "rollout/table-unreadable",
    message: `The routing table ${file} cannot be read.`,
    reason: cause instanceof Error ? cause.message : String(cause),
    fix: "restore the file with reconcile(); until then the last good table stays in force.",
    cause,
  });
}
