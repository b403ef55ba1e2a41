import { loadSqlite } from "../../files/load-sqlite.ts";
import { registryAudit } from "../audit/registry-audit.ts";
import { sqliteStore } from "../sqlite/sqlite-store.ts";
import type { KillRecord } from "./kill-writers.ts";

/** What a store holds after its writers were killed, held against what they said. All but the first two must be 0. */
export interface StoreFindings {
  readonly acknowledged: number;
  readonly stored: number;
  /** Acknowledged, and not there. */
  readonly lost: number;
  readonly duplicated: number;
  /** There, and never tried. */
  readonly ghosts: number;
  /** Missing version numbers. */
  readonly gaps: number;
  /** Parts of a commit without the others: version, audit row, event. */
  readonly torn: number;
  readonly auditProblems: number;
  readonly isIntact: boolean;
  /** From opening the file, with what the killed left in it, to the first answer. */
  readonly recoveryMs: number;
}

export async function checkStore(path: string, record: KillRecord): Promise<StoreFindings> {
  const startedAt = performance.now();
  const store = sqliteStore({ path });
  await store.revision("agent");
  const recoveryMs = performance.now() - startedAt;
  const ids: string[] = [];
  const versions: string[] = [];
  for (let cursor: string | null = null; ; ) {
    const page: Awaited<ReturnType<typeof store.list>> = await store.list({
      collection: "versions",
      limit: 5000,
      cursor,
    });
    ids.push(...page.records.map((stored) => String(stored.value.id)));
    versions.push(...page.records.map((stored) => stored.key));
    cursor = page.nextCursor;
    if (cursor === null) break;
  }
  const stored = new Set(ids);
  const audited: string[] = [];
  const audit = registryAudit(store);
  for await (const row of audit.rows()) audited.push(String(row.evidence?.id));
  const events: string[] = [];
  for (let since = 0; ; ) {
    const page = await store.events({ since, limit: 5000 });
    events.push(...page.map((event) => event.id));
    since = page.at(-1)?.seq ?? since;
    if (page.length < 5000) break;
  }
  const verified = await audit.verify();
  const revision = await store.revision("agent");
  await store.close();

  const database = new (loadSqlite().DatabaseSync)(path);
  const integrity = database.prepare("PRAGMA integrity_check").get()?.integrity_check;
  database.close();
  return {
    acknowledged: record.acknowledged.size,
    stored: ids.length,
    lost: [...record.acknowledged].filter((id) => !stored.has(id)).length,
    duplicated: ids.length - stored.size,
    ghosts: ids.filter((id) => !record.tried.has(id)).length,
    gaps: versions.filter((version, index) => version !== `v1.${index + 1}.0`).length,
    torn:
      Math.abs(audited.length - ids.length) +
      Math.abs(events.length - ids.length) +
      Math.abs(revision - ids.length),
    auditProblems: verified.problems.length,
    isIntact: integrity === "ok",
    recoveryMs,
  };
}
