import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { RegistryStore } from "../contract/registry-store.ts";
import type { ModelOpsEvent } from "../events/event.ts";
import { completeRuntime } from "../runtime.ts";
import { memoryStore } from "./memory-store.ts";
import { Registry } from "./registry.ts";
import type { AddVersionInput } from "./registry-inputs.ts";

const trainingConfig = { baseModel: "org/base", trainingMethod: "sft", trainingDataset: "file:train.jsonl" };

let store: RegistryStore;
let registry: Registry;
let events: ModelOpsEvent[] = [];
let now = 0;
beforeEach(() => {
  now = Date.parse("2026-01-01T00:00:00.000Z");
  store = memoryStore();
  const clock = { now: () => now, sleep: async () => {} };
  const home = mkdtempSync(join(tmpdir(), "modelops-registry-"));
  const runtime = completeRuntime({ store, home, clock, actor: { type: "service", id: "trainer" } });
  registry = new Registry(runtime, { registryJson: false });
  events = [];
  registry.onAny((event) => {
    events.push(event);
  });
});

const add = (more: Partial<AddVersionInput> = {}) =>
  registry.addVersion({ agent: "feature_dev", modelId: "org/model", trainingConfig, ...more });
const status = async (version: string) =>
  (await registry.getVersion({ agent: "feature_dev", version })).deploymentStatus;
const code = (text: string) => expect.objectContaining({ code: text });

describe("adding versions", () => {
  it("keeps what it was given, fills in who and when, and invents nothing", async () => {
    const version = await add({
      version: "v1.2.3-demo",
      evalScores: { accuracy: 0.5, myMetric: 12.5 },
      tags: ["a", "a"],
    });
    expect(await registry.getVersion({ agent: "feature-dev", version: "v1.2.3-demo" })).toEqual(version);
    expect(version).toEqual({
      agent: "feature_dev",
      version: "v1.2.3-demo",
      modelId: "org/model",
      trainingConfig,
      trainedAt: "2026-01-01T00:00:00.000Z",
      trainedBy: "trainer",
      jobId: null,
      hubRepo: null,
      artifact: null,
      evalScores: { accuracy: 0.5, myMetric: 12.5 },
      deploymentStatus: "not_deployed",
      deployedAt: null,
      parentVersion: null,
      tags: ["a"],
      changelog: null,
      notes: null,
      lineage: {
        datasetFingerprint: null,
        datasetRows: null,
        baseModelFingerprint: null,
        quoteHash: null,
        evaluationIds: [],
        deploymentIds: [],
      },
      extra: {},
    });
    expect(events).toMatchObject([
      { type: "registry.version-added", seq: 1, agent: "feature_dev", subject: "feature_dev@v1.2.3-demo" },
    ]);
  });

  it("gives out the next number by the part that goes up, past every suffix", async () => {
    expect((await add()).version).toBe("v1.0.0");
    expect((await add()).version).toBe("v1.1.0");
    expect((await add({ bump: "patch" })).version).toBe("v1.1.1");
    expect((await add({ bump: "major", suffix: "demo" })).version).toBe("v2.0.0-demo");
    expect((await add({ bump: "patch" })).version).toBe("v2.0.1");
    await add({ version: "v1.5.0" });
    expect((await add()).version).toBe("v2.1.0");
    expect((await registry.listVersions({ agent: "feature_dev" })).versions[0]?.version).toBe("v2.1.0");
  });

  it("reserves numbers that nobody else gets, also at the same time", async () => {
    const input = { agent: "feature_dev", bump: "minor" } as const;
    const [reserved, ...versions] = await Promise.all([registry.nextVersion(input), add(), add(), add()]);
    const names = [reserved, ...versions.map((version) => version.version)];
    expect(names.toSorted()).toEqual(["v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"]);
  });

  it("gives the first result for a repeated idempotency key and refuses the key for something else", async () => {
    const first = await add({ version: "v1.0.0", idempotencyKey: "job-1" });
    const second = await add({ version: "v1.0.0", idempotencyKey: "job-1", reason: "a retry" });
    expect(second).toEqual(first);
    const bumped = await Promise.all([add({ idempotencyKey: "job-2" }), add({ idempotencyKey: "job-2" })]);
    expect(bumped.map((version) => version.version)).toEqual(["v1.1.0", "v1.1.0"]);
    expect((await registry.listVersions()).versions).toHaveLength(2);
    expect(events).toHaveLength(2);
    await expect(add({ modelId: "org/other", idempotencyKey: "job-1" })).rejects.toEqual(
      code("registry/idempotency-mismatch"),
    );
  });

  it.each([
    ["a malformed version", { version: "1.0" }, "input/version"],
    ["a bump beside a version", { version: "v1.0.0", bump: "minor" }, "input/registry"],
    ["a malformed agent", { agent: "Feature Dev" }, "input/agent-name"],
    ["a prototype agent", { agent: "__proto__" }, "input/agent-name"],
    ["a score above 1", { evalScores: { accuracy: 1.2 } }, "input/registry"],
    ["a custom score that is no number", { evalScores: { mine: "high" } }, "input/registry"],
    ["an infinite score", { evalScores: { mine: Number.POSITIVE_INFINITY } }, "input/registry"],
    ["ten megabytes of notes", { notes: "n".repeat(10_000_000) }, "input/registry"],
    ["an unknown field", { modelID: "x" }, "input/registry"],
    ["an unknown parent", { parentVersion: "v9.9.9" }, "registry/unknown-version"],
    ["a repository name the Hub refuses", { hubRepo: "a--b" }, "input/model-id"],
    ["a tag with a line break", { tags: ["a\nb"] }, "input/registry"],
    ["a prototype key", { trainingConfig: JSON.parse(`{ "__proto__": 1 }`) }, "input/prototype-key"],
    [
      "a deep prototype key",
      { evalScores: JSON.parse(`{ "a": { "__proto__": 1 } }`) },
      "input/prototype-key",
    ],
  ] as const)("refuses %s with reason and fix, and changes nothing", async (_what, more, expected) => {
    await add();
    const error = await add(more as Partial<AddVersionInput>).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: expected,
      reason: expect.stringMatching(/./),
      fix: expect.stringMatching(/./),
    });
    expect((await registry.listVersions()).versions).toHaveLength(1);
    expect(await store.revision("feature_dev")).toBe(1);
    expect(await store.agents()).toEqual(["feature_dev"]);
  });

  it("refuses a version that is there", async () => {
    await add({ version: "v1.0.0" });
    await expect(add({ version: "v1.0.0", modelId: "other" })).rejects.toEqual(
      code("registry/version-exists"),
    );
    expect((await registry.getVersion({ agent: "feature_dev", version: "v1.0.0" })).modelId).toBe(
      "org/model",
    );
  });

  it("names what there is when something is unknown", async () => {
    await add();
    await expect(registry.getVersion({ agent: "feature_dev", version: "v7.0.0" })).rejects.toMatchObject({
      code: "registry/unknown-version",
      message: expect.stringContaining("v1.0.0"),
    });
    await expect(registry.getVersion({ agent: "billing", version: "v1.0.0" })).rejects.toMatchObject({
      code: "registry/unknown-agent",
      message: expect.stringContaining("feature_dev"),
    });
    await expect(registry.listVersions({ agent: "billing" })).rejects.toEqual(code("registry/unknown-agent"));
    expect((await registry.listVersions({ agent: "code_review" })).versions).toEqual([]);
  });
});

describe("changing versions", () => {
  it("adds scores to those there are, or replaces them, and notes the evaluation", async () => {
    await add({ evalScores: { accuracy: 0.5 } });
    const name = { agent: "feature_dev", version: "v1.0.0" };
    const merged = await registry.updateScores({
      ...name,
      scores: { tokenEfficiency: 0.7 },
      evaluationId: "e1",
    });
    expect(merged.evalScores).toEqual({ accuracy: 0.5, tokenEfficiency: 0.7 });
    expect(merged.lineage.evaluationIds).toEqual(["e1"]);
    const replaced = await registry.updateScores({ ...name, scores: { accuracy: 0.1 }, replace: true });
    expect(replaced.evalScores).toEqual({ accuracy: 0.1 });
    await expect(registry.updateScores({ ...name, scores: { accuracy: -0.1 } })).rejects.toEqual(
      code("input/registry"),
    );
    expect((await registry.getVersion(name)).evalScores).toEqual({ accuracy: 0.1 });
    expect(events.map((event) => event.type)).toEqual([
      "registry.version-added",
      "registry.scores-updated",
      "registry.scores-updated",
    ]);
  });

  it("tags, untags and edits texts, and writes nothing when nothing changes", async () => {
    await add();
    const name = { agent: "feature_dev", version: "v1.0.0" };
    expect((await registry.tag({ ...name, tags: ["best", "eu"] })).tags).toEqual(["best", "eu"]);
    expect((await registry.listVersions({ tag: "best" })).versions).toHaveLength(1);
    expect((await registry.untag({ ...name, tags: ["best"] })).tags).toEqual(["eu"]);
    expect((await registry.listVersions({ tag: "best" })).versions).toEqual([]);
    expect((await registry.setChangelog({ ...name, changelog: "more data" })).changelog).toBe("more data");
    expect((await registry.setNotes({ ...name, notes: "n" })).notes).toBe("n");
    const rev = await store.revision("feature_dev");
    await registry.tag({ ...name, tags: ["eu"] });
    await registry.untag({ ...name, tags: ["gone"] });
    await registry.setNotes({ ...name, notes: "n" });
    expect(await store.revision("feature_dev")).toBe(rev);
  });

  it("does a change only at the expected revision when asked to", async () => {
    await add();
    const { rev } = await registry.pointers({ agent: "feature_dev" });
    await add();
    const late = registry.setNotes({ agent: "feature_dev", version: "v1.0.0", notes: "n", expectedRev: rev });
    await expect(late).rejects.toMatchObject({ code: "storage/conflict", expected: rev, actual: rev + 1 });
  });

  it("repeats a change that another writer overtook", async () => {
    await add();
    let calls = 0;
    await registry.update("feature-dev", async ({ agent }) => {
      calls += 1;
      if (calls === 1)
        await store.commit({ agent, expectedRev: null, puts: [], at: "2026-01-01T00:00:00.000Z" });
      return { puts: [{ collection: "jobs", key: "j", value: {} }] };
    });
    expect(calls).toBe(2);
    expect(await store.get("jobs", "feature_dev", "j")).not.toBeNull();
  });
});

it("does not take a half-seen change of another writer for an illegal one", async () => {
  await add();
  const other = new Registry(completeRuntime({ store, home: tmpdir() }), { registryJson: false });
  let overtakes = 1;
  const spied: RegistryStore = {
    ...store,
    async get(collection, agent, key) {
      const found = await store.get(collection, agent, key);
      // Right after the state was read, another process adds the very version this one is about to choose.
      if (collection === "agents" && overtakes > 0) {
        overtakes -= 1;
        await other.addVersion({ agent: "feature_dev", modelId: "org/other", trainingConfig });
      }
      return found;
    },
  };
  const late = new Registry(completeRuntime({ store: spied, home: tmpdir() }), { registryJson: false });
  const input = { agent: "feature_dev", modelId: "org/late", trainingConfig };
  expect((await late.addVersion(input)).version).toBe("v1.2.0");
});

describe("lists", () => {
  it("come newest first, by page or as a whole, filtered by status and tag", async () => {
    for (let index = 0; index < 7; index += 1) await add({ tags: index % 2 ? ["odd"] : [] });
    await registry.setCurrent({ agent: "feature_dev", version: "v1.5.0" });
    const all: string[] = [];
    for await (const version of registry.versions({ agent: "feature_dev", limit: 2 }))
      all.push(version.version);
    expect(all).toEqual(["v1.6.0", "v1.5.0", "v1.4.0", "v1.3.0", "v1.2.0", "v1.1.0", "v1.0.0"]);
    const first = await registry.listVersions({ agent: "feature_dev", limit: 3 });
    const second = await registry.listVersions({ agent: "feature_dev", limit: 3, cursor: first.nextCursor });
    expect([...first.versions, ...second.versions].map((version) => version.version)).toEqual(
      all.slice(0, 6),
    );
    const odd = await registry.listVersions({ agent: "feature_dev", tag: "odd", status: "deployed" });
    expect(odd.versions.map((version) => version.version)).toEqual(["v1.5.0"]);
  });

  it("stay in the order of adding when the clock goes back", async () => {
    await add();
    now -= 3_600_000;
    await add();
    const { versions } = await registry.listVersions();
    expect(versions.map((version) => version.version)).toEqual(["v1.1.0", "v1.0.0"]);
  });
});

describe("moves", () => {
  const move = { agent: "feature_dev" };
  beforeEach(async () => {
    await add();
    await add();
    await add();
    await registry.setCurrent({ ...move, version: "v1.0.0", reason: "the baseline" });
  });

  it("climb the ladder with one current and one canary, and archive what was replaced", async () => {
    await registry.setCanary({ ...move, version: "v1.1.0", share: 20 });
    expect(await status("v1.1.0")).toBe("canary_20pct");
    await registry.setCanary({ ...move, version: "v1.1.0", share: 50 });
    expect(await status("v1.1.0")).toBe("canary_50pct");
    now += 1000;
    const promoted = await registry.promote({ ...move, reason: "good", operationId: "op-1" });
    expect(promoted).toEqual({
      agent: "feature_dev",
      generation: 4,
      at: "2026-01-01T00:00:01.000Z",
      kind: "promoted",
      version: "v1.1.0",
      before: { current: "v1.0.0", canary: { version: "v1.1.0", share: 50 } },
      after: { current: "v1.1.0", canary: null },
      actor: { type: "service", id: "trainer" },
      reason: "good",
      operationId: "op-1",
    });
    expect([await status("v1.0.0"), await status("v1.1.0")]).toEqual(["archived", "deployed"]);
    expect((await registry.getVersion({ ...move, version: "v1.1.0" })).deployedAt).toBe(promoted.at);
  });

  it.each([
    ["a second canary", () => registry.setCanary({ ...move, version: "v1.2.0", share: 20 }), "promote()"],
    ["a smaller share", () => registry.setCanary({ ...move, version: "v1.1.0", share: 20 }), "share: 50"],
    [
      "another current beside a canary",
      () => registry.setCurrent({ ...move, version: "v1.2.0" }),
      "rollback()",
    ],
    ["archiving the canary", () => registry.archive({ ...move, version: "v1.1.0" }), "promote()"],
    ["archiving the current", () => registry.archive({ ...move, version: "v1.0.0" }), "rollback()"],
    [
      "a canary of the current",
      () => registry.setCanary({ ...move, version: "v1.0.0", share: 20 }),
      "promote()",
    ],
    ["going back to what never served", () => registry.rollback({ ...move, to: "v1.2.0" }), "promote()"],
  ])("refuse %s and name the legal ones", async (_what, attempt, legal) => {
    await registry.setCanary({ ...move, version: "v1.1.0", share: 20 });
    const before = await registry.pointers(move);
    await expect(attempt()).rejects.toMatchObject({
      code: "registry/illegal-move",
      fix: expect.stringContaining(legal),
    });
    expect(await registry.pointers(move)).toEqual(before);
  });

  it("refuse to promote without a canary and to roll back without a past", async () => {
    await expect(registry.promote(move)).rejects.toMatchObject({
      code: "registry/illegal-move",
      fix: expect.stringContaining("setCanary({ version"),
    });
    await expect(registry.rollback(move)).rejects.toEqual(code("registry/illegal-move"));
    await expect(registry.setCurrent({ ...move, version: "v1.0.0" })).rejects.toEqual(
      code("registry/illegal-move"),
    );
    await expect(registry.setCanary({ ...move, version: "v1.1.0", share: 30 as 20 })).rejects.toEqual(
      code("input/registry"),
    );
  });

  it("end a canary and leave it ready for another try", async () => {
    await registry.setCanary({ ...move, version: "v1.1.0", share: 50 });
    const ended = await registry.rollback({ ...move, reason: "latency" });
    expect(ended).toMatchObject({ kind: "canary-ended", after: { current: "v1.0.0", canary: null } });
    expect(await status("v1.1.0")).toBe("not_deployed");
    await registry.setCanary({ ...move, version: "v1.1.0", share: 20 });
  });

  it("roll back step by step and never return by themselves to what was rolled back from", async () => {
    await registry.setCurrent({ ...move, version: "v1.1.0" });
    await registry.setCurrent({ ...move, version: "v1.2.0" });
    expect((await registry.rollback(move)).after.current).toBe("v1.1.0");
    expect(await status("v1.2.0")).toBe("archived");
    expect((await registry.rollback(move)).after.current).toBe("v1.0.0");
    await expect(registry.rollback(move)).rejects.toEqual(code("registry/illegal-move"));
    expect((await registry.rollback({ ...move, to: "v1.2.0" })).after.current).toBe("v1.2.0");
    expect(await status("v1.2.0")).toBe("deployed");
  });

  it("skip a version that was archived on purpose when rolling back", async () => {
    await registry.setCurrent({ ...move, version: "v1.1.0" });
    await registry.setCurrent({ ...move, version: "v1.2.0" });
    await registry.archive({ ...move, version: "v1.1.0" });
    expect((await registry.rollback(move)).after.current).toBe("v1.0.0");
  });

  it("are told by events with the move as data", async () => {
    events = [];
    await registry.setCanary({ ...move, version: "v1.1.0", share: 20 });
    await registry.promote(move);
    await registry.archive({ ...move, version: "v1.2.0", reason: "unused" });
    expect(events.map((event) => event.type)).toEqual([
      "registry.pointer-moved",
      "registry.pointer-moved",
      "registry.checkpointed",
      "registry.archived",
    ]);
    expect(events[1]?.data).toMatchObject({ kind: "promoted", after: { current: "v1.1.0" } });
  });

  it("happen once for one idempotency key, also when the repeat would be illegal", async () => {
    const input = { ...move, version: "v1.1.0", share: 20, idempotencyKey: "step-1" } as const;
    const first = await registry.setCanary(input);
    expect(await registry.setCanary(input)).toEqual(first);
    expect((await registry.history(move)).moves).toHaveLength(2);
  });

  it("answer who was serving at any moment", async () => {
    const begin = now;
    now = begin + 10_000;
    await registry.setCanary({ ...move, version: "v1.1.0", share: 20 });
    now = begin + 20_000;
    await registry.promote(move);
    const at = async (milliseconds: number) => {
      const { current, canary } = await registry.wasServing({ ...move, at: new Date(begin + milliseconds) });
      return [current, canary?.version ?? null];
    };
    expect(await at(-1)).toEqual([null, null]);
    expect(await at(0)).toEqual(["v1.0.0", null]);
    expect(await at(9999)).toEqual(["v1.0.0", null]);
    expect(await at(10_000)).toEqual(["v1.0.0", "v1.1.0"]);
    expect(await at(19_999)).toEqual(["v1.0.0", "v1.1.0"]);
    expect(await at(20_000)).toEqual(["v1.1.0", null]);
    expect((await registry.wasServing({ ...move, at: "2026-01-01T00:00:05+00:00" })).current).toBe("v1.0.0");
    await expect(registry.wasServing({ ...move, at: "last month" })).rejects.toEqual(code("input/time"));
  });

  it("are all in the history, with actor and reason, newest first", async () => {
    await registry.setCanary({ ...move, version: "v1.1.0", share: 20, actor: { type: "person", id: "ada" } });
    const { moves } = await registry.history(move);
    expect(moves.map((entry) => [entry.kind, entry.actor.id, entry.reason])).toEqual([
      ["canary-started", "ada", null],
      ["current-set", "trainer", "the baseline"],
    ]);
  });
});

describe("lineage", () => {
  it("leads to parents, children, data, job, evaluations and deployments", async () => {
    const at = "2026-01-01T00:00:00.000Z";
    const puts = [{ collection: "jobs" as const, key: "job-7", value: { cost: 2 } }];
    await store.commit({ agent: "feature_dev", expectedRev: null, puts, at });
    await add({ version: "v1.0.0" });
    await add({ version: "v2.0.0", parentVersion: "v1.0.0", jobId: "job-7", lineage: { datasetRows: 100 } });
    await add({ version: "v3.0.0", parentVersion: "v2.0.0" });
    const name = { agent: "feature_dev", version: "v2.0.0" };
    await registry.link({ ...name, evaluationId: "e1", deploymentId: "d1" });
    await registry.link({ ...name, evaluationId: "e1" });
    const found = await registry.lineage(name);
    expect(found.parents.map((version) => version.version)).toEqual(["v1.0.0"]);
    expect(found.children).toEqual(["v3.0.0"]);
    expect(found.dataset).toEqual({ reference: "file:train.jsonl", fingerprint: null, rows: 100 });
    expect(found.job).toEqual({ id: "job-7", record: { cost: 2 } });
    expect(found.evaluations).toEqual([{ id: "e1", record: null }]);
    expect(found.deployments).toEqual([{ id: "d1", record: null }]);
    expect((await registry.lineage({ ...name, version: "v3.0.0" })).parents).toHaveLength(2);
  });
});

it("refuses unknown options by name", () => {
  const runtime = completeRuntime({ store, home: tmpdir() });
  expect(() => new Registry(runtime, { registryJSON: false } as object)).toThrow(code("config/registry"));
});
