import { execFile } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { completeRuntime } from "../../runtime.ts";
import { Registry } from "../registry.ts";
import { sqliteStore } from "../sqlite/sqlite-store.ts";

it("stores 4 processes × 250 changes of one agent once each, with numbers free of gaps", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "modelops-many-")), "modelops.db");
  const adder = fileURLToPath(new URL("adder.ts", import.meta.url));
  const outputs = await Promise.all(
    [1, 2, 3, 4].map(() => promisify(execFile)(process.execPath, [adder, path, "250"])),
  );
  const acknowledged = outputs.flatMap(({ stdout }) => JSON.parse(stdout) as string[]);
  const numbers = acknowledged.map((version) => Number(version.split(".")[2])).sort((a, b) => a - b);
  expect(numbers).toEqual(Array.from({ length: 1000 }, (_, index) => index));
  const store = sqliteStore({ path });
  const registry = new Registry(completeRuntime({ store, home: "." }), { registryJson: false });
  const stored: string[] = [];
  for await (const version of registry.versions({ agent: "feature_dev" })) stored.push(version.version);
  expect(stored.sort()).toEqual(acknowledged.sort());
  expect(await registry.audit.verify()).toMatchObject({ isValid: true, count: 1000 });
  await store.close();
}, 60_000);
