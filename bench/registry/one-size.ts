import { type CommitBatch, sqliteStore } from "@modelops/core";
import { timeEach } from "./measure.ts";
import { benchRegistry, TRAINING_CONFIG } from "./own-pairs.ts";

/**
 * One registry in a process of its own: `node one-size.ts <database> <versions> <commits>` measures the database, or
 * fills it with versions when commits is 0. Prints JSON.
 */
const [path = ""] = process.argv.slice(2);
const [size = 0, commits = 0] = process.argv.slice(3).map(Number);
const store = sqliteStore({ path });
const actor = { type: "service", id: "bench" } as const;
const at = "2026-01-01T00:00:00.000Z";
const registry = benchRegistry(store);
const template = {
  modelId: "org/model",
  trainingConfig: TRAINING_CONFIG,
  trainedAt: at,
  trainedBy: "bench",
  jobId: null,
  hubRepo: null,
  artifact: null,
  evalScores: { accuracy: 0.9, tokenEfficiency: 0.8 },
  deploymentStatus: "not_deployed",
  deployedAt: null,
  parentVersion: null,
  tags: [],
  changelog: null,
  notes: null,
  extra: {},
};
/** One durable commit of a version, a pointer move and their audit row, as the registry writes them. */
const batchOf = (agent: string, indices: readonly number[]): CommitBatch => ({
  agent,
  expectedRev: null,
  at,
  puts: indices.flatMap((index) => {
    const number = String(index).padStart(12, "0");
    const version = `v1.${index}.1`;
    const value = { ...template, agent, version };
    return [
      {
        collection: "versions" as const,
        key: version,
        order: `${at}/${number}`,
        terms: ["status:not_deployed"],
        value,
      },
      { collection: "pointer-moves" as const, key: number, order: `${at}/${number}`, value: { version } },
    ];
  }),
  audit: indices.map((index) => ({ action: "version.add", actor, subject: `${agent}@v1.${index}.1` })),
  events: indices.map((index) => ({
    v: 1,
    id: `e${index}`,
    time: at,
    type: "registry.version-added",
    agent,
    subject: `${agent}@v1.${index}.1`,
    data: {},
  })),
});
if (commits === 0) {
  for (let from = 0; from < size; from += 500) {
    await store.commit(batchOf("bench", range(from, Math.min(size, from + 500))));
  }
  await store.close();
  console.log("{}");
  process.exit(0);
}

await timeEach(50, (index) => store.commit(batchOf("warm", [index])));
const rssMiB = () => process.memoryUsage().rss / 2 ** 20;
const commit = await timeEach(commits, (index) => store.commit(batchOf("bench", [size + index])));
const memoryMiB = rssMiB();
const change = await timeEach(Math.ceil(commits / 4), () =>
  registry.addVersion({ agent: "feature_dev", modelId: "org/model", trainingConfig: TRAINING_CONFIG }),
);
const list = await timeEach(200, () =>
  store.list({ collection: "versions", agent: "bench", direction: "descending", limit: 50 }),
);
const verifyAt = performance.now();
const verified = await registry.audit.verify();
const verifyMs = performance.now() - verifyAt;
if (!verified.isValid) throw new Error("the chain is broken");
await store.close();
console.log(
  JSON.stringify({
    commit,
    change,
    list,
    verifyMs,
    auditRows: verified.count,
    memoryMiB,
  }),
);

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
