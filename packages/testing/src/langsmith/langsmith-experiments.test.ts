import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  accuracy,
  createModelOps,
  langSmithExperiments,
  langSmithSource,
  memoryStore,
  openAICompatible,
  selfHosted,
  tokenEfficiency,
} from "@modelops/core";
import { Client, type Run } from "langsmith";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type ModelsTwin, startModelsTwin } from "../models/models-twin.ts";
import { type LangSmithTwin, startLangSmithTwin } from "./langsmith-twin.ts";

const KEY = "lsv2_pt_test0123456789abcdef";

const sum = (prompt: string) => String(prompt.split("+").reduce((total, part) => total + Number(part), 0));

let twin: LangSmithTwin;
let models: ModelsTwin;
let home: string;
let client: Client;

beforeEach(async () => {
  vi.stubEnv("LANGSMITH_CONFIG_FILE", "/nowhere/langsmith.json");
  vi.stubEnv("LANGSMITH_TRACING", "false");
  home = await mkdtemp(join(tmpdir(), "langsmith-experiments-"));
  twin = await startLangSmithTwin({ apiKeys: [KEY] });
  models = await startModelsTwin({
    models: [
      { id: "tuned", answers: ({ prompt }) => sum(prompt) },
      { id: "base", answers: ({ prompt }) => (prompt.startsWith("1") ? sum(prompt) : "7") },
    ],
  });
  client = new Client({ apiUrl: twin.apiUrl, apiKey: KEY });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await models.close();
  await twin.close();
  await rm(home, { recursive: true, force: true });
});

const QUESTIONS = Array.from({ length: 12 }, (_, index) => index + 1);
const addExamples = (datasetId: string, numbers: readonly number[]) =>
  client.createExamples(
    numbers.map((number) => ({
      dataset_id: datasetId,
      inputs: { question: `${number}+${number}` },
      outputs: { answer: String(2 * number) },
      metadata: { level: number > 6 ? "hard" : "easy" },
    })),
  );

async function runsOf(project: string): Promise<Run[]> {
  const runs: Run[] = [];
  for await (const run of client.listRuns({ projectName: project })) runs.push(run);
  return runs;
}

function compare(dataset: string, onExample: (call: number) => Promise<void> = async () => undefined) {
  const connection = { apiUrl: twin.apiUrl, apiKey: KEY };
  const ops = createModelOps({
    home,
    store: memoryStore(),
    sources: [langSmithSource(connection)],
    experiments: langSmithExperiments({ ...connection, metadata: { team: "support" } }),
  });
  let calls = 0;
  const model = (id: string) => {
    const inner = openAICompatible({ baseUrl: models.baseUrl, model: id });
    return {
      ...inner,
      async generate(...given: Parameters<typeof inner.generate>) {
        await onExample(++calls);
        return inner.generate(...given);
      },
    };
  };
  return ops.evaluator.compare({
    agent: "support",
    candidate: { version: "v2", model: model("tuned") },
    baseline: { version: "v1", model: model("base") },
    dataset,
    metrics: [accuracy(), tokenEfficiency({ budgetTokens: 50 })],
    weights: { accuracy: 0.9, token_efficiency: 0.1 },
  });
}

test("experiments of an ls:// dataset stand on that very dataset, example by example", async () => {
  const dataset = await client.createDataset("sums");
  await addExamples(dataset.id, QUESTIONS);
  const exampleIds: string[] = [];
  for await (const example of client.listExamples({ datasetId: dataset.id })) exampleIds.push(example.id);

  const report = await compare("ls://sums");
  expect(report.coverage).toMatchObject({ complete: 12 });
  expect(report.dataset.ref).toMatch(/^ls:\/\/sums@\d{4}-/);
  expect(report.dataset.fingerprint).toMatch(/^sha256:/);

  const projects: string[] = [];
  for await (const project of client.listProjects({ referenceDatasetId: dataset.id })) {
    projects.push(project.name ?? "");
    expect(project.extra?.metadata).toMatchObject({
      agent: "support",
      experiment_type: "baseline_vs_candidate",
      team: "support",
      dataset_fingerprint: report.dataset.fingerprint,
      dataset_version: report.dataset.ref?.split("@")[1],
    });
    expect(["v1", "v2"]).toContain(project.extra?.metadata?.model_version);
  }
  expect(projects).toHaveLength(2);

  const [candidateProject = ""] = projects.filter((name) => name.includes("candidate"));
  const runs = await runsOf(candidateProject);
  expect(runs.map((run) => run.reference_example_id).sort()).toEqual(exampleIds.sort());
  expect(runs.every((run) => run.tags?.includes("model_version:v2"))).toBe(true);
  const scores: unknown[] = [];
  for await (const feedback of client.listFeedback({ runIds: runs.map((run) => run.id) })) {
    if (feedback.key === "accuracy") scores.push(feedback.score);
  }
  expect(scores).toEqual(Array(12).fill(1));

  // Nothing was copied: there is one dataset, and both experiments are compared on it.
  expect(twin.requests.to("POST /datasets").count).toBe(1);
  expect(report.experimentUrls.comparison).toContain(`/datasets/${dataset.id}/compare?selectedSessions=`);
});

test("an ls:// dataset that grows while it is evaluated is read as it was", async () => {
  const dataset = await client.createDataset("sums");
  await addExamples(dataset.id, QUESTIONS);
  const report = await compare("ls://sums", async (call) => {
    if (call === 3) await addExamples(dataset.id, [99]);
  });
  expect(report.coverage.examples).toBe(12);
  // Read again now, it is another dataset; as of that moment it is the same one.
  expect((await compare("ls://sums")).dataset.fingerprint).not.toBe(report.dataset.fingerprint);
  expect((await compare(report.dataset.ref ?? "")).dataset.fingerprint).toBe(report.dataset.fingerprint);
});

test("registered versions are compared with their scores and the address of the experiments kept", async () => {
  const connection = { apiUrl: twin.apiUrl, apiKey: KEY };
  await using ops = createModelOps({
    home,
    store: memoryStore(),
    targets: [selfHosted({ baseUrl: models.baseUrl })],
    experiments: langSmithExperiments(connection),
  });
  const agent = "support";
  const trainingConfig = {
    baseModel: "org/base",
    trainingMethod: "sft",
    trainingDataset: "ls://sums",
  } as const;
  await ops.registry.addVersion({ agent, version: "v1.0.0", modelId: "base", trainingConfig });
  await ops.registry.addVersion({ agent, version: "v1.1.0", modelId: "tuned", trainingConfig });
  await ops.registry.setCurrent({ agent, version: "v1.0.0" });

  const dataset = QUESTIONS.map((number) => ({
    id: `sum-${number}`,
    inputs: { question: `${number}+${number}` },
    outputs: { answer: String(2 * number) },
    metadata: {},
  }));
  const approveServing = () => true;
  const options = { agent, candidate: "v1.1.0", dataset, metrics: [accuracy()], approveServing };
  const report = await ops.compare(options);
  expect(report.baseline).toMatchObject({ version: "v1.0.0" });
  const { evalScores } = await ops.registry.getVersion({ agent, version: "v1.1.0" });
  expect(evalScores).toMatchObject({
    accuracy: 1,
    baselineImprovementPct: report.improvementPct,
    langsmithExperimentUrl: report.experimentUrls.comparison,
  });

  // Nothing has changed: the second time no model is asked.
  const before = models.totals("tuned")?.requests;
  expect(await ops.compare(options)).toMatchObject({ reusedFrom: report.evaluationId });
  expect(models.totals("tuned")?.requests).toBe(before);
});
