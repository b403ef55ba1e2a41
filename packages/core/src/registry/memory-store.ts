import type {
  AuditRow,
  CommitBatch,
  CommitResult,
  ListRequest,
  RecordPage,
  RegistryStore,
  StoredRecord,
} from "../contract/registry-store.ts";
import { ConflictError } from "../errors/conflict-error.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { ModelOpsEvent, NewEvent } from "../events/event.ts";
import { GENESIS_HASH, sealAuditRow } from "./audit/audit-chain.ts";
import { sealCheckpoint } from "./audit/checkpoint.ts";
import { compareBytewise } from "./compare-bytewise.ts";
import { decodeCursor, encodeCursor, type Position } from "./cursor.ts";
import {
  checkEvent,
  checkLimit,
  checkList,
  orderChanged,
  type PreparedPut,
  prepareBatch,
} from "./store-checks.ts";

/** A record as kept: JSON text, so that no caller can change it from outside. */
interface Entry extends Position {
  readonly collection: string;
  readonly terms: readonly string[];
  readonly json: string;
}

/**
 * A store that lives and dies with the process: for tests, dry runs and short scripts. Same behaviour as the SQLite
 * store, proven by the same kit, except that nothing survives.
 */
export function memoryStore(): RegistryStore {
  const revisions = new Map<string, number>();
  const entries = new Map<string, Entry>();
  /** Per collection, in list order. */
  const sorted = new Map<string, Entry[]>();
  const results = new Map<string, { readonly rev: number; readonly json: string }>();
  const events: string[] = [];
  const audit: string[] = [];
  let lastHash = GENESIS_HASH;
  let isClosed = false;

  const open = () => {
    if (isClosed) throw closedError();
  };
  const append = (event: NewEvent): ModelOpsEvent => {
    const stored = { ...event, seq: events.length + 1 };
    events.push(JSON.stringify(stored));
    return stored;
  };

  return {
    contract: "registry-store/v1",
    async revision(agent) {
      open();
      return revisions.get(agent) ?? 0;
    },
    async get(collection, agent, key) {
      open();
      const entry = entries.get(entryKey(collection, agent, key));
      return entry ? toRecord(entry) : null;
    },
    async list(request) {
      open();
      checkList(request);
      return page(sorted.get(request.collection) ?? [], request);
    },
    async commit(batch: CommitBatch): Promise<CommitResult> {
      open();
      const puts = prepareBatch(batch);
      const before = revisions.get(batch.agent) ?? 0;
      const resultKey = JSON.stringify([batch.agent, batch.idempotencyKey]);
      const first = batch.idempotencyKey === undefined ? undefined : results.get(resultKey);
      if (first) {
        return { rev: first.rev, replayed: true, result: JSON.parse(first.json) as unknown, events: [] };
      }
      if (batch.expectedRev !== null && batch.expectedRev !== before) {
        throw new ConflictError({ subject: batch.agent, expected: batch.expectedRev, actual: before });
      }
      // Everything that can fail happens before the first change.
      const rev = { before, after: before + 1 };
      const rows = sealAll(batch, rev, audit.length, lastHash);
      const chain = { count: audit.length + rows.length, head: rows.at(-1)?.hash ?? lastHash, at: batch.at };
      const checkpoint = batch.checkpoint ? sealCheckpoint(batch.checkpoint, chain) : null;
      const fresh = [...puts, ...(checkpoint ? [checkpoint.put] : [])].map((put) =>
        place(put, batch.agent, entries),
      );
      const resultJson = JSON.stringify(batch.result ?? null);

      for (const entry of fresh) replace(entries, sorted, entry);
      for (const { collection, key } of batch.removes ?? []) {
        remove(entries, sorted, entryKey(collection, batch.agent, key));
      }
      revisions.set(batch.agent, rev.after);
      audit.push(...rows.map((row) => JSON.stringify(row)));
      lastHash = chain.head;
      if (batch.idempotencyKey !== undefined) results.set(resultKey, { rev: rev.after, json: resultJson });
      return {
        rev: rev.after,
        replayed: false,
        result: JSON.parse(resultJson) as unknown,
        events: [...(batch.events ?? []), ...(checkpoint ? [checkpoint.event] : [])].map(append),
      };
    },
    async committedResult(agent, idempotencyKey) {
      open();
      const first = results.get(JSON.stringify([agent, idempotencyKey]));
      return first ? { rev: first.rev, result: JSON.parse(first.json) as unknown } : null;
    },
    async appendEvents(added) {
      open();
      added.forEach(checkEvent);
      return added.map(append);
    },
    async events({ since, limit, agent, subject }) {
      open();
      checkLimit(limit);
      const found: ModelOpsEvent[] = [];
      for (const text of events.slice(Math.max(0, since))) {
        const event = JSON.parse(text) as ModelOpsEvent;
        if (agent !== undefined && event.agent !== agent) continue;
        if (subject !== undefined && event.subject !== subject) continue;
        if (found.push(event) === limit) break;
      }
      return found;
    },
    async lastEventSeq() {
      open();
      return events.length;
    },
    async auditRows({ since, limit }) {
      open();
      checkLimit(limit);
      return audit
        .slice(Math.max(0, since), Math.max(0, since) + limit)
        .map((text) => JSON.parse(text) as AuditRow);
    },
    async auditHead() {
      open();
      return audit.length === 0 ? null : { count: audit.length, hash: lastHash };
    },
    async agents() {
      open();
      return [...revisions.keys()].sort(compareBytewise);
    },
    async close() {
      isClosed = true;
    },
  };
}

/** Both stores answer a call after `close` with this. */
export function closedError(): ModelOpsError {
  return new ModelOpsError({
    code: "storage/closed",
    message: "The store is closed.",
    reason: "close() was called before.",
    fix: "make a new store, or close it later.",
  });
}

function entryKey(collection: string, agent: string, key: string): string {
  return `${collection}\0${agent}\0${key}`;
}

function toRecord(entry: Entry): StoredRecord {
  return {
    collection: entry.collection as StoredRecord["collection"],
    agent: entry.agent,
    key: entry.key,
    order: entry.order,
    value: JSON.parse(entry.json) as StoredRecord["value"],
  };
}

function place(put: PreparedPut, agent: string, entries: ReadonlyMap<string, Entry>): Entry {
  const stored = entries.get(entryKey(put.collection, agent, put.key));
  if (stored && put.order !== undefined && put.order !== stored.order) throw orderChanged(put, stored.order);
  const { collection, key, terms, json } = put;
  return { collection, agent, key, terms, json, order: stored?.order ?? put.order ?? put.key };
}

function sealAll(
  batch: CommitBatch,
  rev: { readonly before: number; readonly after: number },
  seq: number,
  head: string,
): AuditRow[] {
  const rows: AuditRow[] = [];
  for (const entry of batch.audit ?? []) {
    const prev = rows.at(-1)?.hash ?? head;
    rows.push(sealAuditRow(entry, { seq: seq + rows.length, prev, at: batch.at, rev }));
  }
  return rows;
}

function comparePositions(left: Position, right: Position): number {
  return (
    compareBytewise(left.order, right.order) ||
    compareBytewise(left.agent, right.agent) ||
    compareBytewise(left.key, right.key)
  );
}

/** The first index whose entry does not sort before the position. */
function indexOf(list: readonly Entry[], position: Position): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = list[middle];
    if (entry && comparePositions(entry, position) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function replace(entries: Map<string, Entry>, sorted: Map<string, Entry[]>, entry: Entry): void {
  const key = entryKey(entry.collection, entry.agent, entry.key);
  const list = sorted.get(entry.collection) ?? [];
  sorted.set(entry.collection, list);
  list.splice(indexOf(list, entry), entries.has(key) ? 1 : 0, entry);
  entries.set(key, entry);
}

function remove(entries: Map<string, Entry>, sorted: Map<string, Entry[]>, key: string): void {
  const entry = entries.get(key);
  if (!entry) return;
  const list = sorted.get(entry.collection) ?? [];
  list.splice(indexOf(list, entry), 1);
  entries.delete(key);
}

function page(list: readonly Entry[], request: ListRequest): RecordPage {
  const isDescending = request.direction === "descending";
  const after = request.cursor ? decodeCursor(request.cursor) : null;
  const found: Entry[] = [];
  const step = isDescending ? -1 : 1;
  let index = isDescending ? list.length - 1 : 0;
  if (after) index = isDescending ? indexOf(list, after) - 1 : firstAfter(list, after);
  for (; index >= 0 && index < list.length && found.length <= request.limit; index += step) {
    const entry = list[index];
    if (entry && matches(entry, request)) found.push(entry);
  }
  const shown = found.slice(0, request.limit);
  const last = shown.at(-1);
  return {
    records: shown.map(toRecord),
    nextCursor: found.length > request.limit && last ? encodeCursor(last) : null,
  };
}

function firstAfter(list: readonly Entry[], position: Position): number {
  const index = indexOf(list, position);
  const entry = list[index];
  return entry && comparePositions(entry, position) === 0 ? index + 1 : index;
}

function matches(entry: Entry, request: ListRequest): boolean {
  if (request.agent !== undefined && entry.agent !== request.agent) return false;
  if (request.orderAtMost !== undefined && compareBytewise(entry.order, request.orderAtMost) > 0)
    return false;
  if (request.orderAtLeast !== undefined && compareBytewise(entry.order, request.orderAtLeast) < 0)
    return false;
  return (request.terms ?? []).every((term) => entry.terms.includes(term));
}
