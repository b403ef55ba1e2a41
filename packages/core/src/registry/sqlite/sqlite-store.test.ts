import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { beforeEach, describe, expect, it } from "vitest";
import type { CommitBatch, RegistryStore } from "../../contract/registry-store.ts";
import { completeRuntime } from "../../runtime.ts";
import { Registry } from "../registry.ts";
import { openDatabase } from "./open-database.ts";
import { sqliteStore } from "./sqlite-store.ts";

const AT = "2026-01-01T00:00:00.000Z";
const STORE_MODULE = new URL("./sqlite-store.ts", import.meta.url).href;

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "modelops-sqlite-"));
  path = join(folder, "modelops.db");
});

const batch = (agent: string, key: string, more: Partial<CommitBatch> = {}): CommitBatch => ({
  agent,
  expectedRev: null,
  puts: [{ collection: "versions", key, value: { key } }],
  at: AT,
  ...more,
});

async function commitOne(store: RegistryStore, key: string): Promise<void> {
  const actor = { type: "system", id: "test" } as const;
  await store.commit(batch("a", key, { audit: [{ action: "put", actor, subject: key }] }));
}

describe("the SQLite store", () => {
  it("keeps everything across close and reopen, in folders it makes itself", async () => {
    path = join(folder, "deep", "er", "modelops.db");
    const first = sqliteStore({ path });
    await commitOne(first, "k");
    await first.close();
    const second = sqliteStore({ path });
    expect((await second.get("versions", "a", "k"))?.value).toEqual({ key: "k" });
    expect(await second.revision("a")).toBe(1);
    expect(await second.auditRows({ since: 0, limit: 10 })).toHaveLength(1);
    await second.close();
  });

  it("uses the write-ahead log with full synchronisation and marks the file as its own", async () => {
    const store = sqliteStore({ path });
    await commitOne(store, "k");
    const other = new DatabaseSync(path);
    expect(other.prepare("PRAGMA journal_mode").get()?.journal_mode).toBe("wal");
    expect(other.prepare("PRAGMA application_id").get()?.application_id).toBe(0x4d4f7073);
    expect(other.prepare("SELECT version, name FROM schema_migrations").all()).toEqual([
      { version: 1, name: "records, terms, events, audit chain" },
    ]);
    other.close();
    await store.close();
    const database = openDatabase({ path, allowNetworkFilesystem: false, busyTimeoutMs: 1000 });
    expect(database.prepare("PRAGMA synchronous").get()?.synchronous).toBe(2);
    database.close();
  });

  it("serves a list page from an index, for every combination of filters", () => {
    const database = openDatabase({ path, allowNetworkFilesystem: false, busyTimeoutMs: 1000 });
    const plan = (sql: string) =>
      database
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map((row) => row.detail)
        .join("; ");
    const page = "ORDER BY ord DESC, key DESC LIMIT 50";
    expect(plan(`SELECT * FROM records WHERE collection = 'a' AND agent = 'b' ${page}`)).toBe(
      "SEARCH records USING INDEX records_by_agent_order (collection=? AND agent=?)",
    );
    expect(plan("SELECT max(seq) FROM events")).not.toContain("SCAN");
    expect(plan("SELECT * FROM events WHERE seq > 5 AND agent = 'a' ORDER BY seq LIMIT 5")).not.toContain(
      "SCAN",
    );
    database.close();
  });

  it("waits for another process's write lock and says so when it does not come free", async () => {
    const store = sqliteStore({ path, busyTimeoutMs: 150 });
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    await expect(commitOne(store, "k")).rejects.toMatchObject({ code: "storage/busy", isRetryable: true });
    const waiting = commitOne(store, "k");
    other.exec("COMMIT");
    await waiting;
    expect(await store.revision("a")).toBe(1);
    other.close();
    await store.close();
  });

  it("loses no commit of four processes that write at once", async () => {
    const script = `
      import { sqliteStore } from ${JSON.stringify(STORE_MODULE)};
      const store = sqliteStore({ path: process.argv[1] });
      for (let index = 0; index < 50; index += 1) {
        await store.commit({ agent: "a", expectedRev: null, at: ${JSON.stringify(AT)},
          puts: [{ collection: "versions", key: process.argv[2] + "-" + index, value: {} }],
          audit: [{ action: "put", actor: { type: "system", id: process.argv[2] }, subject: String(index) }] });
      }
      await store.close();`;
    const codes = await Promise.all(
      ["1", "2", "3", "4"].map(
        (name) =>
          new Promise((resolve) => {
            const args = ["--input-type=module", "-e", script, path, name];
            spawn(process.execPath, args, { stdio: "inherit" }).on("exit", resolve);
          }),
      ),
    );
    expect(codes).toEqual([0, 0, 0, 0]);
    const store = sqliteStore({ path });
    expect(await store.revision("a")).toBe(200);
    expect((await store.list({ collection: "versions", limit: 1000 })).records).toHaveLength(200);
    const rows = await store.auditRows({ since: 0, limit: 1000 });
    expect(rows.map((row) => row.seq)).toEqual(Array.from({ length: 200 }, (_, index) => index));
    await store.close();
  });

  it("prints no warning of the runtime", () => {
    const script = `import { sqliteStore } from ${JSON.stringify(STORE_MODULE)}; sqliteStore({ path: ":memory:" });`;
    const { stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([0, ""]);
  });
});

describe("files that cannot be used", () => {
  it("refuses a file that is no database and leaves it as it is", () => {
    writeFileSync(path, "this is no database at all, only text ".repeat(100));
    const before = readFileSync(path);
    expect(() => sqliteStore({ path })).toThrow(expect.objectContaining({ code: "storage/not-a-database" }));
    expect(readFileSync(path)).toEqual(before);
  });

  it("refuses another program's database and leaves it as it is", () => {
    const other = new DatabaseSync(path);
    other.exec("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
    other.close();
    const before = readFileSync(path);
    expect(() => sqliteStore({ path })).toThrow(
      expect.objectContaining({ code: "storage/foreign-database" }),
    );
    expect(readFileSync(path)).toEqual(before);
  });

  it("refuses a file of a newer schema and leaves it as it is", async () => {
    await sqliteStore({ path }).close();
    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 999");
    database.close();
    const { size } = statSync(path);
    expect(() => sqliteStore({ path })).toThrow(expect.objectContaining({ code: "storage/newer-schema" }));
    expect(statSync(path).size).toBe(size);
  });

  it("reports a damaged page as corrupt", async () => {
    const store = sqliteStore({ path });
    for (let index = 0; index < 50; index += 1) await commitOne(store, `k${index}`);
    await store.close();
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 4096, bytes.length);
    writeFileSync(path, bytes);
    const damaged = sqliteStore({ path });
    await expect(damaged.list({ collection: "versions", limit: 100 })).rejects.toMatchObject({
      code: "storage/corrupt",
    });
    await damaged.close();
  });

  it("reports a record whose text was damaged", async () => {
    const store = sqliteStore({ path });
    await commitOne(store, "k");
    const database = new DatabaseSync(path);
    database.exec("UPDATE records SET value = '{'");
    database.close();
    await expect(store.get("versions", "a", "k")).rejects.toMatchObject({ code: "storage/corrupt" });
    await store.close();
  });

  it("explains a path that is a folder and a parent that is a file", () => {
    mkdirSync(path);
    expect(() => sqliteStore({ path })).toThrow(expect.objectContaining({ code: "storage/cannot-open" }));
    appendFileSync(join(folder, "file"), "");
    expect(() => sqliteStore({ path: join(folder, "file", "x.db") })).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^storage\//) }),
    );
  });

  it("explains a network file system, and uses the slower journal there when told to", () => {
    const filesystem = () => ({ name: "nfs", isNetwork: true });
    const options = { path, busyTimeoutMs: 1000, filesystem };
    expect(() => openDatabase({ ...options, allowNetworkFilesystem: false })).toThrow(
      expect.objectContaining({
        code: "storage/network-filesystem",
        message: expect.stringContaining("nfs"),
      }),
    );
    const database = openDatabase({ ...options, allowNetworkFilesystem: true });
    expect(database.prepare("PRAGMA journal_mode").get()?.journal_mode).toBe("delete");
    database.close();
  });

  it("answers every call after close with one error", async () => {
    const store = sqliteStore({ path });
    await store.close();
    await store.close();
    await expect(store.revision("a")).rejects.toMatchObject({ code: "storage/closed" });
    await expect(commitOne(store, "k")).rejects.toMatchObject({ code: "storage/closed" });
  });
});

describe("schema migrations", () => {
  it("read what the first released schema wrote", async () => {
    const first = new DatabaseSync(path);
    first.exec(readFileSync(new URL("__fixtures__/schema-1.sql", import.meta.url), "utf8"));
    first.close();
    const store = sqliteStore({ path });
    const registry = new Registry(completeRuntime({ store, home: folder }), { registryJson: false });
    const agent = "feature_dev";
    expect(await registry.pointers({ agent })).toEqual({
      current: "v1.0.0",
      canary: { version: "v1.1.0", share: 20 },
      rev: 4,
    });
    const { versions } = await registry.listVersions({ agent, tag: "eu" });
    expect(versions.map((version) => version.modelId)).toEqual(["org/base"]);
    expect((await registry.wasServing({ agent, at: "2027-01-01T00:00:00Z" })).move?.reason).toBe("try");
    expect(await registry.audit.verify()).toMatchObject({ isValid: true, count: 4 });
    expect(await store.lastEventSeq()).toBe(5);
    expect((await registry.promote({ agent })).generation).toBe(3);
    await store.close();
  });

  it("bring a file of the first schema up to date and keep what it holds", async () => {
    const first = sqliteStore({ path });
    await commitOne(first, "k");
    await first.close();
    const { MIGRATIONS } = await import("./migrations.ts");
    const later = [
      ...MIGRATIONS,
      {
        version: 2,
        name: "a later step",
        sql: "ALTER TABLE records ADD COLUMN later TEXT; CREATE TABLE more (x);",
      },
    ];
    const options = { path, allowNetworkFilesystem: false, busyTimeoutMs: 1000 };
    const database = openDatabase({ ...options, migrations: later });
    expect(database.prepare("SELECT key, later FROM records").all()).toEqual([{ key: "k", later: null }]);
    expect(database.prepare("SELECT version FROM schema_migrations").all()).toEqual([
      { version: 1 },
      { version: 2 },
    ]);
    database.close();
    expect(() => sqliteStore({ path })).toThrow(expect.objectContaining({ code: "storage/newer-schema" }));
  });

  it("leave the file at the step before when a step fails", async () => {
    const { MIGRATIONS } = await import("./migrations.ts");
    const failing = [
      ...MIGRATIONS,
      { version: 2, name: "bad", sql: "CREATE TABLE half (x); SELECT nonsense();" },
    ];
    const options = { path, allowNetworkFilesystem: false, busyTimeoutMs: 1000 };
    expect(() => openDatabase({ ...options, migrations: failing })).toThrow();
    const database = openDatabase(options);
    expect(database.prepare("PRAGMA user_version").get()?.user_version).toBe(1);
    expect(database.prepare("SELECT name FROM sqlite_master WHERE name = 'half'").get()).toBeUndefined();
    database.close();
  });
});
