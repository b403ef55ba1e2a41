import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { RegistryStore } from "@modelops/core";
import { ACTOR, AT, batch, canonicalJson, event, put, rejectsWithCode } from "./expectations.ts";
import type { StoreCase } from "./kit.ts";

const GENESIS = "0".repeat(64);

/** Recomputes the chain with code of the kit's own. */
async function checkChain(store: RegistryStore, expectedRows: number): Promise<void> {
  const rows = await store.auditRows({ since: 0, limit: 1000 });
  assert.equal(rows.length, expectedRows);
  let prev = GENESIS;
  for (const [index, row] of rows.entries()) {
    const { hash, ...rest } = row;
    assert.equal(row.seq, index);
    assert.equal(row.prev, prev);
    assert.equal(createHash("sha256").update(canonicalJson(rest)).digest("hex"), hash);
    prev = hash;
  }
  const head = await store.auditHead();
  assert.deepEqual(head, expectedRows === 0 ? null : { count: expectedRows, hash: prev });
}

/** Events and the audit chain. */
export const LOG_CASES: readonly StoreCase[] = [
  {
    name: "numbers events from 1 in the order of their commits and gives them back",
    async run({ store }) {
      assert.equal(await store.lastEventSeq(), 0);
      const first = await store.commit(batch({ events: [event("e1"), event("e2")] }));
      assert.deepEqual(
        first.events.map((stored) => stored.seq),
        [1, 2],
      );
      const added = await store.appendEvents([event("e3")]);
      assert.deepEqual(added, [{ ...event("e3"), seq: 3 }]);
      assert.deepEqual(await store.appendEvents([]), []);
      await store.commit(batch({ agent: "b", events: [event("e4", { agent: "b" })] }));
      assert.equal(await store.lastEventSeq(), 4);
      const all = await store.events({ since: 0, limit: 10 });
      assert.deepEqual(
        all.map((stored) => [stored.seq, stored.id]),
        [
          [1, "e1"],
          [2, "e2"],
          [3, "e3"],
          [4, "e4"],
        ],
      );
      assert.deepEqual(all[0], { ...event("e1"), seq: 1 });
    },
  },
  {
    name: "gives events after a number, by agent and by subject, up to a limit",
    async run({ store }) {
      await store.appendEvents([
        event("e1", { subject: "s" }),
        event("e2", { agent: "b", subject: "s" }),
        event("e3"),
        event("e4", { subject: "s" }),
      ]);
      const ids = async (request: Partial<Parameters<RegistryStore["events"]>[0]>) =>
        (await store.events({ since: 0, limit: 10, ...request })).map((stored) => stored.id);
      assert.deepEqual(await ids({ since: 2 }), ["e3", "e4"]);
      assert.deepEqual(await ids({ limit: 2 }), ["e1", "e2"]);
      assert.deepEqual(await ids({ agent: "a" }), ["e1", "e3", "e4"]);
      assert.deepEqual(await ids({ subject: "s" }), ["e1", "e2", "e4"]);
      assert.deepEqual(await ids({ agent: "a", subject: "s", since: 1 }), ["e4"]);
      assert.deepEqual(await ids({ since: 4 }), []);
      await rejectsWithCode(store.events({ since: 0, limit: 0 }), /^input\/limit$/);
    },
  },
  {
    name: "chains audit rows by SHA-256 of their RFC 8785 form, across agents",
    async run({ store }) {
      assert.equal(await store.auditHead(), null);
      const audit = [
        {
          action: "one",
          actor: ACTOR,
          subject: "a@1",
          reason: "why",
          operationId: "op",
          evidence: { z: 1, a: [null] },
        },
        { action: "two", actor: ACTOR, subject: "a@1" },
      ];
      await store.commit(batch({ audit }));
      await store.commit(batch({ agent: "b", audit: [{ action: "three", actor: ACTOR, subject: "b" }] }));
      await checkChain(store, 3);
      const [row, second, third] = await store.auditRows({ since: 0, limit: 10 });
      assert.deepEqual(
        { ...row, hash: "", sdkVersion: "" },
        {
          ...audit[0],
          seq: 0,
          at: AT,
          rev: { before: 0, after: 1 },
          prev: GENESIS,
          hash: "",
          sdkVersion: "",
        },
      );
      assert.deepEqual([second?.reason, second?.operationId, second?.evidence], [null, null, null]);
      assert.deepEqual(third?.rev, { before: 0, after: 1 });
      assert.equal((await store.auditRows({ since: 1, limit: 1 }))[0]?.action, "two");
    },
  },
  {
    name: "keeps fractions in evidence as text, so that any language gets the same hash",
    async run({ store }) {
      const evidence = { p: 0.05, deep: [{ q: -1.5e-7 }], whole: 3 };
      await store.commit(batch({ audit: [{ action: "t", actor: ACTOR, subject: "s", evidence }] }));
      const [row] = await store.auditRows({ since: 0, limit: 1 });
      assert.deepEqual(row?.evidence, { p: "0.05", deep: [{ q: "-1.5e-7" }], whole: 3 });
      await checkChain(store, 1);
    },
  },
  {
    name: "keeps a checkpoint of the chain with the change that asks for one, as record and as event",
    async run({ store }) {
      const { data: _data, ...checkpoint } = event("checkpoint");
      const nothing = await store.commit(batch({ checkpoint }));
      assert.deepEqual(nothing.events, []);
      await store.commit(batch({ audit: [{ action: "one", actor: ACTOR, subject: "a@1" }] }));
      const audit = [{ action: "two", actor: ACTOR, subject: "a@1" }];
      const { events } = await store.commit(batch({ audit, events: [event("move")], checkpoint }));
      const head = await store.auditHead();
      const expected = { count: 2, head: head?.hash, at: AT };
      assert.deepEqual(events, [
        { ...event("move"), seq: 1 },
        { ...checkpoint, data: expected, seq: 2 },
      ]);
      assert.deepEqual(await store.events({ since: 1, limit: 10 }), [events[1]]);
      await store.commit(batch({ agent: "b", audit, checkpoint }));
      const { records } = await store.list({ collection: "checkpoints", limit: 10 });
      assert.deepEqual(
        records.map((record) => [record.agent, record.key, record.order, record.value.count]),
        [
          ["a", "000000000002", "000000000002", 2],
          ["b", "000000000003", "000000000003", 3],
        ],
      );
      assert.deepEqual(records[0]?.value, expected);
    },
  },
  {
    name: "keeps the chain in one line under concurrent commits of many agents",
    async run({ store }) {
      await Promise.all(
        Array.from({ length: 30 }, (_, index) => {
          const audit = [{ action: "t", actor: ACTOR, subject: String(index) }];
          return store.commit(batch({ agent: `agent_${index % 5}`, audit }));
        }),
      );
      await checkChain(store, 30);
    },
  },
  {
    name: "refuses every call after close, and closes twice calmly",
    async run({ store }) {
      await store.commit(batch({ puts: [put("x")] }));
      await store.close();
      await store.close();
      await rejectsWithCode(store.get("versions", "a", "x"), /^storage\/closed$/);
      await rejectsWithCode(store.commit(batch()), /^storage\/closed$/);
      await rejectsWithCode(store.events({ since: 0, limit: 1 }), /^storage\/closed$/);
    },
  },
];
