import { open, readFile, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import type { AuditRow, RegistryStore } from "../../contract/registry-store.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import { syncDirectory } from "../../files/atomic-write.ts";
import { fileError } from "../../files/file-error.ts";
import { auditHash, GENESIS_HASH } from "./audit-chain.ts";
import type { Checkpoint } from "./checkpoint.ts";

const PAGE_ROWS = 1000;
const MAX_PROBLEMS = 20;

export interface AuditProblem {
  /** The row where it shows, null for the chain as a whole. */
  readonly seq: number | null;
  readonly kind:
    | "hash-mismatch"
    | "broken-link"
    | "wrong-place"
    | "unreadable"
    | "truncated"
    | "anchor-mismatch";
  readonly message: string;
}

export interface AuditVerification {
  readonly isValid: boolean;
  /** Rows read. */
  readonly count: number;
  /** Hash of the last row: keep `{ count, head }` elsewhere as an anchor. */
  readonly head: string;
  /** The first 20. */
  readonly problems: readonly AuditProblem[];
}

/** Reads and checks the hash chain of every change. */
export interface RegistryAudit {
  /**
   * Recomputes every hash and link. A changed, deleted, swapped or repeated row is always found; a cut-off end and a
   * chain rewritten as a whole only against an `anchor`, or the checkpoints the store still holds.
   */
  verify(options?: {
    readonly anchor?: Pick<Checkpoint, "count" | "head">;
    readonly signal?: AbortSignal;
  }): Promise<AuditVerification>;
  /** The rows as JSON Lines, each with its line end, from row `since` (default 0). */
  export(options?: { readonly since?: number; readonly signal?: AbortSignal }): AsyncIterable<string>;
  /** Appends the rows that are not in the file yet and makes them durable. A torn last line is written again. */
  exportTo(path: string, options?: { readonly signal?: AbortSignal }): Promise<{ readonly rows: number }>;
  /** The rows themselves, oldest first. */
  rows(options?: { readonly since?: number; readonly signal?: AbortSignal }): AsyncIterable<AuditRow>;
  /** The newest checkpoint in the store. */
  checkpoint(): Promise<Checkpoint | null>;
}

export function registryAudit(store: RegistryStore): RegistryAudit {
  async function* rows(
    options: { readonly since?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<AuditRow, void, undefined> {
    let since = options.since ?? 0;
    for (;;) {
      options.signal?.throwIfAborted();
      const page = await store.auditRows({ since, limit: PAGE_ROWS });
      yield* page;
      const last = page.at(-1);
      if (!last || page.length < PAGE_ROWS) return;
      since = last.seq + 1;
    }
  }
  async function* lines(options: { readonly since?: number; readonly signal?: AbortSignal } = {}) {
    for await (const row of rows(options)) yield `${JSON.stringify(row)}\n`;
  }
  const newestCheckpoint = async (): Promise<Checkpoint | null> => {
    const request = { collection: "checkpoints", direction: "descending", limit: 1 } as const;
    const { records } = await store.list(request);
    return (records[0]?.value as unknown as Checkpoint | undefined) ?? null;
  };

  return {
    rows,
    export: lines,
    checkpoint: newestCheckpoint,
    async verify(options = {}) {
      const anchors = [await newestCheckpoint(), options.anchor].filter((anchor) => anchor != null);
      const check = chainChecker(anchors);
      try {
        for (let since = 0; ; ) {
          options.signal?.throwIfAborted();
          const page = await store.auditRows({ since, limit: PAGE_ROWS });
          for (const row of page) check.add(row);
          const last = page.at(-1);
          if (!last || page.length < PAGE_ROWS) break;
          since = last.seq + 1;
        }
      } catch (error) {
        if (!ModelOpsError.isInstance(error) || error.code !== "storage/corrupt") throw error;
        check.report({ seq: null, kind: "unreadable", message: error.message });
      }
      return check.finish();
    },
    async exportTo(path, options = {}) {
      try {
        const done = await dropTornLine(path);
        const handle = await open(path, "a");
        let count = 0;
        try {
          for await (const line of lines({ since: done, signal: options.signal })) {
            await handle.appendFile(line);
            count += 1;
          }
          await handle.sync();
        } finally {
          await handle.close();
        }
        await syncDirectory(dirname(path));
        return { rows: count };
      } catch (error) {
        throw options.signal?.aborted ? error : fileError(error, path);
      }
    },
  };
}

function chainChecker(anchors: readonly Pick<Checkpoint, "count" | "head">[]) {
  const problems: AuditProblem[] = [];
  const open = new Map(anchors.map((anchor) => [anchor, true]));
  let count = 0;
  let prev = GENESIS_HASH;
  const report = (problem: AuditProblem) => {
    if (problems.length < MAX_PROBLEMS) problems.push(problem);
  };
  return {
    report,
    add(row: AuditRow) {
      const { seq } = row;
      if (seq !== count)
        report({ seq, kind: "wrong-place", message: `Row ${seq} stands where ${count} belongs.` });
      if (row.prev !== prev) {
        report({ seq, kind: "broken-link", message: `Row ${seq} does not follow the row before it.` });
      }
      if (auditHash(row as unknown as Record<string, unknown>) !== row.hash) {
        report({ seq, kind: "hash-mismatch", message: `Row ${seq} was changed after it was written.` });
      }
      prev = row.hash;
      count = seq + 1;
      for (const anchor of open.keys()) {
        if (anchor.count !== count) continue;
        open.delete(anchor);
        if (anchor.head === prev) continue;
        const message = `Row ${seq} is not the one the anchor was taken from: the chain was rewritten.`;
        report({ seq, kind: "anchor-mismatch", message });
      }
    },
    finish(): AuditVerification {
      for (const anchor of open.keys()) {
        if (anchor.count === 0) continue;
        const message = `The anchor counts ${anchor.count} rows, ${count} are there: the end was cut off.`;
        report({ seq: null, kind: "truncated", message });
      }
      return { isValid: problems.length === 0, count, head: prev, problems };
    },
  };
}

/** Number of whole lines; what follows the last line end is removed. */
async function dropTornLine(path: string): Promise<number> {
  const text = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return Buffer.alloc(0);
    throw error;
  });
  const end = text.lastIndexOf(0x0a) + 1;
  if (end < text.length) await truncate(path, end);
  let lines = 0;
  for (let index = text.indexOf(0x0a); index !== -1; index = text.indexOf(0x0a, index + 1)) lines += 1;
  return lines;
}
