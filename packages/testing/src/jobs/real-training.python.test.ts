import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createModelOps, local, type TrainingBackend, type TrainingSpec } from "@modelops/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HubTwin } from "../hub/start-hub-twin.ts";
import { startExecutingHub } from "./__fixtures__/executing-hub.ts";
import { backendOf, collect, trainingRun } from "./__fixtures__/training-run.ts";

const SHARED = resolve(import.meta.dirname, "../../../../../shared/data");
let twin: HubTwin;
let folder: string;
let modelFolder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "real-training-"));
  ({ twin, modelFolder } = await startExecutingHub(folder));
});

afterAll(async () => {
  await twin?.close();
  await rm(folder, { recursive: true, force: true });
});

type Row = Readonly<Record<string, string>>;

/** The first short rows: attention on two cores is what takes the time. */
async function shortRows(file: string, count: number, characters: number): Promise<Row[]> {
  const rows = (await readFile(join(SHARED, file), "utf8"))
    .split("\n")
    .flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Row]));
  return rows.filter((row) => JSON.stringify(row).length < characters).slice(0, count);
}

const common = { agent: "support", seed: 7, adapter: { kind: "lora", rank: 4, alpha: 8 } } as const;
const short = { maxSteps: 4, loggingSteps: 1, saveSteps: 2 };

const specs: Readonly<Record<string, () => Promise<Omit<TrainingSpec, "baseModel">>>> = {
  "SFT on snips": async () => ({
    ...common,
    method: "sft",
    dataset: await shortRows("snips/train.jsonl", 32, 250),
    mapping: { prompt: "{{text}}\n", completion: '{"tool":"{{intent}}"}' },
    evaluationFraction: 0.25,
    hyperparameters: { ...short, batchSize: 4, learningRate: 1e-3 },
  }),
  "DPO on gsm8k preferences": async () => ({
    ...common,
    method: "dpo",
    dataset: await shortRows("gsm8k/preferences.jsonl", 16, 700),
    hyperparameters: { ...short, batchSize: 2, maxLength: 512, learningRate: 1e-4 },
  }),
  "GRPO on gsm8k test": async () => ({
    ...common,
    method: "grpo",
    dataset: await shortRows("gsm8k/test.jsonl", 8, 500),
    rewards: [{ kind: "numeric", column: "answer", format_reward: 0.1 }],
    hyperparameters: { ...short, batchSize: 4, numGenerations: 4, maxCompletionLength: 16 },
  }),
};

const backends: Readonly<
  Record<
    string,
    (home: string) => { backend: TrainingBackend } & Pick<TrainingSpec, "baseModel" | "hardware" | "tracking">
  >
> = {
  "local()": (home) => ({ backend: local({ home }), baseModel: modelFolder }),
  "hfJobs()": () => ({
    backend: backendOf(twin),
    baseModel: "acme/tiny",
    hardware: "cpu-basic",
    tracking: { to: "tensorboard" },
  }),
};

const cases = Object.keys(specs).flatMap((spec) => Object.keys(backends).map((backend) => [spec, backend]));

describe.skipIf(!existsSync(SHARED))("from rows to a verified version (needs ../shared/data)", () => {
  test.each(cases)("%s through %s", async (specName = "", backendName = "") => {
    // Local runs share one home, and with it the environment that takes longest.
    const home = backendName === "local()" ? folder : await mkdtemp(join(folder, "home-"));
    const { backend, ...place } = backends[backendName]?.(home) ?? expect.fail();
    await using ops = createModelOps({ home, backend, hub: { hubUrl: twin.url, token: twin.token } });
    const spec = await specs[specName]?.();
    if (!spec) expect.fail();
    const job = await ops.trainer.train({ ...spec, ...place });
    const kinds: string[] = [];
    const losses: (number | null)[] = [];
    for await (const event of job.events()) {
      if (event.type !== "training.progress") continue;
      kinds.push(event.data.kind);
      if (event.data.kind === "log") losses.push(event.data.progress.currentLoss);
    }
    const result = await job.result();
    const { tensorboardUrl, trackioUrl } = await job.status();
    const { location } = result.artifact;
    if (location.type === "hub") {
      expect(tensorboardUrl).toBe(`${twin.url}/${location.repoId}/tensorboard`);
      expect(twin.files(location.repoId)?.join()).toMatch(/runs\/[^/]+\/events\.out\.tfevents\./);
    } else expect(tensorboardUrl).toBe(null);
    expect(trackioUrl).toBe(null);
    expect(kinds).toEqual(expect.arrayContaining(["begin", "log", "save", "end", "result"]));
    expect(losses.filter((loss) => loss !== null && Number.isFinite(loss)).length).toBeGreaterThanOrEqual(4);
    expect(result.artifact.kind).toBe("adapter");
    const weights = result.artifact.files.find((file) => file.path === "adapter_model.safetensors");
    expect(weights?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(result.artifact.location.type).toBe(backendName === "hfJobs()" ? "hub" : "folder");
    const version = await ops.registry.getVersion({ agent: "support", version: String(result.version) });
    expect(version.trainingConfig.trainingMethod).toBe(spec.method);
    if (spec.evaluationFraction != null) expect(result.metrics.eval_loss).toBeGreaterThan(0);
    if (spec.method === "grpo") {
      expect(Object.keys(result.metrics)).toEqual(
        expect.arrayContaining(["reward", "frac_reward_zero_std", "rewards/numeric/mean"]),
      );
    }
  });
});

test("a job trains every weight, pushes its checkpoints with its model, and both are verified", async () => {
  const rows = Array.from({ length: 24 }, (_, index) => ({
    messages: [
      { role: "user", content: `say ${index}` },
      { role: "assistant", content: `it is ${index % 3}` },
    ],
  }));
  const run = await trainingRun({
    runId: "real-full",
    baseModel: "acme/tiny",
    hardwareId: "cpu-basic",
    hubRepo: "alice/tiny-full",
    adapter: { kind: "full" },
    hyperparameters: { max_steps: 4, batch_size: 4, logging_steps: 1, save_steps: 2, learning_rate: 1e-3 },
    rows,
  });
  const backend = backendOf(twin);
  const job = await backend.submit(run);
  const events = await collect(backend.events(job.backendJobId));
  const output = events.flatMap(({ body }) => (body.kind === "output" ? [body.line] : []));
  const status = await backend.status(job.backendJobId);
  expect(status.stage, `${status.failure?.message}\n${output.slice(-20).join("\n")}`).toBe("completed");
  const kinds = events.flatMap(({ body }) => (body.kind === "progress" ? [body.record.kind] : []));
  expect(kinds).toEqual(expect.arrayContaining(["begin", "log", "save", "end", "pushed", "result"]));
  const artifact = await backend.artifact(job.backendJobId);
  expect(artifact.kind).toBe("full-model");
  expect(artifact.files.find((file) => file.path === "model.safetensors")?.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(twin.isPrivate("alice/tiny-full")).toBe(true);
  expect(twin.files("alice/tiny-full")).toContain("last-checkpoint/model.safetensors");
});
