import type {
  AuditRow,
  CommitBatch,
  CommitResult,
  RegistryStore,
  StoredRecord,
} from "../../contract/registry-store.ts";
import { ConflictError } from "../../errors/conflict-error.ts";
import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { ModelOpsEvent, NewEvent } from "../../events/event.ts";
import { GENESIS_HASH, sealAuditRow } from "../audit/audit-chain.ts";
import { sealCheckpoint } from "../audit/checkpoint.ts";
import { encodeCursor } from "../cursor.ts";
import {
  checkEvent,
  checkLimit,
  checkList,
  orderChanged,
  type PreparedPut,
  prepareBatch,
} from "../store-checks.ts";
import { listQuery } from "./list-query.ts";
import { openDatabase } from "./open-database.ts";
import { connect, type SqliteConnection } from "./sqlite-connection.ts";

export interface SqliteStoreOptions {
  /** The database file, made with its folder when it does not exist. Beside it lie `-wal` and `-shm` while it is open. */
  readonly path: string;
  /** How long a call waits for other processes' write locks. Default 10,000. */
  readonly busyTimeoutMs?: number;
  /** Opens the file on a network file system as well, with a slower journal; then only one machine may use it. */
  readonly allowNetworkFilesystem?: boolean;
}

const DEFAULT_BUSY_TIMEOUT_MS = 10_000;
const FIRST_RESULT = "SELECT rev, result FROM results WHERE agent = ? AND idempotency_key = ?";
const AUDIT_HEAD = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";

/**
 * The default store: one SQLite file through `node:sqlite` (write-ahead log, `synchronous=FULL`), usable by many
 * processes of one machine at once. What `commit` acknowledged survives kill -9 and power loss.
 * @throws ModelOpsError `storage/not-a-database`, `storage/foreign-database`, `storage/newer-schema`,
 * `storage/network-filesystem`, `storage/read-only`, `storage/cannot-open`, `storage/no-sqlite`.
 */
export function sqliteStore(options: SqliteStoreOptions): RegistryStore {
  const { path } = options;
  const busyTimeoutMs = options.busyTimeoutMs ?? DEFAULT_BUSY_TIMEOUT_MS;
  const allowNetworkFilesystem = options.allowNetworkFilesystem ?? false;
  const database = openDatabase({ path, busyTimeoutMs, allowNetworkFilesystem });
  const connection = connect(database, { path, busyTimeoutMs });
  const all = (sql: string, ...parameters: (string | number)[]) =>
    connection.read(() => connection.prepare(sql).all(...parameters));
  const one = async (sql: string, ...parameters: (string | number)[]) =>
    connection.read(() => connection.prepare(sql).get(...parameters));

  return {
    contract: "registry-store/v1",
    async revision(agent) {
      return Number((await one("SELECT rev FROM agents WHERE agent = ?", agent))?.rev ?? 0);
    },
    async get(collection, agent, key) {
      const sql = "SELECT * FROM records WHERE collection = ? AND agent = ? AND key = ?";
      const row = await one(sql, collection, agent, key);
      return row ? toRecord(row) : null;
    },
    async list(request) {
      checkList(request);
      const { sql, parameters } = listQuery(request);
      const rows = (await all(sql, ...parameters)).map(toRecord);
      const records = rows.slice(0, request.limit);
      const last = records.at(-1);
      return { records, nextCursor: rows.length > request.limit && last ? encodeCursor(last) : null };
    },
    async commit(batch) {
      const puts = prepareBatch(batch);
      return connection.write(() => commitNow(connection, batch, puts));
    },
    async committedResult(agent, idempotencyKey) {
      const row = await one(FIRST_RESULT, agent, idempotencyKey);
      return row ? { rev: Number(row.rev), result: parseJson(row.result, "result") } : null;
    },
    async appendEvents(events) {
      events.forEach(checkEvent);
      if (events.length === 0) return [];
      return connection.write(() => events.map((event) => appendEvent(connection, event)));
    },
    async events({ since, limit, agent, subject }) {
      checkLimit(limit);
      const filters = [
        agent === undefined ? "" : "AND agent = ?",
        subject === undefined ? "" : "AND subject = ?",
      ];
      const values = [agent, subject].filter((value) => value !== undefined);
      const sql = `SELECT seq, body FROM events WHERE seq > ? ${filters.join(" ")} ORDER BY seq LIMIT ?`;
      const rows = await all(sql, since, ...values, limit);
      return rows.map((row) => ({ ...parseJson<NewEvent>(row.body, "event"), seq: Number(row.seq) }));
    },
    async lastEventSeq() {
      return Number((await one("SELECT max(seq) AS seq FROM events"))?.seq ?? 0);
    },
    async auditRows({ since, limit }) {
      checkLimit(limit);
      const sql = "SELECT seq, hash, body FROM audit WHERE seq >= ? ORDER BY seq LIMIT ?";
      const rows = await all(sql, since, limit);
      // The columns win over the body: a row moved to another place must not look right.
      return rows.map((row) => ({
        ...parseJson<Omit<AuditRow, "seq" | "hash">>(row.body, `audit row ${row.seq}`),
        seq: Number(row.seq),
        hash: String(row.hash),
      }));
    },
    async auditHead() {
      const row = await one(AUDIT_HEAD);
      return row ? { count: Number(row.seq) + 1, hash: String(row.hash) } : null;
    },
    async agents() {
      return (await all("SELECT agent FROM agents ORDER BY agent")).map((row) => String(row.agent));
    },
    async close() {
      connection.close();
    },
  };
}

/** Runs inside the transaction. */
function commitNow(
  connection: SqliteConnection,
  batch: CommitBatch,
  puts: readonly PreparedPut[],
): CommitResult {
  const { agent, idempotencyKey } = batch;
  if (idempotencyKey !== undefined) {
    const first = connection.prepare(FIRST_RESULT).get(agent, idempotencyKey);
    if (first) {
      return {
        rev: Number(first.rev),
        replayed: true,
        result: parseJson(first.result, "result"),
        events: [],
      };
    }
  }
  const before = Number(connection.prepare("SELECT rev FROM agents WHERE agent = ?").get(agent)?.rev ?? 0);
  if (batch.expectedRev !== null && batch.expectedRev !== before) {
    throw new ConflictError({ subject: agent, expected: batch.expectedRev, actual: before });
  }
  const after = before + 1;
  connection
    .prepare(
      "INSERT INTO agents (agent, rev) VALUES (?, ?) ON CONFLICT (agent) DO UPDATE SET rev = excluded.rev",
    )
    .run(agent, after);
  for (const put of puts) writeRecord(connection, agent, put);
  for (const { collection, key } of batch.removes ?? []) removeRecord(connection, collection, agent, key);
  const chain = writeAudit(connection, batch, { before, after });
  const checkpoint = batch.checkpoint ? sealCheckpoint(batch.checkpoint, { ...chain, at: batch.at }) : null;
  if (checkpoint) writeRecord(connection, agent, checkpoint.put);
  const events = [...(batch.events ?? []), ...(checkpoint ? [checkpoint.event] : [])].map((event) =>
    appendEvent(connection, event),
  );
  const result = JSON.stringify(batch.result ?? null);
  if (idempotencyKey !== undefined) {
    connection
      .prepare("INSERT INTO results (agent, idempotency_key, rev, result, at) VALUES (?, ?, ?, ?, ?)")
      .run(agent, idempotencyKey, after, result, batch.at);
  }
  return { rev: after, replayed: false, result: JSON.parse(result) as unknown, events };
}

function writeRecord(connection: SqliteConnection, agent: string, put: PreparedPut): void {
  const { collection, key, json } = put;
  const terms = JSON.stringify(put.terms);
  const stored = connection
    .prepare("SELECT id, ord, terms FROM records WHERE collection = ? AND agent = ? AND key = ?")
    .get(collection, agent, key);
  const order = stored ? String(stored.ord) : (put.order ?? key);
  if (stored) {
    if (put.order !== undefined && put.order !== order) throw orderChanged(put, order);
    connection
      .prepare("UPDATE records SET value = ?, terms = ? WHERE id = ?")
      .run(json, terms, Number(stored.id));
    if (stored.terms === terms) return;
    removeTerms(connection, { collection, agent, key, order, terms: String(stored.terms) });
  } else {
    connection
      .prepare("INSERT INTO records (collection, agent, key, ord, terms, value) VALUES (?, ?, ?, ?, ?, ?)")
      .run(collection, agent, key, order, terms, json);
  }
  const insert = connection.prepare(
    "INSERT INTO terms (collection, agent, term, ord, key) VALUES (?, ?, ?, ?, ?)",
  );
  for (const term of put.terms) insert.run(collection, agent, term, order, key);
}

function removeRecord(connection: SqliteConnection, collection: string, agent: string, key: string): void {
  const row = connection
    .prepare("DELETE FROM records WHERE collection = ? AND agent = ? AND key = ? RETURNING ord, terms")
    .get(collection, agent, key);
  if (row)
    removeTerms(connection, { collection, agent, key, order: String(row.ord), terms: String(row.terms) });
}

function removeTerms(
  connection: SqliteConnection,
  record: {
    readonly collection: string;
    readonly agent: string;
    readonly key: string;
    readonly order: string;
    readonly terms: string;
  },
): void {
  const sql = "DELETE FROM terms WHERE collection = ? AND agent = ? AND term = ? AND ord = ? AND key = ?";
  const statement = connection.prepare(sql);
  for (const term of parseJson<string[]>(record.terms, "terms")) {
    statement.run(record.collection, record.agent, term, record.order, record.key);
  }
}

/** Gives the chain's length and last hash. The head is read inside the transaction: this is what makes it one line. */
function writeAudit(
  connection: SqliteConnection,
  batch: CommitBatch,
  rev: { readonly before: number; readonly after: number },
): { readonly count: number; readonly head: string } {
  if (!batch.audit?.length && !batch.checkpoint) return { count: 0, head: GENESIS_HASH };
  const head = connection.prepare(AUDIT_HEAD).get();
  let seq = head ? Number(head.seq) + 1 : 0;
  let prev = head ? String(head.hash) : GENESIS_HASH;
  const insert = connection.prepare("INSERT INTO audit (seq, hash, body) VALUES (?, ?, ?)");
  for (const entry of batch.audit ?? []) {
    const { seq: _seq, hash, ...body } = sealAuditRow(entry, { seq, prev, at: batch.at, rev });
    insert.run(seq, hash, JSON.stringify(body));
    prev = hash;
    seq += 1;
  }
  return { count: seq, head: prev };
}

function appendEvent(connection: SqliteConnection, event: NewEvent): ModelOpsEvent {
  const { v, id, time, type, agent, subject, data } = event;
  const body = JSON.stringify({ v, id, time, type, agent, subject, data: data ?? null });
  const { lastInsertRowid } = connection
    .prepare("INSERT INTO events (agent, subject, body) VALUES (?, ?, ?)")
    .run(agent, subject, body);
  return { v, id, seq: Number(lastInsertRowid), time, type, agent, subject, data };
}

function toRecord(row: Readonly<Record<string, unknown>>): StoredRecord {
  return {
    collection: String(row.collection) as StoredRecord["collection"],
    agent: String(row.agent),
    key: String(row.key),
    order: String(row.ord),
    value: parseJson(row.value, `record ${row.collection}/${row.key}`),
  };
}

function parseJson<Value>(text: unknown, subject: string): Value {
  try {
    return JSON.parse(String(text)) as Value;
  } catch (error) {
    throw new ModelOpsError({
      code: "storage/corrupt",
      message: `The stored ${subject} cannot be read.`,
      reason: "Its text is damaged: somebody edited the file, or the disk failed.",
      fix: "restore a copy of the database, or import the last registry.json from the backups folder.",
      cause: error,
    });
  }
}
