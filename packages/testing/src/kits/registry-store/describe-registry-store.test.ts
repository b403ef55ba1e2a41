import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommitBatch, RegistryStore, StoredRecord } from "@modelops/core";
import { describe, expect, it } from "vitest";
import { memoryStore } from "../../../../core/src/registry/memory-store.ts";
import { sqliteStore } from "../../../../core/src/registry/sqlite/sqlite-store.ts";
import { describeRegistryStore, registryStoreCases } from "./describe-registry-store.ts";
import { runStoreCase, type StoreFactory } from "./kit.ts";

const sqliteFactory: StoreFactory = {
  name: "sqliteStore",
  create() {
    const folder = mkdtempSync(join(tmpdir(), "modelops-kit-"));
    const path = join(folder, "modelops.db");
    return { open: () => sqliteStore({ path }), remove: () => rmSync(folder, { recursive: true }) };
  },
};

describeRegistryStore(sqliteFactory, { describe, it });
describeRegistryStore(
  { name: "memoryStore", isShared: false, create: () => ({ open: () => memoryStore() }) },
  { describe, it },
);

type Spoil = (store: RegistryStore) => Partial<RegistryStore>;

/** A store that is right except for one habit, each seen in real stores. */
const naive = (spoil: Spoil): StoreFactory => ({
  name: "naive",
  create: () => ({
    open() {
      const store = memoryStore();
      return { ...store, ...spoil(store) };
    },
  }),
});

const withBatch =
  (change: (batch: CommitBatch) => CommitBatch): Spoil =>
  (store) => ({ commit: (batch) => store.commit(change(batch)) });

const HABITS: readonly { readonly habit: string; readonly store: StoreFactory; readonly caughtBy: RegExp }[] =
  [
    {
      habit: "the last writer wins",
      store: naive(withBatch((batch) => ({ ...batch, expectedRev: null }))),
      caughtBy: /another revision.*|exactly one of many|loses no update/,
    },
    {
      habit: "reads the revision, then writes without looking again",
      store: naive((store) => ({
        async commit(batch) {
          const rev = await store.revision(batch.agent);
          if (batch.expectedRev === null || batch.expectedRev === rev) {
            await new Promise((resolve) => setImmediate(resolve));
            return store.commit({ ...batch, expectedRev: null });
          }
          return store.commit(batch);
        },
      })),
      caughtBy: /exactly one of many|loses no update/,
    },
    {
      habit: "one revision for all agents",
      store: naive((store) => ({ revision: () => store.revision("a") })),
      caughtBy: /counts an agent's revisions/,
    },
    {
      habit: "drops nulls",
      store: naive((store) => ({
        async get(collection, agent, key) {
          const record = await store.get(collection, agent, key);
          const members = Object.entries(record?.value ?? {}).filter(([, value]) => value !== null);
          return record && { ...record, value: Object.fromEntries(members) };
        },
      })),
      caughtBy: /whole value/,
    },
    {
      habit: "merges into the old value",
      store: naive((store) => ({
        async commit(batch) {
          const puts = batch.puts.map(async (put) => {
            const old = await store.get(put.collection, batch.agent, put.key);
            return { ...put, value: { ...old?.value, ...put.value } };
          });
          return store.commit({ ...batch, puts: await Promise.all(puts) });
        },
      })),
      caughtBy: /replaces a record as a whole/,
    },
    {
      habit: "hands out the object it keeps",
      store: naive((store) => {
        const kept = new Map<string, StoredRecord | null>();
        return {
          async get(collection, agent, key) {
            const record = await store.get(collection, agent, key);
            const text = JSON.stringify(record);
            if (!kept.has(text)) kept.set(text, record);
            return kept.get(text) ?? null;
          },
        };
      }),
      caughtBy: /shares no object/,
    },
    {
      habit: "copies with Object.assign",
      store: naive((store) => ({
        async get(collection, agent, key) {
          const record = await store.get(collection, agent, key);
          return record && { ...record, value: Object.assign({}, record.value) };
        },
      })),
      caughtBy: /__proto__/,
    },
    {
      habit: "cuts long text",
      store: naive(
        withBatch((batch) => ({
          ...batch,
          puts: batch.puts.map((put) => ({
            ...put,
            value:
              typeof put.value.text === "string"
                ? { ...put.value, text: put.value.text.slice(0, 65_535) }
                : put.value,
          })),
        })),
      ),
      caughtBy: /holds a megabyte/,
    },
    {
      habit: "writes record by record",
      store: naive((store) => ({
        async commit(batch) {
          return store.commit(batch).catch(async (error: unknown) => {
            if (batch.expectedRev === null) {
              for (const put of batch.puts) await store.commit({ ...batch, puts: [put] }).catch(() => {});
            }
            throw error;
          });
        },
      })),
      caughtBy: /as a whole or not at all|holds a megabyte/,
    },
    {
      habit: "never removes",
      store: naive(withBatch((batch) => ({ ...batch, removes: [] }))),
      caughtBy: /removes records|between two pages/,
    },
    {
      habit: "knows no idempotency keys",
      store: naive(withBatch((batch) => ({ ...batch, idempotencyKey: undefined }))),
      caughtBy: /idempotency key/,
    },
    {
      habit: "sorts as JavaScript compares",
      store: naive((store) => ({
        async list(request) {
          const page = await store.list(request);
          const sign = request.direction === "descending" ? -1 : 1;
          const compare = (left: string, right: string) => (left === right ? 0 : left < right ? -sign : sign);
          return {
            ...page,
            records: page.records.toSorted((left, right) => compare(left.order, right.order)),
          };
        },
      })),
      caughtBy: /sorts by order as bytes/,
    },
    {
      habit: "sorts only upwards",
      store: naive((store) => ({ list: (request) => store.list({ ...request, direction: "ascending" }) })),
      caughtBy: /sorts by order|exactly once over all pages|cuts by order/,
    },
    {
      habit: "needs an order",
      store: naive(
        withBatch((batch) => ({
          ...batch,
          puts: batch.puts.map((put) => ({ ...put, order: put.order ?? "0" })),
        })),
      ),
      caughtBy: /uses the key as order/,
    },
    {
      habit: "starts every page at the beginning",
      store: naive((store) => ({ list: (request) => store.list({ ...request, cursor: null }) })),
      caughtBy: /exactly once over all pages|between two pages|refuses a cursor/,
    },
    {
      habit: "counts pages by offset",
      store: naive((store) => ({
        async list(request) {
          const offset = Number(request.cursor ?? 0);
          const { records } = await store.list({ ...request, limit: 1000, cursor: null });
          const end = offset + request.limit;
          return {
            records: records.slice(offset, end),
            nextCursor: end < records.length ? String(end) : null,
          };
        },
      })),
      caughtBy: /between two pages|refuses a cursor/,
    },
    {
      habit: "looks at one term only",
      store: naive((store) => ({
        list: (request) => store.list({ ...request, terms: request.terms?.slice(0, 1) }),
      })),
      caughtBy: /filters by all terms/,
    },
    {
      habit: "lists all agents together",
      store: naive((store) => ({ list: (request) => store.list({ ...request, agent: undefined }) })),
      caughtBy: /filters by agent|exactly once over all pages/,
    },
    {
      habit: "leaves out the ends of a range",
      store: naive((store) => ({
        async list(request) {
          const page = await store.list(request);
          return { ...page, records: page.records.filter((record) => record.order !== request.orderAtMost) };
        },
      })),
      caughtBy: /cuts by order/,
    },
    {
      habit: "repeats the event one has seen",
      store: naive((store) => ({
        events: (request) => store.events({ ...request, since: request.since - 1 }),
      })),
      caughtBy: /gives events after a number|checkpoint of the chain/,
    },
    {
      habit: "gives events no number",
      store: naive((store) => ({
        async appendEvents(events) {
          return (await store.appendEvents(events)).map((event) => ({ ...event, seq: null }));
        },
      })),
      caughtBy: /numbers events/,
    },
    {
      habit: "forgets the reason of a change",
      store: naive((store) => ({
        async auditRows(request) {
          return (await store.auditRows(request)).map((row) => ({ ...row, reason: null }));
        },
      })),
      caughtBy: /chains audit rows/,
    },
    {
      habit: "keeps fractions as numbers",
      store: naive((store) => ({
        async auditRows(request) {
          const text = JSON.stringify(await store.auditRows(request));
          return JSON.parse(text.replaceAll(/"(-?\d+\.\d+(e-?\d+)?)"/g, "$1")) as never;
        },
      })),
      caughtBy: /keeps fractions in evidence as text/,
    },
    {
      habit: "takes the checkpoint before the change",
      store: naive((store) => ({
        async commit(batch) {
          const { checkpoint, ...change } = batch;
          const noted = checkpoint ? await store.commit({ ...change, audit: [], checkpoint }) : null;
          return noted ?? store.commit(change);
        },
      })),
      caughtBy: /checkpoint of the chain/,
    },
    {
      habit: "forks the chain when two commits come together",
      store: naive((store) => ({
        async auditRows(request) {
          const rows = await store.auditRows(request);
          return rows.length < 20
            ? rows
            : rows.map((row, index) => (index === 9 ? { ...row, prev: rows[7]?.hash ?? "" } : row));
        },
      })),
      caughtBy: /one line under concurrent commits/,
    },
    {
      habit: "stays open",
      store: naive(() => ({ close: async () => {} })),
      caughtBy: /after close/,
    },
    {
      habit: "gives every handle data of its own",
      store: { name: "naive", create: () => ({ open: () => memoryStore() }) },
      caughtBy: /other handles|across handles|two handles/,
    },
  ];

describe("a store with one bad habit", () => {
  const caught = new Set<string>();

  it.each(HABITS)("is caught when it $habit", async ({ store, caughtBy }) => {
    const failed: string[] = [];
    for (const storeCase of registryStoreCases) {
      // Cases about several handles are for stores that can be shared.
      const isAboutHandles = storeCase.needsSharing === true;
      if (isAboutHandles !== /handle/.test(caughtBy.source)) continue;
      await runStoreCase(storeCase, store).catch(() => failed.push(storeCase.name));
    }
    expect(failed).not.toEqual([]);
    for (const name of failed) expect(name).toMatch(caughtBy);
    for (const name of failed) caught.add(name);
  });

  it("has been found by every case at least once, so that none passes whatever happens", () => {
    const idle = registryStoreCases.map((storeCase) => storeCase.name).filter((name) => !caught.has(name));
    expect(idle).toEqual([]);
  });
});
