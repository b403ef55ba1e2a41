import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import { fileError } from "../../files/file-error.ts";
import { type FilesystemType, filesystemType } from "../../files/filesystem-type.ts";
import { type Database, loadSqlite } from "../../files/load-sqlite.ts";
import { APPLICATION_ID, MIGRATIONS, type Migration } from "./migrations.ts";
import { isBusy, sqliteError } from "./sqlite-error.ts";

export interface OpenOptions {
  readonly path: string;
  readonly allowNetworkFilesystem: boolean;
  readonly busyTimeoutMs: number;
  /** Replaceable for tests. */
  readonly filesystem?: (path: string) => FilesystemType;
  readonly migrations?: readonly Migration[];
}

/** How long SQLite itself may wait for a lock: it blocks the event loop, so longer waits happen outside of it. */
const BLOCKING_WAIT_MS = 20;
/** At most this much of the write-ahead log stays on disk after a checkpoint. */
const LOG_LIMIT_BYTES = 64 * 1024 * 1024;

/** Opens or creates the database, checks that it is ours, and brings its schema up to date. */
export function openDatabase(options: OpenOptions): Database {
  const path = options.path === ":memory:" ? options.path : resolve(options.path);
  const isShared = path !== ":memory:" && checkFilesystem(path, options);
  if (path !== ":memory:") makeFolder(path);
  const deadline = Date.now() + options.busyTimeoutMs;
  for (;;) {
    let database: Database | null = null;
    try {
      database = new (loadSqlite().DatabaseSync)(path, { timeout: BLOCKING_WAIT_MS });
      prepare(database, path, isShared, options.migrations ?? MIGRATIONS);
      return database;
    } catch (error) {
      database?.close();
      if (!isBusy(error) || Date.now() >= deadline) {
        // SQLite only says that it cannot open; the system says why.
        if (path !== ":memory:") checkWritable(path, error);
        throw sqliteError(error, path);
      }
      // Opening is synchronous: several processes that start at once take turns here.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5 + Math.random() * 20);
    }
  }
}

function prepare(
  database: Database,
  path: string,
  isShared: boolean,
  migrations: readonly Migration[],
): void {
  // Before anything is written: a foreign file must stay as it was found.
  checkIdentity(database, path, migrations);
  database.exec(`PRAGMA journal_mode = ${isShared ? "DELETE" : "WAL"}`);
  database.exec(`
    PRAGMA synchronous = FULL;
    PRAGMA journal_size_limit = ${LOG_LIMIT_BYTES};
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -8000;
    PRAGMA trusted_schema = OFF;
  `);
  if (pragma(database, "user_version") < lastVersion(migrations)) migrate(database, path, migrations);
}

function checkIdentity(database: Database, path: string, migrations: readonly Migration[]): void {
  const id = pragma(database, "application_id");
  const version = pragma(database, "user_version");
  const tables = database.prepare("SELECT count(*) AS count FROM sqlite_master").get();
  const isEmpty = tables?.count === 0;
  if (id !== APPLICATION_ID && !(isEmpty && id === 0 && version === 0)) {
    throw new ModelOpsError({
      code: "storage/foreign-database",
      message: `${path} is a database of another program.`,
      reason: "It holds tables but not this library's mark; it was left as it is.",
      fix: "choose another path.",
      details: { path, applicationId: id },
    });
  }
  if (version > lastVersion(migrations)) {
    throw new ModelOpsError({
      code: "storage/newer-schema",
      message: `${path} was written by a newer version of this library.`,
      reason: `Its schema is version ${version}, this one knows up to ${lastVersion(migrations)}; nothing was changed.`,
      fix: "upgrade @modelops/core.",
      details: { path, schemaVersion: version },
    });
  }
}

/** Every step commits with its row in `schema_migrations`: a crash in between leaves the step before. */
function migrate(database: Database, path: string, migrations: readonly Migration[]): void {
  for (const migration of migrations) {
    database.exec("BEGIN IMMEDIATE");
    try {
      // Another process may have done it while this one waited for the lock.
      checkIdentity(database, path, migrations);
      if (pragma(database, "user_version") < migration.version) apply(database, migration);
      database.exec("COMMIT");
    } catch (error) {
      rollback(database);
      throw error;
    }
  }
}

function apply(database: Database, migration: Migration): void {
  database.exec(`
    PRAGMA application_id = ${APPLICATION_ID};
    CREATE TABLE IF NOT EXISTS schema_migrations (
      version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL
    );
    ${migration.sql}
    PRAGMA user_version = ${migration.version};
  `);
  database
    .prepare("INSERT INTO schema_migrations (version, name, applied_at) VALUES (?, ?, ?)")
    .run(migration.version, migration.name, new Date().toISOString());
}

export function rollback(database: Database): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // SQLite rolls back by itself after some errors (a full disk).
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    checkWritable(path, error);
    throw fileError(error, path);
  }
}

/** Explains a failure by the nearest folder that exists, when this process may not write there. */
function checkWritable(path: string, error: unknown): void {
  if (ModelOpsError.isInstance(error)) return;
  let folder = dirname(path);
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  try {
    accessSync(folder, constants.W_OK);
  } catch (cause) {
    throw fileError(cause, path);
  }
}

function checkFilesystem(path: string, options: OpenOptions): boolean {
  const type = (options.filesystem ?? filesystemType)(path);
  if (!type.isNetwork || options.allowNetworkFilesystem) return type.isNetwork;
  throw new ModelOpsError({
    code: "storage/network-filesystem",
    message: `${path} lies on a network file system (${type.name}).`,
    reason: "Its file locks and shared memory are not reliable between machines, so a commit could be lost.",
    fix: "use a local folder, or set allowNetworkFilesystem when only one machine ever opens it (slower journal).",
    details: { path, filesystem: type.name },
  });
}

function pragma(database: Database, name: "application_id" | "user_version"): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}

function lastVersion(migrations: readonly Migration[]): number {
  return migrations.at(-1)?.version ?? 0;
}
