import { appendFileSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RegistryStore } from "../../contract/registry-store.ts";
import { completeRuntime } from "../../runtime.ts";
import { Registry } from "../registry.ts";
import { sqliteStore } from "../sqlite/sqlite-store.ts";
import { auditHash, GENESIS_HASH, sealAuditRow } from "./audit-chain.ts";

describe("the audit hash", () => {
  it("is the one that other languages compute (vectors made in Python)", () => {
    const rows = [
      { action: "register", at: "2026-11-23T00:00:00.000Z", seq: 0 },
      { action: "deploy.canary", at: "2026-11-23T00:00:01.000Z", seq: 1 },
      { action: "rollback", at: "2026-11-23T00:00:02.000Z", seq: 2 },
    ];
    let prev = GENESIS_HASH;
    const hashes = rows.map((row) => {
      prev = auditHash({ ...row, actor: "ci", subject: "m@1", prev });
      return prev;
    });
    expect(hashes).toEqual([
      "cbaab7ab4b12d4b7441fa506321831fa56ca2581b83140a26a2bcb7009a10c0e",
      "08b1ce480ec1124e2ae32f29540fbfeee069d4302ae33f3baa11f87ca462d14a",
      "70dc9f812cf914bf83b43fc0feb2ee04ea68d767507bb2bcdd95cfdfbf078acd",
    ]);
  });

  it("does not depend on how a language prints fractions, nor breaks on half a character", () => {
    const row = sealAuditRow(
      {
        action: "a",
        actor: { type: "system", id: "\ud800" },
        subject: "s",
        evidence: { p: 0.1, big: 1e21, n: 3, list: [0.5, null], skipped: undefined },
      },
      { seq: 0, prev: GENESIS_HASH, at: "2026-01-01T00:00:00.000Z", rev: { before: 0, after: 1 } },
    );
    expect(row.evidence).toEqual({ p: "0.1", big: "1e+21", n: 3, list: ["0.5", null] });
    expect(auditHash(JSON.parse(JSON.stringify(row)))).toBe(row.hash);
  });
});

describe("verifying the chain", () => {
  let path = "";
  let store: RegistryStore;
  let registry: Registry;
  const agent = "feature_dev";
  beforeEach(async () => {
    const home = mkdtempSync(join(tmpdir(), "modelops-audit-"));
    path = join(home, "modelops.db");
    store = sqliteStore({ path });
    registry = new Registry(completeRuntime({ store, home }), { registryJson: false });
    const trainingConfig = { baseModel: "b", trainingMethod: "sft", trainingDataset: "d" };
    for (let index = 0; index < 6; index += 1) {
      await registry.addVersion({ agent, modelId: `m${index}`, trainingConfig });
    }
  });
  afterEach(() => store.close());
  const edit = (sql: string) => {
    const database = new DatabaseSync(path);
    database.exec(sql);
    database.close();
  };
  const kinds = async () => (await registry.audit.verify()).problems.map(({ seq, kind }) => `${seq} ${kind}`);

  it("accepts what was written and names its head", async () => {
    const result = await registry.audit.verify();
    expect(result).toMatchObject({ isValid: true, count: 6, problems: [] });
    expect(result.head).toBe((await store.auditHead())?.hash);
  });

  it.each([
    [
      "a changed value",
      `UPDATE audit SET body = replace(body, 'm3', 'x3') WHERE seq = 3`,
      ["3 hash-mismatch"],
    ],
    [
      "a changed hash",
      `UPDATE audit SET hash = replace(hash, substr(hash, 1, 1), 'z') WHERE seq = 3`,
      ["3 hash-mismatch", "4 broken-link"],
    ],
    ["a deleted row", "DELETE FROM audit WHERE seq = 3", ["4 wrong-place", "4 broken-link"]],
    ["the first row deleted", "DELETE FROM audit WHERE seq = 0", ["1 wrong-place", "1 broken-link"]],
    [
      "two rows swapped",
      "UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 99",
      ["2 broken-link", "2 hash-mismatch", "3 broken-link", "3 hash-mismatch", "4 broken-link"],
    ],
    [
      "a row repeated at the end",
      "INSERT INTO audit SELECT 6, hash, body FROM audit WHERE seq = 5",
      ["6 broken-link", "6 hash-mismatch"],
    ],
    ["an unreadable row", `UPDATE audit SET body = '{' WHERE seq = 3`, ["null unreadable"]],
  ])("finds %s", async (_what, sql, expected) => {
    edit(sql);
    expect(await kinds()).toEqual(expected);
  });

  it("finds every single changed byte of a row", async () => {
    const database = new DatabaseSync(path);
    const body = String(database.prepare("SELECT body FROM audit WHERE seq = 2").get()?.body);
    const update = database.prepare("UPDATE audit SET body = ? WHERE seq = 2");
    for (let index = 0; index < body.length; index += 1) {
      const flipped = String.fromCharCode(body.charCodeAt(index) ^ 1);
      update.run(body.slice(0, index) + flipped + body.slice(index + 1));
      expect((await registry.audit.verify()).isValid, `byte ${index}`).toBe(false);
    }
    database.close();
  });

  it("finds a cut-off end and a rewritten chain with an anchor, and only with one", async () => {
    const { count, head } = await registry.audit.verify();
    edit("DELETE FROM audit WHERE seq = 5");
    expect(await kinds()).toEqual([]);
    const cut = await registry.audit.verify({ anchor: { count, head } });
    expect(cut.problems.map((problem) => problem.kind)).toEqual(["truncated"]);
    const trainingConfig = { baseModel: "b", trainingMethod: "sft", trainingDataset: "d" };
    await registry.addVersion({ agent, modelId: "another past", trainingConfig });
    expect(await kinds()).toEqual([]);
    const rewritten = await registry.audit.verify({ anchor: { count, head } });
    expect(rewritten.problems.map((problem) => problem.kind)).toEqual(["anchor-mismatch"]);
  });

  it("keeps a checkpoint at every promotion and uses it as an anchor", async () => {
    await registry.setCurrent({ agent, version: "v1.0.0" });
    const checkpoint = await registry.audit.checkpoint();
    expect(checkpoint).toMatchObject({ count: 7, head: (await store.auditHead())?.hash });
    const [event] = await store.events({ since: (await store.lastEventSeq()) - 1, limit: 1 });
    expect(event).toMatchObject({ type: "registry.checkpointed", data: checkpoint });
    edit("DELETE FROM audit WHERE seq = 6");
    expect(await kinds()).toEqual(["null truncated"]);
  });

  it("exports JSON Lines, goes on where the file ends and repairs a torn line", async () => {
    const target = `${path}.jsonl`;
    expect(await registry.audit.exportTo(target)).toEqual({ rows: 6 });
    expect(await registry.audit.exportTo(target)).toEqual({ rows: 0 });
    await registry.setCurrent({ agent, version: "v1.0.0" });
    appendFileSync(target, '{"seq":6,"torn');
    expect(await registry.audit.exportTo(target)).toEqual({ rows: 1 });
    const lines = readFileSync(target, "utf8").split("\n");
    expect(lines.pop()).toBe("");
    const rows = lines.map((line) => JSON.parse(line) as { readonly seq: number; readonly hash: string });
    expect(rows.map((row) => row.seq)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    for (const row of rows) expect(auditHash(row)).toBe(row.hash);
    const exported: string[] = [];
    for await (const line of registry.audit.export({ since: 6 })) exported.push(line);
    expect(exported).toEqual([`${lines[6]}\n`]);
  });
});
