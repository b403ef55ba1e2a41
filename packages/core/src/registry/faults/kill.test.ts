import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkStore } from "./check-store.ts";
import { killWriters } from "./kill-writers.ts";

const folder = () => mkdtempSync(join(tmpdir(), "modelops-kill-"));

describe("kill -9 at random moments", () => {
  it("loses, doubles and tears nothing in 100 kills of two writers", async () => {
    const path = join(folder(), "modelops.db");
    const record = await killWriters({
      writer: "store-writer.ts",
      path,
      writers: 2,
      kills: 100,
      seed: 20261123,
    });
    const { recoveryMs, acknowledged, stored, ...findings } = await checkStore(path, record);
    expect(findings).toEqual({
      lost: 0,
      duplicated: 0,
      ghosts: 0,
      gaps: 0,
      torn: 0,
      auditProblems: 0,
      isIntact: true,
    });
    expect(record.kills).toBe(100);
    expect(acknowledged).toBeGreaterThan(100);
    // A commit may be durable without its writer having lived to say so, once per kill.
    expect(stored).toBeGreaterThanOrEqual(acknowledged);
    expect(stored).toBeLessThanOrEqual(acknowledged + 100);
  }, 60_000);
});

describe("the same kills on a registry that is one JSON file (the control: these must be caught)", () => {
  const lostOf = (path: string, acknowledged: ReadonlySet<string>): number | "unreadable" => {
    try {
      const data = JSON.parse(readFileSync(path, "utf8")) as { versions: { id: string }[] };
      const stored = new Set(data.versions.map((version) => version.id));
      return [...acknowledged].filter((id) => !stored.has(id)).length;
    } catch {
      return "unreadable";
    }
  };

  it("leave a file written in place unreadable", async () => {
    const path = join(folder(), "registry.json");
    writeFileSync(path, JSON.stringify({ versions: Array(300).fill({ id: "", padding: "x".repeat(2000) }) }));
    let isUnreadable = false;
    const isEnough = () => {
      isUnreadable ||= lostOf(path, new Set()) === "unreadable";
      return isUnreadable;
    };
    await killWriters({ writer: "naive-writer.ts", path, writers: 1, kills: 150, seed: 1, isEnough });
    expect(isEnough()).toBe(true);
  }, 60_000);

  it("lose acknowledged versions of two writers that replace the file without a lock", async () => {
    const path = join(folder(), "registry.json");
    writeFileSync(path, JSON.stringify({ versions: [] }));
    const options = { writer: "naive-writer.ts", path, arguments: ["rename"], writers: 2, seed: 1 } as const;
    let lost = 0;
    for (let rounds = 0; rounds < 10 && lost === 0; rounds += 1) {
      const { acknowledged } = await killWriters({ ...options, kills: 6 });
      lost = Number(lostOf(path, acknowledged));
    }
    expect(lost).toBeGreaterThan(0);
  }, 60_000);
});
