import type * as sqlite from "node:sqlite";
import { ModelOpsError } from "../errors/modelops-error.ts";

export type SqliteModule = typeof sqlite;
export type Database = sqlite.DatabaseSync;

let loaded: SqliteModule | null = null;

/**
 * Loads `node:sqlite` at first use, so that the rest of the library also runs where it is missing, and without the
 * one-line warning that Node prints up to 24.14: the parts used here are stable.
 */
export function loadSqlite(): SqliteModule {
  if (loaded) return loaded;
  const { emitWarning } = process;
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]) => {
    const text = typeof warning === "string" ? warning : warning.message;
    if (!text.startsWith("SQLite is an experimental feature")) {
      (emitWarning as (...all: unknown[]) => void).call(process, warning, ...rest);
    }
  }) as typeof process.emitWarning;
  try {
    loaded = (process.getBuiltinModule?.("node:sqlite") as SqliteModule | undefined) ?? null;
  } finally {
    process.emitWarning = emitWarning;
  }
  if (loaded) return loaded;
  throw new ModelOpsError({
    code: "storage/no-sqlite",
    message: "This runtime has no node:sqlite.",
    reason: `${process.version} was built or started without it.`,
    fix: "use Node 22.19 or newer, or pass another RegistryStore.",
  });
}
