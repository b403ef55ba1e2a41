import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { ChatModel } from "../contract/chat-model.ts";
import { temporaryHome } from "../evaluation/__fixtures__/temporary-home.ts";
import { Evaluator } from "../evaluation/evaluator.ts";
import { accuracy } from "../evaluation/metrics/accuracy.ts";
import { memoryStore } from "../registry/memory-store.ts";
import { completeRuntime } from "../runtime.ts";
import { experimentRun } from "./experiment-run.ts";
import { langSmithExperiments } from "./experiments.ts";

const KEY = "lsv2_test_key_0123456789";
const DATASET = "11111111-1111-4111-8111-111111111111";
const TENANT = "22222222-2222-4222-8222-222222222222";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** The routes langsmith 0.12.0 uses for datasets, experiments and runs, as far as they are needed here. */
async function langSmithServer(options: { readonly infoStatus?: number } = {}) {
  const seen: { readonly route: string; readonly body: string }[] = [];
  const sessions: Record<string, unknown>[] = [];
  let hasDataset = false;
  const dataset = {
    id: DATASET,
    name: "d",
    tenant_id: TENANT,
    created_at: "2026-11-23T00:00:00Z",
    modified_at: "2026-11-23T00:00:00Z",
    example_count: 12,
  };
  const answer = (route: string, body: string): [number, unknown] => {
    if (route === "GET /info") {
      const instance_flags = { dataset_examples_multipart_enabled: true };
      return [
        options.infoStatus ?? 200,
        { version: "0.16.20", batch_ingest_config: { use_multipart_endpoint: true }, instance_flags },
      ];
    }
    if (route === "GET /datasets") return [200, hasDataset ? [dataset] : []];
    if (route === "POST /datasets") {
      hasDataset = true;
      return [200, dataset];
    }
    if (route.startsWith("POST /v1/platform/datasets/")) return [200, { example_ids: [], count: 0 }];
    if (route === "POST /sessions") {
      const session = {
        ...JSON.parse(body),
        id: `33333333-3333-4333-8333-33333333333${sessions.length}`,
        tenant_id: TENANT,
      };
      sessions.push(session);
      return [200, session];
    }
    if (route.startsWith("PATCH /sessions/")) return [200, {}];
    if (route === "POST /runs/multipart" || route === "POST /feedback") return [202, {}];
    return [404, { detail: "Not Found" }];
  };
  const server = createServer(async (request, response) => {
    const body = await read(request);
    // Node may keep a bare `?` at the end of a path.
    const route = `${request.method} ${new URL(request.url ?? "/", "http://host").pathname}`;
    seen.push({ route, body });
    expect(request.headers["x-api-key"]).toBe(KEY);
    const [status, value] = answer(route, body);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  return { apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, sessions };
}

async function read(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

function model(id: string, isRight: (index: number) => boolean): ChatModel {
  return {
    contract: "chat-model/v1",
    id,
    async generate(request) {
      const index = Number(request.messages[0]?.content.replace(/\D/g, ""));
      if (index === 11) throw new Error("down");
      return {
        text: isRight(index) ? `answer ${index}` : "WRONG-ANSWER",
        toolCalls: [],
        usage: { inputTokens: 3, outputTokens: 4 },
        costUsd: 0.01,
        latencyMs: 20,
        finishReason: "stop",
        requestId: null,
        attempts: 1,
      };
    },
  };
}

function compare(
  experiments: ReturnType<typeof langSmithExperiments>,
  warnings: string[] = [],
  reuse = true,
) {
  const logger = {
    debug() {},
    info() {},
    error() {},
    warn: (message: string) => void warnings.push(message),
  };
  const evaluator = new Evaluator(completeRuntime({ store: memoryStore(), home: temporaryHome(), logger }), {
    experiments,
  });
  return evaluator.compare({
    agent: "feature_dev",
    evaluationId: "evaluation-1",
    candidate: { version: "v2", model: model("tuned", () => true) },
    baseline: { version: "v1", model: model("base", (index) => index % 2 === 0) },
    dataset: Array.from({ length: 12 }, (_, index) => ({
      id: `e${index}`,
      inputs: { question: `PROMPT ${index}` },
      outputs: { text: `answer ${index}` },
      metadata: {},
    })),
    metrics: [accuracy()],
    reuse,
  });
}

test("writes both models as experiments on one dataset, with tags, scores and addresses", async () => {
  const { apiUrl, seen, sessions } = await langSmithServer();
  const report = await compare(langSmithExperiments({ apiUrl, apiKey: KEY }));

  expect(sessions.map((session) => (session.extra as { metadata: unknown }).metadata)).toMatchObject([
    { agent: "feature_dev", model_version: "v1", experiment_type: "baseline_vs_candidate", arm: "baseline" },
    { agent: "feature_dev", model_version: "v2", experiment_type: "baseline_vs_candidate", arm: "candidate" },
  ]);
  expect(sessions.every((session) => session.reference_dataset_id === DATASET)).toBe(true);
  const ids = sessions.map((session) => String(session.id));
  expect(report.experimentUrls.comparison).toBe(
    `http://localhost:3000/o/${TENANT}/datasets/${DATASET}/compare?selectedSessions=${ids.join("%2C")}`,
  );
  expect(report.experimentUrls.candidate).toContain(`selectedSessions=${ids[1]}`);

  const runs = seen
    .filter(({ route }) => route === "POST /runs/multipart")
    .map(({ body }) => body)
    .join("");
  expect(runs.match(/name="post\.[0-9a-f-]{36}"/g)).toHaveLength(24);
  expect(runs.match(/"key":"accuracy"/g)).toHaveLength(24);
  expect(runs.match(/"score":0[,}]/g)).toHaveLength(5 + 2);
  expect(runs).toContain("agent:feature_dev");
  expect(runs).toContain("model/failed");
  const uploads = seen.filter(({ route }) => route.startsWith("POST /v1/platform"));
  expect(uploads).toHaveLength(1);
  expect(uploads[0]?.body).toContain("PROMPT 3");

  const everything = seen.map(({ body }) => body).join("");
  expect(everything).not.toMatch(/author|e-?mail|hostname|"git"/i);
  expect(everything).not.toContain(KEY);
  expect(seen.filter(({ route }) => route.startsWith("PATCH /sessions/"))).toHaveLength(2);
});

test("a token that stands in a prompt or an answer is not uploaded", async () => {
  const { apiUrl, seen } = await langSmithServer();
  const token = "hf_abcdefghijklmnopqrstuvwx";
  const evaluator = new Evaluator(completeRuntime({ store: memoryStore(), home: temporaryHome() }), {
    experiments: langSmithExperiments({ apiUrl, apiKey: KEY }),
  });
  const leaky: ChatModel = {
    ...model("leaky", () => true),
    generate: async (request) => ({
      ...(await model("leaky", () => true).generate(request)),
      text: `use ${token} or ${KEY}`,
    }),
  };
  await evaluator.evaluate({
    agent: "feature_dev",
    model: leaky,
    dataset: Array.from({ length: 5 }, (_, index) => ({
      id: `e${index}`,
      inputs: { question: `${index}: log in with ${token}` },
      outputs: { text: "never" },
      metadata: {},
    })),
    metrics: [accuracy()],
  });
  const everything = seen.map(({ body }) => body).join("");
  expect(everything).toContain("log in with [secret]");
  expect(everything).toContain("use [secret] or [secret]");
  expect(everything).not.toContain(token);
});

test("sends scores without texts when asked to", async () => {
  const { apiUrl, seen } = await langSmithServer();
  await compare(langSmithExperiments({ apiUrl, apiKey: KEY, sendTexts: false }));
  const everything = seen.map(({ body }) => body).join("");
  expect(everything).not.toMatch(/PROMPT|answer \d|WRONG-ANSWER/);
  expect(everything).toContain('"key":"accuracy"');
});

test("uses the dataset of an earlier comparison of the same rows", async () => {
  const { apiUrl, seen } = await langSmithServer();
  const experiments = langSmithExperiments({ apiUrl, apiKey: KEY });
  await compare(experiments);
  await compare(experiments);
  expect(seen.filter(({ route }) => route === "POST /datasets")).toHaveLength(1);
  expect(seen.filter(({ route }) => route.startsWith("POST /v1/platform"))).toHaveLength(1);
});

test.each([
  ["refuses the key", async () => (await langSmithServer({ infoStatus: 401 })).apiUrl],
  ["is down", async () => "http://127.0.0.1:9"],
])("an evaluation goes on when the service %s, and says so", async (_, address) => {
  const warnings: string[] = [];
  const report = await compare(langSmithExperiments({ apiUrl: await address(), apiKey: KEY }), warnings);
  expect(report.recommendation).toBeDefined();
  expect(report.coverage.candidate.answered).toBe(11);
  expect(report.experimentUrls).toEqual({ candidate: null, baseline: null, comparison: null });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).not.toContain(KEY);
});

test("writes no feedback for a score that is missing", () => {
  const { feedback, run } = experimentRun({
    outcome: {
      answer: null,
      failure: { code: "model/timeout", message: "No answer.", attempts: 2, costUsd: null },
      scores: [
        { score: null, reason: "unknown" },
        { score: 0, reason: "no answer" },
      ],
      metricCostUsd: 0,
      resumed: false,
    },
    example: { id: "e", inputs: { question: "PROMPT" }, outputs: {}, metadata: {} },
    trial: 0,
    experiment: { id: "33333333-3333-4333-8333-333333333330", name: "x", metadata: {} },
    metricNames: ["first", "second"],
    referenceExampleId: DATASET,
    sendTexts: true,
  });
  expect(feedback.map((entry) => [entry.key, entry.score])).toEqual([["second", 0]]);
  expect(run).toMatchObject({ error: "model/timeout: No answer.", outputs: {} });
});

test("needs a key", () => {
  const before = process.env.LANGSMITH_API_KEY;
  delete process.env.LANGSMITH_API_KEY;
  try {
    expect(() => langSmithExperiments()).toThrow(expect.objectContaining({ code: "langsmith/no-api-key" }));
  } finally {
    if (before !== undefined) process.env.LANGSMITH_API_KEY = before;
  }
});
