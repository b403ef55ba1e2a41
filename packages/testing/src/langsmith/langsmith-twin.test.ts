import { randomUUID } from "node:crypto";
import { Client } from "langsmith";
import { evaluate } from "langsmith/evaluation";
import { traceable } from "langsmith/traceable";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { type LangSmithTwin, type LangSmithTwinOptions, startLangSmithTwin } from "./langsmith-twin.ts";

const KEY = "lsv2_pt_test0123456789abcdef";

let twin: LangSmithTwin;

beforeEach(() => {
  // The client reads login profiles and variables of the machine otherwise.
  vi.stubEnv("LANGSMITH_CONFIG_FILE", "/nowhere/langsmith.json");
  vi.stubEnv("LANGSMITH_TRACING", "false");
  // It prints the address of each experiment.
  vi.spyOn(console, "log").mockImplementation(() => {});
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await twin.close();
});

async function start(options: LangSmithTwinOptions = {}, apiKey = KEY): Promise<Client> {
  twin = await startLangSmithTwin({ apiKeys: [KEY], ...options });
  return new Client({ apiUrl: twin.apiUrl, apiKey, autoBatchTracing: true });
}

async function withDataset(client: Client): Promise<string> {
  const dataset = await client.createDataset("sums", { description: "small sums" });
  await client.createExamples(
    [1, 2, 3].map((number) => ({
      dataset_id: dataset.id,
      inputs: { question: `${number}+${number}` },
      outputs: { answer: 2 * number },
      metadata: { level: number > 2 ? "hard" : "easy" },
      split: number > 2 ? "test" : "train",
    })),
  );
  return dataset.id;
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const solve = async ({ question }: { question: string }) => {
  const [left = 0, right = 0] = question.split("+").map(Number);
  return { answer: left + right };
};
const guess = async () => ({ answer: 4 });
const correct = ({ outputs, referenceOutputs }: Record<string, Record<string, unknown> | undefined>) => ({
  key: "correct",
  score: outputs?.answer === referenceOutputs?.answer ? 1 : 0,
});

/** The client types results of experiments and of comparisons alike. */
function scoreOf(row: object): unknown {
  const { evaluationResults } = row as {
    readonly evaluationResults: { readonly results: readonly { score?: unknown }[] };
  };
  return evaluationResults.results[0]?.score;
}

describe("the LangSmith twin, asked by the langsmith client", () => {
  test("keeps datasets and examples, by name, split, metadata and page", async () => {
    const client = await start();
    const id = await withDataset(client);
    const found = await client.readDataset({ datasetName: "sums" });
    expect(found).toMatchObject({ id, example_count: 3, description: "small sums" });
    await expect(client.createDataset("sums")).rejects.toMatchObject({ status: 409 });
    await expect(client.readDataset({ datasetName: "absent" })).rejects.toThrow(/not found/);
    const questions = async (query: object) =>
      (await collect(client.listExamples({ datasetName: "sums", ...query }))).map(
        ({ inputs }) => inputs.question,
      );
    expect(await questions({})).toEqual(["1+1", "2+2", "3+3"]);
    expect(await questions({ splits: ["test"] })).toEqual(["3+3"]);
    expect(await questions({ metadata: { level: "easy" } })).toEqual(["1+1", "2+2"]);
    expect(await questions({ limit: 1, offset: 1 })).toEqual(["2+2"]);
  });

  test("reads a dataset as it was, whatever was changed or removed since", async () => {
    const clock = new VirtualClock({ startAtMs: Date.UTC(2026, 0, 1), autoAdvance: false });
    const client = await start({ clock });
    await withDataset(client);
    const before = new Date(clock.now()).toISOString();
    await clock.advance(60_000);
    const [first, second] = await collect(client.listExamples({ datasetName: "sums" }));
    await client.updateExample({ id: first?.id ?? "", outputs: { answer: "two" } });
    await client.deleteExample(second?.id ?? "");
    const answers = async (asOf?: string) =>
      (await collect(client.listExamples({ datasetName: "sums", asOf }))).map(
        ({ outputs }) => outputs?.answer,
      );
    expect(await answers()).toEqual(["two", 6]);
    expect(await answers(before)).toEqual([2, 4, 6]);
  });

  test.each([
    ["zstd", { compression: "zstd" }, ["POST /runs/multipart zstd", "POST /runs/query"]],
    ["gzip", { compression: "gzip" }, ["POST /runs/multipart gzip", "POST /runs/query"]],
    ["plain bodies", { compression: "none" }, ["POST /runs/multipart plain", "POST /runs/query"]],
    ["no multipart route", { multipart: false }, ["POST /runs/batch plain", "POST /runs/query"]],
    [
      "queries of version 2",
      { smithDbQueries: true },
      ["POST /runs/multipart zstd", "POST /api/v2/runs/query"],
    ],
  ] as const)("evaluates and compares two experiments, with %s", async (_, features, wanted) => {
    const client = await start({ features });
    await withDataset(client);
    const experiment = async (
      target: (inputs: { question: string }) => Promise<{ answer: number }>,
      name: string,
    ) =>
      evaluate(target, {
        data: "sums",
        evaluators: [correct as never],
        experimentPrefix: name,
        metadata: { agent: "support" },
        client,
        maxConcurrency: 2,
      });
    const right = await experiment(solve, "candidate");
    const wrong = await experiment(guess, "baseline");
    await client.awaitPendingTraceBatches();
    expect(right.results.map((row) => scoreOf(row))).toEqual([1, 1, 1]);

    const project = await client.readProject({ projectName: right.experimentName, includeStats: true });
    expect(project.feedback_stats?.correct).toMatchObject({ n: 3, avg: 1 });
    expect(project).toMatchObject({ run_count: 3, reference_dataset_id: expect.any(String) });
    const baseline = await client.readProject({ projectName: wrong.experimentName });
    expect(baseline.feedback_stats?.correct).toMatchObject({ n: 3, avg: 1 / 3 });
    expect(twin.runs(right.experimentName)).toHaveLength(3);
    expect(twin.runs("evaluators").length).toBe(6);
    expect(twin.runs(right.experimentName)[0]).toMatchObject({
      inputs: { question: expect.any(String) },
      error: null,
    });

    const compared = await evaluate([wrong.experimentName, right.experimentName], {
      evaluators: [
        ({ runs }: { runs: { id: string; outputs?: Record<string, unknown> }[] }) => ({
          key: "preferred",
          scores: Object.fromEntries(runs.map((run) => [run.id, run.outputs?.answer === 4 ? 0 : 1])),
        }),
      ] as never,
      client,
    });
    expect((compared as unknown as { results: unknown[] }).results).toHaveLength(3);
    await client.awaitPendingTraceBatches();
    const [preference] = await collect(client.listFeedback({ feedbackKeys: ["preferred"] }));
    expect(preference).toMatchObject({ key: "preferred" });
    const [ingest, query] = wanted;
    const ways = twin.requests.all
      .filter(({ path, status }) => path.startsWith("/runs/") && status === 202)
      .map(({ method, path, headers }) => `${method} ${path} ${headers["content-encoding"] ?? "plain"}`);
    expect(ways).toContain(ingest);
    expect(twin.requests.to(query).count).toBeGreaterThan(1);
  });

  test("receives traces with children, errors, tags and metadata, and answers questions about them", async () => {
    const client = await start({ features: { smithDbQueries: true } });
    const child = traceable(async (text: string) => text.toUpperCase(), {
      name: "child",
      client,
      tracingEnabled: true,
    });
    const parent = traceable(
      async (text: string) => {
        if (text === "bad") throw new Error("no such text");
        return child(text);
      },
      {
        name: "parent",
        client,
        project_name: "live",
        tags: ["canary"],
        metadata: { arm: "canary" },
        tracingEnabled: true,
      },
    );
    await parent("good");
    await expect(parent("bad")).rejects.toThrow("no such text");
    await client.awaitPendingTraceBatches();
    const runs = twin.runs("live");
    expect(runs.map(({ name }) => name).sort()).toEqual(["child", "parent", "parent"]);
    const root = runs.find(({ parentRunId, error }) => parentRunId === null && error === null);
    expect(runs.find(({ name }) => name === "child")?.parentRunId).toBe(root?.id);
    await client.createFeedback(root?.id ?? "", "thumbs", { score: 1 });
    await client.awaitPendingTraceBatches();

    const { id } = await client.readProject({ projectName: "live" });
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const ask = async (more: object) =>
      (
        await collect(
          client.runs.queryV2({
            project_ids: [id],
            min_start_time: since,
            selects: ["ID", "NAME", "STATUS"],
            ...more,
          }),
        )
      ).map(({ name, status }) => [name, status]);
    expect(await ask({ is_root: true, has_error: true })).toEqual([["parent", "ERROR"]]);
    expect(await ask({ filter: 'and(eq(feedback_key, "thumbs"), gt(feedback_score, 0.5))' })).toEqual([
      ["parent", "SUCCESS"],
    ]);
    expect(await ask({ trace_filter: 'has(tags, "canary")', filter: 'eq(name, "child")' })).toEqual([
      ["child", "SUCCESS"],
    ]);
    const byPages = await collect(
      client.runs.queryV2({ project_ids: [id], min_start_time: since, page_size: 1 }),
    );
    expect(byPages).toHaveLength(3);
    expect(Object.keys(byPages[0] ?? {})).toEqual(["id"]);
    expect(await collect(client.listRuns({ projectName: "live", isRoot: true, error: true }))).toMatchObject([
      { name: "parent", error: expect.stringContaining("no such text") },
    ]);
  });

  test("refuses a wrong key, wrong pages and questions without a project", async () => {
    const stranger = await start({}, "lsv2_pt_wrong0123456789");
    await expect(stranger.createDataset("sums")).rejects.toMatchObject({ status: 401 });
    const post = async (path: string, body: object) => {
      const headers = { "x-api-key": KEY, "content-type": "application/json" };
      const response = await fetch(`${twin.url}${path}`, {
        method: "POST",
        headers,
        body: JSON.stringify(body),
      });
      return response.status;
    };
    expect(await post("/runs/query", { limit: 101 })).toBe(400);
    expect(await post("/runs/query", { filter: "eq(name" })).toBe(400);
    expect(await post("/api/v2/runs/query", {})).toBe(422);
    expect(await post("/api/v2/runs/query", { project_ids: [], page_size: 1001 })).toBe(422);
    expect(await post("/runs/multipart", {})).toBe(422);
    expect(await post("/datasets/comparative", { id: "x", experiment_ids: ["a"] })).toBe(422);
    expect(await post("/annotation-queues", {})).toBe(501);
  });

  test("shows runs only after the delay it was given, and the last day only where nothing else is asked", async () => {
    const clock = new VirtualClock({ startAtMs: Date.now(), autoAdvance: false });
    const client = await start({ clock, ingestDelayMs: 5000 });
    await traceable(async () => 1, { name: "late", client, project_name: "live", tracingEnabled: true })();
    await client.awaitPendingTraceBatches();
    expect(twin.runs("live")).toEqual([]);
    await clock.advance(5000);
    expect(twin.runs("live")).toHaveLength(1);
    const { id } = await client.readProject({ projectName: "live" });
    expect(await collect(client.runs.queryV2({ project_ids: [id] }))).toHaveLength(1);
    await clock.advance(25 * 3_600_000);
    expect(await collect(client.runs.queryV2({ project_ids: [id] }))).toHaveLength(0);
  });
});

test("tells the Python client how to send, and to which trace feedback belongs that came without one", async () => {
  await start();
  const headers = { "x-api-key": KEY, "content-type": "application/json" };
  const ask = async (path: string, body?: object) => {
    const sent = body && { method: "POST", body: JSON.stringify(body) };
    return (await fetch(`${twin.url}${path}`, { headers, ...sent })).json();
  };
  expect(await ask("/info")).toMatchObject({
    batch_ingest_config: {
      scale_up_qsize_trigger: expect.any(Number),
      scale_up_nthreads_limit: expect.any(Number),
      scale_down_nempty_trigger: expect.any(Number),
    },
  });
  const [root, child] = [randomUUID(), randomUUID()];
  const run = { name: "r", run_type: "chain", inputs: {}, trace_id: root, session_name: "p" };
  await ask("/runs/batch", {
    post: [
      { ...run, id: root },
      { ...run, id: child, parent_run_id: root },
    ],
    patch: [],
  });
  await ask("/feedback", { run_id: child, key: "user", score: 1 });
  await ask("/feedback", { run_id: null, session_id: randomUUID(), key: "summary", score: 1 });
  expect(await ask("/feedback?key=user")).toMatchObject([{ run_id: child, trace_id: root }]);
  expect(await ask("/feedback?key=summary")).toMatchObject([{ run_id: null, trace_id: null }]);
});
