import assert from "node:assert/strict";
import { ACTOR, batch, event, keys, put, wholeState } from "./expectations.ts";
import type { StoreCase } from "./kit.ts";

/** Several handles on the same data. */
export const SHARING_CASES: readonly StoreCase[] = [
  {
    name: "shows a commit to other handles at once, and to those opened after all were closed",
    needsSharing: true,
    async run({ store, reopen }) {
      const other = await reopen();
      const audit = [{ action: "t", actor: ACTOR, subject: "s" }];
      await store.commit(
        batch({ puts: [put("x", { terms: ["t"] })], events: [event("e")], audit, idempotencyKey: "key" }),
      );
      const state = await wholeState(store);
      assert.deepEqual(await wholeState(other), state);
      await store.close();
      await other.close();
      assert.deepEqual(await wholeState(await reopen()), state);
    },
  },
  {
    name: "compares revisions and idempotency keys across handles",
    needsSharing: true,
    async run({ store, reopen }) {
      const other = await reopen();
      await store.commit(batch({ expectedRev: 0, puts: [put("x")], idempotencyKey: "key", result: 1 }));
      const outcome = await other.commit(batch({ expectedRev: 0 })).then(
        () => "accepted",
        (error: { readonly code?: unknown }) => error.code,
      );
      assert.equal(outcome, "storage/conflict");
      const again = await other.commit(batch({ puts: [put("y")], idempotencyKey: "key", result: 2 }));
      assert.deepEqual([again.replayed, again.result], [true, 1]);
      assert.deepEqual(keys((await store.list({ collection: "versions", limit: 9 })).records), ["x"]);
    },
  },
  {
    name: "takes interleaved commits of two handles, each exactly once, in one order",
    needsSharing: true,
    async run({ store, reopen }) {
      const other = await reopen();
      const commits = Array.from({ length: 40 }, (_, index) =>
        (index % 2 ? store : other).commit(
          batch({
            puts: [put(`k${String(index).padStart(2, "0")}`)],
            events: [event(`e${index}`)],
            audit: [{ action: "t", actor: ACTOR, subject: String(index) }],
          }),
        ),
      );
      const revisions = (await Promise.all(commits)).map((result) => result.rev);
      assert.deepEqual(
        revisions.toSorted((left, right) => left - right),
        Array.from({ length: 40 }, (_, index) => index + 1),
      );
      assert.equal((await store.list({ collection: "versions", limit: 99 })).records.length, 40);
      assert.deepEqual(await wholeState(store), await wholeState(other));
      const rows = await store.auditRows({ since: 0, limit: 99 });
      for (const [index, row] of rows.entries()) {
        assert.equal(row.seq, index);
        assert.equal(row.prev, rows[index - 1]?.hash ?? "0".repeat(64));
      }
    },
  },
];
