import assert from "node:assert/strict";
import type { CommitBatch, RegistryStore, StoredRecord } from "@modelops/core";

export const AT = "2026-01-01T00:00:00.000Z";
export const ACTOR = { type: "service", id: "kit" } as const;

/** A commit of one version record, without a check of the revision. */
export function batch(more: Partial<CommitBatch> = {}): CommitBatch {
  return { agent: "a", expectedRev: null, puts: [], at: AT, ...more };
}

export function put(
  key: string,
  more: Partial<CommitBatch["puts"][number]> = {},
): CommitBatch["puts"][number] {
  return { collection: "versions", key, value: { key }, ...more };
}

export function event(id: string, more: { readonly agent?: string; readonly subject?: string } = {}) {
  const { agent = "a", subject = null } = more;
  return { v: 1, id, time: AT, type: "test.happened", agent, subject, data: { id } } as const;
}

/** Everything a store shows of itself: two equal answers mean that nothing was written in between. */
export async function wholeState(store: RegistryStore): Promise<unknown> {
  return {
    agents: await store.agents(),
    revision: await store.revision("a"),
    versions: (await store.list({ collection: "versions", limit: 1000 })).records,
    jobs: (await store.list({ collection: "jobs", limit: 1000 })).records,
    events: await store.events({ since: 0, limit: 1000 }),
    audit: await store.auditRows({ since: 0, limit: 1000 }),
    head: await store.auditHead(),
    result: await store.committedResult("a", "key"),
  };
}

/** Rejects, with a `code` that the message of a failed case names. */
export async function rejectsWithCode(promise: Promise<unknown>, code: RegExp): Promise<void> {
  const error = await promise.then(
    () => null,
    (caught: unknown) => caught as { readonly code?: unknown },
  );
  assert.ok(error, `expected a rejection with the code ${code}`);
  assert.match(String(error.code), code);
}

export function keys(records: readonly StoredRecord[]): string[] {
  return records.map((record) => record.key);
}

/** RFC 8785 for what audit rows hold (no fractions): written apart from the library, so that both must agree. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, part]) => `${JSON.stringify(key)}:${canonicalJson(part)}`);
  return `{${members.join(",")}}`;
}
