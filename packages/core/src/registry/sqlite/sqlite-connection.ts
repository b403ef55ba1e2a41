import type { StatementSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../../files/load-sqlite.ts";
import { closedError } from "../memory-store.ts";
import { rollback } from "./open-database.ts";
import { busyError, isBusy, sqliteError } from "./sqlite-error.ts";

const MIN_PAUSE_MS = 1;
const MAX_PAUSE_MS = 20;

/** A database with prepared statements, transactions and patience. */
export interface SqliteConnection {
  prepare(sql: string): StatementSync;
  /** Runs a synchronous read; waits while the database is locked. */
  read<Result>(operation: () => Result): Promise<Result>;
  /** Runs a synchronous change in one transaction, durable once this resolves. */
  write<Result>(operation: () => Result): Promise<Result>;
  close(): void;
}

/** Waiting happens between attempts, with jitter and without blocking the event loop. */
export function connect(
  database: Database,
  options: { readonly path: string; readonly busyTimeoutMs: number },
): SqliteConnection {
  const statements = new Map<string, StatementSync>();
  let isClosed = false;

  const patiently = async <Result>(attempt: () => Result): Promise<Result> => {
    const deadline = performance.now() + options.busyTimeoutMs;
    for (;;) {
      if (isClosed) throw closedError();
      try {
        return attempt();
      } catch (error) {
        if (!isBusy(error)) throw sqliteError(error, options.path);
        if (performance.now() >= deadline) throw busyError(options.path, error);
      }
      await sleep(MIN_PAUSE_MS + Math.random() * (MAX_PAUSE_MS - MIN_PAUSE_MS));
    }
  };

  return {
    prepare(sql) {
      const known = statements.get(sql);
      if (known) return known;
      const statement = database.prepare(sql);
      statements.set(sql, statement);
      return statement;
    },
    read: patiently,
    write: (operation) =>
      patiently(() => {
        // IMMEDIATE takes the write lock first: a deferred transaction that reads and then writes fails at once
        // when another writer came in between, whatever the timeout.
        database.exec("BEGIN IMMEDIATE");
        try {
          const result = operation();
          database.exec("COMMIT");
          return result;
        } catch (error) {
          rollback(database);
          throw error;
        }
      }),
    close() {
      if (isClosed) return;
      isClosed = true;
      statements.clear();
      database.close();
    },
  };
}
