import assert from "node:assert/strict";
import type { ListRequest, RegistryStore } from "@modelops/core";
import { batch, keys, put, rejectsWithCode } from "./expectations.ts";
import type { StoreCase } from "./kit.ts";

async function allPages(store: RegistryStore, request: Omit<ListRequest, "cursor">): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  for (let pages = 0; pages < 100; pages += 1) {
    const page: Awaited<ReturnType<RegistryStore["list"]>> = await store.list({ ...request, cursor });
    assert.ok(page.records.length <= request.limit, "a page holds more than its limit");
    found.push(...page.records.map((record) => `${record.agent}/${record.key}`));
    cursor = page.nextCursor;
    if (cursor === null) return found;
  }
  return assert.fail("the pages do not end");
}

/** Lists and their pages. */
export const LIST_CASES: readonly StoreCase[] = [
  {
    name: "sorts by order as bytes, then by key, in both directions",
    async run({ store }) {
      // As bytes of UTF-8, U+FF5E comes before U+1F600; as JavaScript compares, after it.
      const orders = ["10", "2", "B", "a", "ä", "\uff5e", "\u{1f600}"];
      const puts = orders.map((order, index) => put(`k${index}`, { order })).toReversed();
      await store.commit(
        batch({ puts: [...puts, put("same-2", { order: "x" }), put("same-1", { order: "x" })] }),
      );
      const expected = ["k0", "k1", "k2", "k3", "same-1", "same-2", "k4", "k5", "k6"];
      const list = async (direction?: "ascending" | "descending") =>
        keys((await store.list({ collection: "versions", agent: "a", limit: 50, direction })).records);
      assert.deepEqual(await list(), expected);
      assert.deepEqual(await list("ascending"), expected);
      assert.deepEqual(await list("descending"), expected.toReversed());
    },
  },
  {
    name: "uses the key as order when none is given, and keeps the first order",
    async run({ store }) {
      await store.commit(batch({ puts: [put("b"), put("a"), put("c", { order: "0" })] }));
      await store.commit(batch({ puts: [put("c", { value: { changed: true } }), put("a", { order: "a" })] }));
      const { records } = await store.list({ collection: "versions", limit: 10 });
      assert.deepEqual(keys(records), ["c", "a", "b"]);
      await rejectsWithCode(store.commit(batch({ puts: [put("c", { order: "9" })] })), /order-changed/);
    },
  },
  {
    name: "gives every record exactly once over all pages, in every direction and scope",
    async run({ store }) {
      const names = Array.from({ length: 11 }, (_, index) => `k${String(index).padStart(2, "0")}`);
      // Equal orders, so that only agent and key tell the records apart.
      const puts = names.map((key, index) => put(key, { order: String(index >> 2), terms: ["t"] }));
      await store.commit(batch({ puts }));
      await store.commit(batch({ agent: "b", puts }));
      const own = names.map((key) => `a/${key}`);
      for (const limit of [1, 2, 4, 11, 50]) {
        for (const terms of [undefined, ["t"]]) {
          const request = { collection: "versions", limit, terms } as const;
          assert.deepEqual(await allPages(store, { ...request, agent: "a" }), own);
          const down = await allPages(store, { ...request, agent: "a", direction: "descending" });
          assert.deepEqual(down, own.toReversed());
          const all = await allPages(store, request);
          assert.equal(new Set(all).size, 22);
          const allDown = await allPages(store, { ...request, direction: "descending" });
          assert.deepEqual(allDown, all.toReversed());
        }
      }
    },
  },
  {
    name: "neither repeats nor skips old records when new ones come between two pages",
    async run({ store }) {
      await store.commit(batch({ puts: ["b", "d", "f", "h"].map((key) => put(key)) }));
      const request = { collection: "versions", agent: "a", limit: 2 } as const;
      const first = await store.list(request);
      await store.commit(batch({ puts: ["a", "c", "e", "i"].map((key) => put(key)) }));
      await store.commit(batch({ removes: [{ collection: "versions", key: "d" }] }));
      const second = await store.list({ ...request, limit: 10, cursor: first.nextCursor });
      assert.deepEqual([...keys(first.records), ...keys(second.records)], ["b", "d", "e", "f", "h", "i"]);
    },
  },
  {
    name: "filters by all terms, exactly, and forgets replaced terms",
    async run({ store }) {
      await store.commit(
        batch({
          puts: [
            put("1", { terms: ["status:x", "tag:a", "tag:a"] }),
            put("2", { terms: ["status:x"] }),
            put("3", { terms: ["tag:a", "tag:ab"] }),
            put("4"),
          ],
        }),
      );
      const list = async (...terms: string[]) =>
        keys((await store.list({ collection: "versions", terms, limit: 10 })).records);
      assert.deepEqual(await list(), ["1", "2", "3", "4"]);
      assert.deepEqual(await list("tag:a"), ["1", "3"]);
      assert.deepEqual(await list("tag:a", "status:x"), ["1"]);
      assert.deepEqual(await list("status:x", "tag:a"), ["1"]);
      assert.deepEqual(await list("tag:"), []);
      assert.deepEqual(await list("status:x", "tag:ab"), []);
      await store.commit(batch({ puts: [put("1", { terms: ["status:y"] }), put("3")] }));
      assert.deepEqual(await list("tag:a"), []);
      assert.deepEqual(await list("status:y"), ["1"]);
      assert.deepEqual(await list("status:x"), ["2"]);
    },
  },
  {
    name: "filters by agent and collection",
    async run({ store }) {
      await store.commit(batch({ puts: [put("x", { terms: ["t"] }), { ...put("j"), collection: "jobs" }] }));
      await store.commit(batch({ agent: "b", puts: [put("y", { terms: ["t"] })] }));
      const list = async (request: Partial<ListRequest>) =>
        keys((await store.list({ collection: "versions", limit: 10, ...request })).records);
      assert.deepEqual(await list({ agent: "a" }), ["x"]);
      assert.deepEqual(await list({ agent: "b", terms: ["t"] }), ["y"]);
      assert.deepEqual(await list({ agent: "c" }), []);
      assert.deepEqual(await list({}), ["x", "y"]);
      assert.deepEqual(await list({ collection: "jobs" }), ["j"]);
    },
  },
  {
    name: "cuts by order on both sides, the ends included",
    async run({ store }) {
      const puts = ["1", "2", "3", "4"].map((order) => put(`k${order}`, { order, terms: ["t"] }));
      await store.commit(batch({ puts }));
      for (const terms of [undefined, ["t"]]) {
        const list = async (request: Partial<ListRequest>) =>
          keys(
            (await store.list({ collection: "versions", agent: "a", limit: 10, terms, ...request })).records,
          );
        assert.deepEqual(await list({ orderAtMost: "2" }), ["k1", "k2"]);
        assert.deepEqual(await list({ orderAtLeast: "3" }), ["k3", "k4"]);
        assert.deepEqual(await list({ orderAtLeast: "2", orderAtMost: "3" }), ["k2", "k3"]);
        const latest = await list({ orderAtMost: "3~", direction: "descending", limit: 1 });
        assert.deepEqual(latest, ["k3"]);
      }
    },
  },
  {
    name: "refuses a cursor it did not give and a limit that is none",
    async run({ store }) {
      await store.commit(batch({ puts: [put("x")] }));
      const request = { collection: "versions", limit: 5 } as const;
      for (const cursor of ["nonsense", "W10", "eyJhIjoxfQ"]) {
        await rejectsWithCode(store.list({ ...request, cursor }), /^input\/cursor$/);
      }
      for (const limit of [0, -1, 1.5, Number.NaN, 1e9]) {
        await rejectsWithCode(store.list({ ...request, limit }), /^input\/limit$/);
      }
    },
  },
];
