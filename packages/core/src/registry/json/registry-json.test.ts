import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { beforeEach, describe, expect, it } from "vitest";
import type { RegistryStore } from "../../contract/registry-store.ts";
import type { RegistryJson } from "../../model/registry-json.ts";
import { completeRuntime } from "../../runtime.ts";
import { memoryStore } from "../memory-store.ts";
import { Registry } from "../registry.ts";
import { sqliteStore } from "../sqlite/sqlite-store.ts";
import { registryJsonText } from "./export-registry.ts";

const HOST_FILE = new URL("../../../../../../shared/data/host/registry.json", import.meta.url);
const NOW = "2026-06-01T00:00:00.000Z";
const trainingConfig = { baseModel: "org/base", trainingMethod: "sft", trainingDataset: "file:a.jsonl" };
const move = { agent: "feature_dev" };

let home = "";
let store: RegistryStore;
let registry: Registry;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "modelops-json-"));
  store = memoryStore();
  registry = new Registry(completeRuntime({ store, home }), { registryJson: false });
});
const fresh = () => new Registry(completeRuntime({ store: memoryStore(), home }), { registryJson: false });

const published = (version: string, more: object = {}) => ({
  version,
  model_id: "org/m",
  training_config: {
    base_model: "b",
    training_method: "sft",
    training_dataset: "d",
    learning_rate: null,
    mine: 1,
  },
  trained_at: "2025-01-01T00:00:00",
  ...more,
});
const file = (agents: object, more: object = {}) => ({
  created_at: "2025-01-01T00:00:00Z",
  updated_at: "2025-01-02T00:00:00Z",
  version: "1.0.0",
  agents,
  ...more,
});

/** Fields of `before` that `after` lacks or has with another value, by path. */
function losses(before: unknown, after: unknown, path = ""): string[] {
  if (typeof before !== "object" || before === null) return Object.is(before, after) ? [] : [path];
  if (Array.isArray(before) && Array.isArray(after) && before.length !== after.length)
    return [`${path}.length`];
  const other = (typeof after === "object" && after !== null ? after : {}) as Record<string, unknown>;
  return Object.entries(before).flatMap(([key, value]) =>
    Object.hasOwn(other, key) ? losses(value, other[key], `${path}/${key}`) : [`${path}/${key}`],
  );
}

describe("importing and exporting", () => {
  it.skipIf(!existsSync(HOST_FILE))("loses no field of a real host's registry", async () => {
    const host = JSON.parse(readFileSync(HOST_FILE, "utf8")) as RegistryJson;
    const report = await registry.import({ json: host });
    expect(report).toMatchObject({ added: 3, unchanged: 0, conflicts: [] });
    // The one thing that may differ is the time of the last change, which the import is.
    expect(losses(host, await registry.export())).toEqual(["/updated_at"]);
    expect(report.unplaced).toEqual([expect.objectContaining({ field: "description" })]);
    expect(await registry.pointers({ agent: "code-review" })).toMatchObject({ current: "v1.0.0-baseline" });
  });

  it("keeps unknown fields, nulls, custom scores, pointer copies and versions listed twice", async () => {
    const json = file(
      {
        "feature-dev": {
          agent_name: "feature-dev",
          owner: { team: "a" },
          current: published("v1.0.0", { deployment_status: "deployed", eval_scores: { accuracy: 0.9 } }),
          canary: published("v2.0.0", { deployment_status: "canary_50pct" }),
          history: [
            published("v1.0.0", {
              deployment_status: "archived",
              eval_scores: { accuracy: 0.5, mine: 3, note: "text" },
            }),
            published("v2.0.0", { deployment_status: "canary_50pct", hub_repo: null, reviewer: null }),
            published("v1.0.0", { notes: "the second of this name" }),
            published("free-form name"),
          ],
        },
        empty_one: { agent_name: "empty_one", current: null, history: [] },
      },
      { description: "d", schema_notes: [1, null] },
    );
    const report = await registry.import({ json });
    const exported = await registry.export();
    const expected = structuredClone(json) as { agents: Record<string, { history: unknown[] }> };
    // A version listed twice moves to the end.
    const history = expected.agents["feature-dev"]?.history ?? [];
    history.push(...history.splice(2, 1));
    expect(losses(expected, exported)).toEqual(["/updated_at"]);
    expect(report.unplaced.map((part) => part.field)).toEqual([
      "description",
      "schema_notes",
      "owner",
      "eval_scores.note",
      "reviewer",
      "history.2",
    ]);
    expect(await registry.pointers({ agent: "feature_dev" })).toMatchObject({
      current: "v1.0.0",
      canary: { version: "v2.0.0", share: 50 },
    });
  });

  it("changes nothing when the same file comes again, and survives a second round trip", async () => {
    const json = file({
      a: { agent_name: "a", current: published("v1.0.0"), history: [published("v1.0.0")] },
    });
    await registry.import({ json });
    const seq = await store.lastEventSeq();
    expect(await registry.import({ json })).toMatchObject({ added: 0, unchanged: 1, conflicts: [] });
    expect(await store.lastEventSeq()).toBe(seq);
    const once = await registry.export();
    const other = fresh();
    await other.import({ json: JSON.parse(JSON.stringify(once)) });
    expect(losses(once, await other.export()).filter((path) => !/updated_at|generation/.test(path))).toEqual(
      [],
    );
  });

  it("gives back everything a version can hold, artifact and lineage included", async () => {
    const added = await registry.addVersion({
      agent: "feature-dev",
      modelId: "org/m",
      trainingConfig: { ...trainingConfig, numEpochs: 3, isDemo: true, custom_field: "x" },
      artifact: {
        kind: "adapter",
        location: { type: "hub", repoId: "org/m", revision: "abc" },
        baseModel: "org/base",
        baseModelRevision: null,
        files: [{ path: "a.safetensors", sizeBytes: 3, sha256: "0".repeat(64) }],
      },
      lineage: { datasetFingerprint: "f", evaluationIds: ["e"] },
      evalScores: { avgLatencyMs: 12, costPer1kTokens: 0.01, mine: 2 },
      tags: ["t"],
      changelog: "c",
      notes: "n",
      jobId: "j",
    });
    const text = JSON.stringify(await registry.export());
    expect(text).toContain('"custom_field":"x"');
    expect(text).toContain('"repo_id":"org/m"');
    expect(text).not.toMatch(/[a-z][A-Z]\w*":/);
    const other = fresh();
    await other.import({ json: JSON.parse(text) });
    expect(await other.getVersion({ agent: "feature_dev", version: "v1.0.0" })).toEqual(added);
  });

  it("keeps the registry's own content where a file disagrees, and says so", async () => {
    await registry.addVersion({ agent: "a", modelId: "mine", trainingConfig, version: "v1.0.0" });
    await registry.setCurrent({ agent: "a", version: "v1.0.0" });
    const report = await registry.import({
      json: file({
        a: { current: published("v2.0.0"), history: [published("v1.0.0"), published("v2.0.0")] },
      }),
    });
    expect(report.added).toBe(1);
    expect(report.conflicts.map((conflict) => conflict.version)).toEqual(["v1.0.0", "v2.0.0"]);
    expect((await registry.getVersion({ agent: "a", version: "v1.0.0" })).modelId).toBe("mine");
    expect((await registry.pointers({ agent: "a" })).current).toBe("v1.0.0");
  });

  it("stops showing an imported copy of a pointer once the version changes", async () => {
    const current = published("v1.0.0", { notes: "a stale copy" });
    await registry.import({ json: file({ a: { current, history: [published("v1.0.0")] } }) });
    expect((await registry.export()).agents.a?.current?.notes).toBe("a stale copy");
    await registry.updateScores({ agent: "a", version: "v1.0.0", scores: { accuracy: 1 } });
    expect((await registry.export()).agents.a?.current).toMatchObject({
      notes: null,
      eval_scores: { accuracy: 1 },
    });
  });

  it.each([
    ["another schema", { models: [] }, "input/registry-json"],
    ["a later schema version", file({}, { version: "2.0.0" }), "input/registry-json"],
    [
      "a score out of range",
      file({ a: { history: [published("v1.0.0", { eval_scores: { accuracy: 7 } })] } }),
      "input/registry-json",
    ],
    [
      "a status that does not exist",
      file({ a: { history: [published("v1.0.0", { deployment_status: "live" })] } }),
      "input/registry-json",
    ],
    ["a malformed agent", file({ a: { history: [] }, "B C": { history: [] } }), "input/agent-name"],
    [
      "two spellings of an agent",
      file({ a_b: { history: [] }, "a-b": { history: [] } }),
      "input/registry-json",
    ],
    [
      "a prototype key",
      JSON.parse(`{"version":"1.0.0","agents":{"__proto__":{"history":[]}}}`),
      "input/prototype-key",
    ],
    ["a list", [], "input/registry-json"],
  ])("refuses %s and changes nothing", async (_what, json, code) => {
    const good = { a0: { history: [published("v1.0.0")] } };
    const mixed = "agents" in (json as object) ? { ...(json as RegistryJson) } : json;
    await expect(registry.import({ json: mixed })).rejects.toMatchObject({
      code,
      fix: expect.stringMatching(/./),
    });
    expect(await registry.agents()).toEqual([]);
    await registry.import({ json: file(good) });
  });

  it("refuses a path that is no JSON or not there", async () => {
    const path = join(home, "x.json");
    await expect(registry.import({ path })).rejects.toMatchObject({
      code: "input/registry-json",
      reason: expect.stringContaining("no such file"),
    });
    writeFileSync(path, "{ half");
    await expect(registry.import({ path })).rejects.toMatchObject({ code: "input/registry-json" });
  });

  it("writes as text what it exports as an object", async () => {
    const versions = Array.from({ length: 450 }, (_, index) =>
      published(`v1.${index}.0`, { notes: `line\n${index}` }),
    );
    const extra = { x: 1 };
    await registry.import({
      json: file({ a: { ...extra, history: versions }, b: { history: [] } }, { top: null }),
    });
    let text = "";
    for await (const piece of registryJsonText(store, NOW)) text += piece;
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(await registry.export())));
    expect(text).toBe(`${JSON.stringify(JSON.parse(text), null, 2)}\n`);
    const empty: string[] = [];
    for await (const piece of registryJsonText(memoryStore(), NOW)) empty.push(piece);
    expect(JSON.parse(empty.join(""))).toEqual({
      generation: 0,
      created_at: NOW,
      updated_at: NOW,
      version: "1.0.0",
      agents: {},
    });
  });
});

describe("the registry.json file", () => {
  const path = () => join(home, "registry.json");
  const read = () => JSON.parse(readFileSync(path(), "utf8")) as RegistryJson;
  const writing = (writingStore: RegistryStore) =>
    new Registry(completeRuntime({ store: writingStore, home }));

  it("follows the commits within a second by itself", async () => {
    const own = writing(store);
    await own.addVersion({ ...move, modelId: "m", trainingConfig });
    for (let waited = 0; !existsSync(path()) && waited < 5000; waited += 20) await sleep(20);
    expect(read().agents.feature_dev?.history).toHaveLength(1);
    await own.addVersion({ ...move, modelId: "m", trainingConfig });
    for (let waited = 0; read().agents.feature_dev?.history.length !== 2 && waited < 5000; waited += 20)
      await sleep(20);
    expect(read().agents.feature_dev?.history).toHaveLength(2);
    await own.close();
  });

  it("writes once for many commits and shows all of them after flush", async () => {
    const own = writing(store);
    const adding = Array.from({ length: 60 }, () =>
      own.addVersion({ ...move, modelId: "m", trainingConfig }),
    );
    await Promise.all(adding);
    await own.flush();
    expect(read().agents.feature_dev?.history).toHaveLength(60);
    expect(isDeepStrictEqual(read(), JSON.parse(JSON.stringify(await own.export())))).toBe(true);
    await own.close();
    expect(readdirSync(join(home, "backups")).length).toBeLessThan(5);
  });

  it("keeps the last ten files and leaves no other file behind", async () => {
    const own = writing(store);
    for (let index = 0; index < 14; index += 1) {
      await own.addVersion({ ...move, modelId: `m${index}`, trainingConfig });
      await own.flush();
    }
    await own.close();
    const backups = readdirSync(join(home, "backups")).sort();
    expect(backups).toHaveLength(10);
    const newest = JSON.parse(
      readFileSync(join(home, "backups", backups.at(-1) ?? ""), "utf8"),
    ) as RegistryJson;
    expect(newest.agents.feature_dev?.history.length).toBeGreaterThanOrEqual(13);
    expect(readdirSync(home).sort()).toEqual(["backups", "registry.json"]);
  });

  it("keeps a file it did not write apart, so that later backups do not push it out", async () => {
    writeFileSync(path(), JSON.stringify(file({ theirs: { history: [published("v1.0.0")] } })));
    const own = writing(store);
    await own.addVersion({ ...move, modelId: "m", trainingConfig });
    await own.close();
    const kept = readdirSync(join(home, "backups")).filter((name) => name.startsWith("replaced."));
    expect(kept).toHaveLength(1);
    expect(readFileSync(join(home, "backups", kept[0] ?? ""), "utf8")).toContain("theirs");
  });

  it("is never left behind another process's commit", async () => {
    const database = join(home, "modelops.db");
    const first = sqliteStore({ path: database });
    const second = sqliteStore({ path: database });
    const [a, b] = [writing(first), writing(second)];
    const input = { ...move, modelId: "m", trainingConfig };
    for (let index = 0; index < 10; index += 1) await Promise.all([a.addVersion(input), b.addVersion(input)]);
    await Promise.all([a.close(), b.close()]);
    expect(read().agents.feature_dev?.history).toHaveLength(20);
    await Promise.all([first.close(), second.close()]);
  });

  it("is brought up to date by the next process after one that was killed before it wrote", async () => {
    await registry.addVersion({ ...move, modelId: "m", trainingConfig });
    const next = writing(store);
    for (let waited = 0; !existsSync(path()) && waited < 5000; waited += 20) await sleep(20);
    expect(read().agents.feature_dev?.history).toHaveLength(1);
    await next.close();
  });

  it("does not fail the change when it cannot be written, and says so on flush", async () => {
    writeFileSync(join(home, "taken"), "");
    const runtime = completeRuntime({ store, home });
    const own = new Registry(runtime, { registryJson: { path: join(home, "taken", "registry.json") } });
    await own.addVersion({ ...move, modelId: "m", trainingConfig });
    await expect(own.flush()).rejects.toMatchObject({ code: expect.stringMatching(/^storage\//) });
    expect((await own.listVersions()).versions).toHaveLength(1);
  });
});
