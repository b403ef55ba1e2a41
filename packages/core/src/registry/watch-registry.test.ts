import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { completeRuntime } from "../runtime.ts";
import { Registry } from "./registry.ts";
import { sqliteStore } from "./sqlite/sqlite-store.ts";

const trainingConfig = { baseModel: "b", trainingMethod: "sft", trainingDataset: "d" };

it("sees changes of another process and of its own, of the agent asked for, until aborted", async () => {
  const home = mkdtempSync(join(tmpdir(), "modelops-watch-"));
  const path = join(home, "modelops.db");
  const store = sqliteStore({ path });
  const registry = new Registry(completeRuntime({ store, home }), { registryJson: false });
  const abort = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const event of registry.watch({ agent: "feature-dev", signal: abort.signal, since: 0 })) {
      seen.push(`${event.seq} ${event.subject}`);
      if (seen.length === 2) abort.abort();
    }
  })();
  await registry.addVersion({ agent: "feature_dev", modelId: "m", trainingConfig });
  await registry.addVersion({ agent: "other", modelId: "m", trainingConfig });
  const at = new URL(".", import.meta.url).href;
  const script = `
    import { completeRuntime } from "${at}../runtime.ts";
    import { Registry } from "${at}registry.ts";
    import { sqliteStore } from "${at}sqlite/sqlite-store.ts";
    const store = sqliteStore({ path: ${JSON.stringify(path)} });
    const registry = new Registry(completeRuntime({ store, home: "." }), { registryJson: false });
    await registry.addVersion({ agent: "feature-dev", modelId: "m", trainingConfig: ${JSON.stringify(trainingConfig)} });`;
  spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit" });
  await watching;
  expect(seen).toEqual(["1 feature_dev@v1.0.0", "3 feature_dev@v1.1.0"]);
  await store.close();
});

it("starts with what comes next when no place is given", async () => {
  const home = mkdtempSync(join(tmpdir(), "modelops-watch-"));
  const store = sqliteStore({ path: ":memory:" });
  const registry = new Registry(completeRuntime({ store, home }), { registryJson: false });
  await registry.addVersion({ agent: "a", modelId: "m", trainingConfig });
  const iterator = registry.watch()[Symbol.asyncIterator]();
  const next = iterator.next();
  await new Promise((resolve) => setImmediate(resolve));
  await registry.addVersion({ agent: "a", modelId: "m", trainingConfig });
  expect((await next).value).toMatchObject({ type: "registry.version-added", subject: "a@v1.1.0" });
  await iterator.return?.();
});
