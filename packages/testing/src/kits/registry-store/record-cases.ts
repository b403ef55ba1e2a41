import assert from "node:assert/strict";
import { ACTOR, batch, event, keys, put, rejectsWithCode, wholeState } from "./expectations.ts";
import type { StoreCase } from "./kit.ts";

const MAX_TRIES = 500;

/** Records and commits. */
export const RECORD_CASES: readonly StoreCase[] = [
  {
    name: "counts an agent's revisions from 0, one per commit, apart from other agents",
    async run({ store }) {
      assert.equal(await store.revision("a"), 0);
      assert.equal((await store.commit(batch({ puts: [put("x")] }))).rev, 1);
      assert.equal((await store.commit(batch())).rev, 2);
      assert.equal((await store.commit(batch({ agent: "b" }))).rev, 1);
      assert.deepEqual([await store.revision("a"), await store.revision("b")], [2, 1]);
      assert.deepEqual(await store.agents(), ["a", "b"]);
    },
  },
  {
    name: "gives back the whole value, apart by collection, agent and key",
    async run({ store }) {
      const value = {
        text: 'ü 日本 \u{1f600} \0 "',
        list: [1, null, { deep: true }],
        no: null,
        number: 0.1,
        "": "",
      };
      await store.commit(batch({ puts: [put("x", { value, order: "o" })] }));
      const record = await store.get("versions", "a", "x");
      assert.deepEqual(record, { collection: "versions", agent: "a", key: "x", order: "o", value });
      assert.equal(await store.get("jobs", "a", "x"), null);
      assert.equal(await store.get("versions", "b", "x"), null);
      assert.equal(await store.get("versions", "a", "X"), null);
    },
  },
  {
    name: "replaces a record as a whole",
    async run({ store }) {
      await store.commit(batch({ puts: [put("x", { value: { old: 1, both: 1 } })] }));
      await store.commit(batch({ puts: [put("x", { value: { both: 2 } })] }));
      assert.deepEqual((await store.get("versions", "a", "x"))?.value, { both: 2 });
      assert.equal((await store.list({ collection: "versions", limit: 10 })).records.length, 1);
    },
  },
  {
    name: "shares no object with its callers",
    async run({ store }) {
      const value = { list: [1] };
      await store.commit(batch({ puts: [put("x", { value })] }));
      value.list.push(2);
      const first = await store.get("versions", "a", "x");
      (first?.value as { readonly list: number[] } | undefined)?.list.push(3);
      assert.deepEqual((await store.get("versions", "a", "x"))?.value, { list: [1] });
    },
  },
  {
    name: "keeps a value with a __proto__ member as it is and changes no prototype",
    async run({ store }) {
      const value = JSON.parse('{"__proto__":{"polluted":true},"a":1}') as Record<string, unknown>;
      await store.commit(batch({ puts: [put("x", { value })] }));
      const stored = (await store.get("versions", "a", "x"))?.value ?? {};
      assert.equal(JSON.stringify(stored), JSON.stringify(value));
      assert.equal(({} as Record<string, unknown>).polluted, undefined);
      assert.equal(Object.getPrototypeOf(stored), Object.prototype);
    },
  },
  {
    name: "holds a megabyte in one record and refuses what has no JSON form",
    async run({ store }) {
      const text = "x".repeat(1_000_000);
      await store.commit(batch({ puts: [put("x", { value: { text } })] }));
      assert.equal((await store.get("versions", "a", "x"))?.value.text, text);
      const before = await wholeState(store);
      const circular: Record<string, unknown> = {};
      circular.self = circular;
      for (const value of [circular, { big: 1n } as unknown as Record<string, unknown>]) {
        const puts = [put("y"), put("z", { value })];
        await rejectsWithCode(store.commit(batch({ puts, events: [event("e")] })), /^input\//);
      }
      assert.deepEqual(await wholeState(store), before);
    },
  },
  {
    name: "refuses a commit computed from another revision and writes nothing of it",
    async run({ store }) {
      await store.commit(batch({ puts: [put("x")] }));
      const before = await wholeState(store);
      const full = {
        puts: [put("y")],
        removes: [{ collection: "versions", key: "x" }] as const,
        audit: [{ action: "t", actor: ACTOR, subject: "s" }],
        events: [event("e")],
        idempotencyKey: "key",
      };
      for (const expectedRev of [0, 2]) {
        const error = await store.commit(batch({ ...full, expectedRev })).then(
          () => assert.fail("a stale commit was accepted"),
          (caught: unknown) =>
            caught as { readonly code: string; readonly expected: number; readonly actual: number },
        );
        assert.equal(error.code, "storage/conflict");
        assert.deepEqual([error.expected, error.actual], [expectedRev, 1]);
      }
      assert.deepEqual(await wholeState(store), before);
      assert.equal((await store.commit(batch({ ...full, expectedRev: 1 }))).rev, 2);
    },
  },
  {
    name: "writes a batch as a whole or not at all",
    async run({ store }) {
      await store.commit(batch({ puts: [put("x", { order: "1" })] }));
      const before = await wholeState(store);
      // The last put is refused: an order never changes.
      const puts = [put("new"), put("x", { order: "2" })];
      await rejectsWithCode(store.commit(batch({ puts, events: [event("e")] })), /^storage\/order-changed$/);
      await rejectsWithCode(store.commit(batch({ puts: [put("n"), put("n")] })), /^input\//);
      await rejectsWithCode(store.commit(batch({ puts: [put("n"), put("")] })), /^input\//);
      await rejectsWithCode(store.commit(batch({ puts: [put("n")], at: "yesterday" })), /^input\/time$/);
      assert.deepEqual(await wholeState(store), before);
    },
  },
  {
    name: "lets exactly one of many commits from the same revision win",
    async run({ store }) {
      const tries = Array.from({ length: 20 }, (_, index) =>
        store.commit(batch({ expectedRev: 0, puts: [put(`k${index}`)] })).then(
          () => true,
          () => false,
        ),
      );
      const wins = await Promise.all(tries);
      assert.equal(wins.filter(Boolean).length, 1);
      const { records } = await store.list({ collection: "versions", limit: 50 });
      assert.deepEqual(keys(records), [`k${wins.indexOf(true)}`]);
    },
  },
  {
    name: "loses no update of writers that read, compute, commit and repeat on conflict",
    async run({ store }) {
      const increment = async () => {
        for (let tries = 0; tries < MAX_TRIES; tries += 1) {
          const expectedRev = await store.revision("a");
          const value = ((await store.get("versions", "a", "n"))?.value.count as number | undefined) ?? 0;
          const puts = [put("n", { value: { count: value + 1 } })];
          const isDone = await store.commit(batch({ expectedRev, puts })).then(
            () => true,
            () => false,
          );
          if (isDone) return;
        }
        assert.fail("a writer never got its turn");
      };
      await Promise.all(Array.from({ length: 12 }, increment));
      assert.deepEqual((await store.get("versions", "a", "n"))?.value, { count: 12 });
    },
  },
  {
    name: "removes records after it has put, and takes it calmly when there is none",
    async run({ store }) {
      await store.commit(batch({ puts: [put("x", { terms: ["t"] }), put("y", { terms: ["t"] })] }));
      const removes = ["x", "none", "z"].map((key) => ({ collection: "versions" as const, key }));
      await store.commit(batch({ puts: [put("z", { terms: ["t"] })], removes }));
      assert.equal(await store.get("versions", "a", "x"), null);
      for (const terms of [undefined, ["t"]]) {
        const { records } = await store.list({ collection: "versions", limit: 10, terms });
        assert.deepEqual(keys(records), ["y"]);
      }
      await store.commit(batch({ puts: [put("x", { order: "another" })] }));
      assert.equal((await store.get("versions", "a", "x"))?.order, "another");
    },
  },
  {
    name: "answers a repeated idempotency key with the first result and writes nothing",
    async run({ store }) {
      const first = batch({
        puts: [put("x")],
        events: [event("e")],
        idempotencyKey: "key",
        result: { n: [1] },
      });
      const done = await store.commit(first);
      assert.deepEqual([done.replayed, done.rev, done.result], [false, 1, { n: [1] }]);
      await store.commit(batch());
      const before = await wholeState(store);
      const stale = { ...first, expectedRev: 0, puts: [put("other")], result: "another" };
      const again = await store.commit(stale);
      assert.deepEqual(again, { rev: 1, replayed: true, result: { n: [1] }, events: [] });
      assert.deepEqual(await wholeState(store), before);
      assert.deepEqual(await store.committedResult("a", "key"), { rev: 1, result: { n: [1] } });
      assert.equal(await store.committedResult("b", "key"), null);
      assert.equal((await store.commit({ ...first, agent: "b" })).replayed, false);
    },
  },
  {
    name: "writes once when one idempotency key comes many times at once",
    async run({ store }) {
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          store.commit(batch({ puts: [put(`k${index}`)], idempotencyKey: "key", result: index })),
        ),
      );
      assert.equal(new Set(results.map((result) => result.result)).size, 1);
      assert.equal(results.filter((result) => !result.replayed).length, 1);
      assert.equal((await store.list({ collection: "versions", limit: 50 })).records.length, 1);
    },
  },
];
