import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  accuracy,
  type ChatModel,
  createModelOps,
  type Logger,
  langSmithTracing,
  type ModelOps,
  type ModelOpsOptions,
  memoryStore,
  openAICompatible,
  selfHosted,
} from "@modelops/core";
import { traceable } from "langsmith/traceable";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { baseModelSeed } from "../hub/base-model-seed.ts";
import { startHubTwin } from "../hub/start-hub-twin.ts";
import { backendOf } from "../jobs/__fixtures__/training-run.ts";
import { scriptedTraining } from "../jobs/scripted-training.ts";
import { type ModelsTwin, startModelsTwin } from "../models/models-twin.ts";
import { type LangSmithTwin, type LangSmithTwinOptions, startLangSmithTwin } from "./langsmith-twin.ts";

const KEY = "lsv2_pt_test0123456789abcdef";

let home: string;
let twin: LangSmithTwin;
let models: ModelsTwin;
let warnings: string[];
let sent = "";
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  vi.stubEnv("LANGSMITH_CONFIG_FILE", "/nowhere/langsmith.json");
  vi.stubEnv("LANGSMITH_TRACING", undefined);
  vi.stubEnv("LANGSMITH_API_KEY", undefined);
  vi.stubEnv("LANGSMITH_ENDPOINT", undefined);
  home = await mkdtemp(join(tmpdir(), "langsmith-tracing-"));
  models = await startModelsTwin({
    models: [
      { id: "tuned", answers: ({ prompt }) => prompt.replace("say ", "") },
      { id: "base", otherwise: "SECRET ANSWER" },
    ],
  });
  warnings = [];
  sent = "";
  closing.push(models.close, () => rm(home, { recursive: true, force: true }));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

async function startTwin(options: LangSmithTwinOptions = {}): Promise<void> {
  // Compressed bodies could not be read below.
  twin = await startLangSmithTwin({ apiKeys: [KEY], features: { compression: "none" }, ...options });
  closing.push(twin.close);
}

/** Keeps what leaves this process: the twin does not log streamed bodies. */
const recordingFetch: typeof fetch = async (input, init) => {
  const body = init?.body ? Buffer.from(await new Response(init.body).arrayBuffer()) : undefined;
  sent += `${body?.toString() ?? ""}\n`;
  return fetch(input, { ...init, body });
};

function modelOps(options: ModelOpsOptions = {}): ModelOps {
  const silent = () => {};
  const logger: Logger = { debug: silent, info: silent, error: silent, warn: (text) => warnings.push(text) };
  return createModelOps({
    home,
    store: memoryStore(),
    targets: [selfHosted({ baseUrl: models.baseUrl })],
    logger,
    ...options,
  });
}

const model = (id: string): ChatModel => openAICompatible({ baseUrl: models.baseUrl, model: id });
const rows = Array.from({ length: 6 }, (_, index) => ({
  id: `e${index}`,
  inputs: { prompt: `say SECRET PROMPT ${index}` },
  outputs: { text: `SECRET PROMPT ${index}` },
  metadata: {},
}));

function compare(ops: ModelOps) {
  return ops.evaluator.compare({
    agent: "support",
    candidate: { version: "v2", model: model("tuned") },
    baseline: { version: "v1", model: model("base") },
    dataset: rows,
    metrics: [accuracy()],
  });
}

test("evaluator, trainer and deployer actions arrive as runs that name no text, path, key or person", async () => {
  await startTwin();
  const hub = await startHubTwin({
    repositories: [baseModelSeed({ name: "acme/tiny-500m", parameters: 5e8, license: "mit" })],
  });
  closing.push(hub.close);
  const ops = modelOps({
    hub: { hubUrl: hub.url, token: hub.token },
    backend: backendOf(hub),
    tracing: langSmithTracing({
      apiUrl: twin.apiUrl,
      apiKey: KEY,
      project: "modelops",
      fetch: recordingFetch,
    }),
    actor: { type: "person", id: "ada@example.com" },
  });

  const report = await compare(ops);
  await ops.evaluator.rescore(report.evaluationId, {
    agent: "support",
    dataset: rows,
    metrics: [accuracy({ mode: "contains" })],
  });
  const plan = await ops.trainer.plan({
    agent: "support",
    baseModel: "acme/tiny-500m",
    dataset: rows.map(({ inputs, outputs }) => ({ prompt: inputs.prompt, completion: outputs.text })),
    hubRepo: "alice/support-tuned",
  });
  await expect(
    ops.trainer.plan({ agent: "support", baseModel: "acme/tiny-500m", dataset: `file:${home}/none.jsonl` }),
  ).rejects.toMatchObject({ code: expect.stringMatching(/^dataset\//) });
  await expect(
    ops.deployer.rollback({ agent: "support", reason: `ada@example.com said so, key ${KEY}` }),
  ).rejects.toMatchObject({ code: "deployment/nothing-to-roll-back-to" });
  await ops.close();

  const runs = twin.runs("modelops");
  expect(runs.map((run) => run.name)).toEqual([
    "evaluator.compare",
    "evaluator.rescore",
    "trainer.plan",
    "trainer.plan",
    "deployer.rollback",
  ]);
  expect(runs[0]).toMatchObject({
    tags: ["agent:support"],
    inputs: {
      candidate: { version: "v2" },
      baseline: { version: "v1" },
      dataset: "6 inline rows",
      metrics: ["accuracy"],
    },
    outputs: {
      evaluationId: report.evaluationId,
      recommendation: report.recommendation,
      candidateScore: 1,
      evidenceHash: report.evidenceHash,
    },
    error: null,
  });
  expect(runs[2]?.outputs).toMatchObject({ hardware: plan.hardware.id, quoteUsd: plan.quote.usd });
  expect(runs[3]).toMatchObject({
    inputs: { dataset: "file:none.jsonl" },
    error: expect.stringMatching(/^dataset\//),
  });
  expect(runs[4]).toMatchObject({
    inputs: { reason: "[e-mail] said so, key [secret]" },
    error: expect.stringMatching(/^deployment\/nothing-to-roll-back-to: /),
  });
  expect(sent).toContain("evaluator.rescore");
  expect(sent).not.toMatch(/SECRET|ada@|hostname|author/);
  expect(sent).not.toContain(home);
  expect(sent).not.toContain(KEY);
});

test("a job that is waited for shows what came of it", async () => {
  await startTwin();
  const clock = new VirtualClock({ startAtMs: Date.UTC(2026, 10, 23, 10) });
  const hub = await startHubTwin({
    clock,
    repositories: [{ name: "acme/tiny-500m", files: { "config.json": "{}" } }],
    jobs: { script: scriptedTraining({ steps: 4, stepMs: 60_000 }) },
  });
  closing.push(hub.close);
  const ops = modelOps({
    clock,
    backend: backendOf(hub),
    training: { baseModelLookup: null },
    tracing: langSmithTracing({ apiUrl: twin.apiUrl, apiKey: KEY, project: "modelops" }),
  });
  const { jobId } = await ops.train({
    agent: "support",
    baseModel: "acme/tiny-500m",
    method: "sft",
    dataset: Array.from({ length: 12 }, (_, index) => ({
      prompt: `say ${index}`,
      completion: `it is ${index}`,
    })),
    hardware: "a10g-large",
    hubRepo: "alice/support-tuned",
  });
  await ops.trainer.job(jobId);
  await ops.close();
  const runs = twin.runs("modelops");
  const plan = runs.find((run) => run.name === "trainer.plan");
  const train = runs.find((run) => run.name === "trainer.train");
  expect(plan?.parentRunId).toBe(train?.id);
  expect(train).toMatchObject({ parentRunId: null, outputs: { jobId } });
  expect(runs.find((run) => run.name === "job.result")).toMatchObject({
    inputs: { agent: "support", jobId },
    outputs: { version: "v1.0.0", modelId: "alice/support-tuned", costUsd: expect.any(Number) },
    tags: ["agent:support"],
  });
  expect(runs.at(-1)?.name).toBe("trainer.job");
});

test("an author is sent when it is asked for, and the host's own runs nest", async () => {
  await startTwin();
  const ops = modelOps({
    tracing: langSmithTracing({
      apiUrl: twin.apiUrl,
      apiKey: KEY,
      project: "modelops",
      metadata: { author: "Ada" },
      fetch: recordingFetch,
    }),
  });
  const inner = traceable(async (text: string) => ({ text }), { name: "host agent" });
  await ops.evaluator.evaluate({
    agent: "support",
    model: model("tuned"),
    dataset: rows,
    run: async (example) => inner(String(example.inputs.prompt)),
    metrics: [accuracy({ mode: "contains" })],
  });
  await ops.close();
  const runs = twin.runs();
  const root = runs.find((run) => run.name === "evaluator.evaluate");
  const comparison = runs.find((run) => run.name === "evaluator.compare");
  expect(comparison?.parentRunId).toBe(root?.id);
  const own = runs.filter((run) => run.name === "host agent");
  expect(own.map((run) => run.parentRunId)).toEqual(Array(6).fill(comparison?.id));
  expect(sent).toContain('"author":"Ada"');
});

test("the environment turns tracing on, and false turns it off whatever the environment says", async () => {
  await startTwin();
  vi.stubEnv("LANGSMITH_TRACING", "true");
  vi.stubEnv("LANGSMITH_ENDPOINT", twin.apiUrl);
  vi.stubEnv("LANGSMITH_API_KEY", KEY);
  const off = modelOps({ tracing: false });
  await compare(off);
  await off.close();
  expect(twin.requests.all).toEqual([]);

  const on = modelOps();
  await compare(on);
  await on.close();
  expect(twin.runs().map((run) => run.name)).toEqual(["evaluator.compare"]);

  // Asked for in vain: nothing is traced, nothing is broken.
  vi.stubEnv("LANGSMITH_API_KEY", undefined);
  const keyless = modelOps();
  await compare(keyless);
  await keyless.close();
  expect(warnings).toEqual([expect.stringContaining("LANGSMITH_API_KEY")]);
  expect(() => modelOps({ tracing: true })).toThrow(
    expect.objectContaining({ code: "langsmith/no-api-key" }),
  );
});

test.each([
  [
    "is not there",
    async () => {
      const gone = await startLangSmithTwin();
      await gone.close();
      return gone.apiUrl;
    },
    "ECONNREFUSED",
  ],
  [
    "refuses the key",
    async () => {
      await startTwin({ apiKeys: ["another key"] });
      return twin.apiUrl;
    },
    "HTTP 401",
  ],
])("a service that %s costs its traces and nothing else", async (_, address, reason) => {
  const complaints = vi.spyOn(console, "warn").mockImplementation(() => {});
  const errors = vi.spyOn(console, "error").mockImplementation(() => {});
  const silent = () => {};
  const logger: Logger = { debug: silent, info: silent, error: silent, warn: (text) => warnings.push(text) };
  const ops = modelOps({ tracing: langSmithTracing({ apiUrl: await address(), apiKey: KEY, logger }) });
  expect((await compare(ops)).candidateScore).toBe(1);
  await ops.close();
  expect(warnings).toEqual([expect.stringContaining(reason)]);
  expect(complaints).not.toHaveBeenCalled();
  expect(errors).not.toHaveBeenCalled();
});
