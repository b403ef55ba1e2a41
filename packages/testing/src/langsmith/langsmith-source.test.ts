import { type DatasetRow, langSmithSource } from "@modelops/core";
import { Client } from "langsmith";
import { describe, expect, it } from "vitest";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { describeDatasetSource } from "../kits/dataset-source/describe-dataset-source.ts";
import { type LangSmithTwin, startLangSmithTwin } from "./langsmith-twin.ts";

const KEY = "lsv2_pt_test0123456789abcdef";
const ROWS = [1, 2, 3].map((number) => ({
  id: `00000000-0000-4000-8000-00000000000${number}`,
  inputs: { question: `${number}+${number}?`, detail: null },
  outputs: { answer: 2 * number },
  metadata: { level: number, dataset_split: ["base"] },
}));

async function upload(twin: LangSmithTwin, name: string, rows: readonly (typeof ROWS)[number][]) {
  const client = new Client({ apiUrl: twin.apiUrl, apiKey: KEY });
  const dataset = (await client.hasDataset({ datasetName: name }))
    ? await client.readDataset({ datasetName: name })
    : await client.createDataset(name);
  await client.uploadExamplesMultipart(
    dataset.id,
    rows.map(({ metadata: { dataset_split: split, ...metadata }, ...row }) => ({ ...row, metadata, split })),
  );
  return { client, id: dataset.id };
}

async function post(twin: LangSmithTwin, path: string, body: object): Promise<void> {
  const headers = { "x-api-key": KEY, "content-type": "application/json" };
  const reply = await fetch(twin.apiUrl + path, { method: "POST", headers, body: JSON.stringify(body) });
  expect(reply.ok).toBe(true);
}

const runId = (index: number) => `00000000-0000-4000-9000-${String(index).padStart(12, "0")}`;
const score = (twin: LangSmithTwin, index: number, value: number) =>
  post(twin, "/feedback", { run_id: runId(index), key: "user_score", score: value });

async function addRuns(
  twin: LangSmithTwin,
  runs: readonly { readonly answer: string; readonly error?: string }[],
): Promise<void> {
  const startMs = twin.clock.now();
  const bodies = runs.map(({ answer, error }, index) => ({
    id: runId(index),
    name: "answer",
    run_type: "chain",
    session_name: "support",
    start_time: new Date(startMs + index).toISOString(),
    end_time: startMs + index + 5,
    inputs: { question: `question ${index}` },
    outputs: { answer },
    tags: ["agent:support"],
    extra: { metadata: { plan: "free" } },
    ...(error && { error }),
  }));
  await post(twin, "/runs/batch", { post: bodies, patch: [] });
}

const collect = async (rows: AsyncIterable<DatasetRow>) => {
  const all: DatasetRow[] = [];
  for await (const row of rows) all.push(row);
  return all;
};

describeDatasetSource(
  {
    name: "langSmithSource with a dataset",
    async create() {
      const twin = await startLangSmithTwin({ apiKeys: [KEY] });
      const { client, id } = await upload(twin, "sums", ROWS);
      return {
        source: langSmithSource({ apiUrl: twin.apiUrl, apiKey: KEY }),
        ref: "ls://sums",
        rows: ROWS,
        missingRef: "ls://absent",
        change: async () => {
          const [first] = ROWS;
          if (first) await client.updateExample({ id: first.id, outputs: { answer: 0 }, dataset_id: id });
        },
        broken: null,
        secrets: [KEY],
        remove: () => twin.close(),
      };
    },
  },
  { describe, it },
);

describeDatasetSource(
  {
    name: "langSmithSource with the runs of a project",
    async create() {
      const twin = await startLangSmithTwin({ apiKeys: [KEY] });
      await addRuns(twin, [{ answer: "a" }, { answer: "b" }, { answer: "", error: "broke" }]);
      await score(twin, 0, 5);
      const row = (index: number, more: object) => ({
        id: runId(index),
        inputs: { question: `question ${index}` },
        metadata: { plan: "free" },
        status: "success",
        error: null,
        tags: ["agent:support"],
        feedback: {},
        ...more,
      });
      return {
        source: langSmithSource({ apiUrl: twin.apiUrl, apiKey: KEY }),
        ref: "ls://projects/support?until=2099-01-01T00:00:00Z",
        rows: [
          row(2, { outputs: { answer: "" }, status: "error", error: "broke" }),
          row(1, { outputs: { answer: "b" } }),
          row(0, { outputs: { answer: "a" }, feedback: { user_score: { count: 1, mean: 5 } } }),
        ],
        missingRef: "ls://projects/absent",
        change: () => score(twin, 1, 1),
        broken: null,
        secrets: [KEY],
        remove: () => twin.close(),
      };
    },
  },
  { describe, it },
);

describe("langSmithSource", () => {
  it("reads every page of a dataset as of one moment, and an older version by its time", async () => {
    const clock = new VirtualClock();
    const twin = await startLangSmithTwin({ clock });
    const rows = Array.from({ length: 230 }, (_, index) => ({
      id: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
      inputs: { question: `${index}`, detail: null },
      outputs: { answer: index },
      metadata: { level: 1, dataset_split: ["base"] },
    }));
    await upload(twin, "large", rows.slice(0, 150));
    const before = new Date(clock.now()).toISOString();
    await clock.advance(60_000);
    await upload(twin, "large", rows.slice(150));
    const source = langSmithSource({ apiUrl: twin.apiUrl, apiKey: KEY, clock });
    expect(await collect(source.read("ls://large"))).toHaveLength(230);
    const pages = twin.requests.to("GET /examples").all.map(({ query }) => [query.offset, query.as_of]);
    const now = new Date(clock.now()).toISOString();
    expect(pages).toEqual([
      ["0", now],
      ["100", now],
      ["200", now],
    ]);
    expect(await collect(source.read(`ls://large@${before}`))).toHaveLength(150);
    await twin.close();
  });

  it("asks for runs by the second version, with window and fields, and reads those older than a day", async () => {
    const clock = new VirtualClock();
    const twin = await startLangSmithTwin({ clock });
    const runs = Array.from({ length: 120 }, (_, index) => ({ answer: `${index}` }));
    await addRuns(twin, runs);
    const startedAt = clock.now();
    await clock.advance(3 * 86_400_000);
    const source = langSmithSource({ apiUrl: `${twin.apiUrl}/api/v1`, apiKey: KEY, clock });
    const read = await collect(source.read("ls://projects/support"));
    expect(read.map(({ value }) => (value.outputs as { answer: string }).answer)).toEqual(
      runs.map(({ answer }) => answer).reverse(),
    );
    const asked = twin.requests.to("POST /api/v2/runs/query").json() as Record<string, unknown>[];
    expect(asked).toHaveLength(2);
    for (const body of asked) {
      expect(body).toMatchObject({
        is_root: true,
        min_start_time: new Date(startedAt - 3_600_000).toISOString(),
        max_start_time: new Date(clock.now()).toISOString(),
      });
      expect(body.selects).toEqual(expect.arrayContaining(["ID", "INPUTS", "OUTPUTS", "FEEDBACK_STATS"]));
    }
    const since = new Date(startedAt + 100).toISOString();
    expect(await collect(source.read(`ls://projects/support?since=${since}`))).toHaveLength(20);
    await twin.close();
  });

  it("asks by the first version where the second is missing, with the same rows", async () => {
    const twin = await startLangSmithTwin();
    await addRuns(
      twin,
      Array.from({ length: 120 }, (_, index) => ({ answer: `${index}` })),
    );
    const source = langSmithSource({ apiUrl: twin.apiUrl, apiKey: KEY });
    const ref = "ls://projects/support?until=2099-01-01T00:00:00Z";
    const expected = await collect(source.read(ref));
    twin.faults.add({ route: "POST /api/v2/runs/query", fault: { kind: "reply", status: 404 } });
    expect(await collect(source.read(ref))).toEqual(expected);
    expect(twin.requests.to("POST /runs/query").count).toBe(2);
    await twin.close();
  });

  it("waits as told when it is rate limited", async () => {
    const twin = await startLangSmithTwin();
    await upload(twin, "sums", ROWS);
    twin.faults.add({
      route: "GET /examples",
      nth: 1,
      fault: { kind: "reply", status: 429, headers: { "retry-after": "0" } },
    });
    const source = langSmithSource({ apiUrl: twin.apiUrl, apiKey: KEY });
    expect(await collect(source.read("ls://sums"))).toHaveLength(3);
    expect(twin.faults.allPlayed).toBe(true);
    await twin.close();
  });

  it.each([
    ["ls://", "langsmith/reference"],
    ["ls://projects/", "langsmith/reference"],
    ["ls://projects/support?since=yesterday", "langsmith/reference"],
    ["ls://projects/support?limit=3", "langsmith/reference"],
    ["ls://sums@not-a-version", "langsmith/not-found"],
  ])("refuses %s", async (ref, code) => {
    const twin = await startLangSmithTwin();
    await upload(twin, "sums", ROWS);
    const source = langSmithSource({ apiUrl: twin.apiUrl, apiKey: KEY });
    await expect(collect(source.read(ref))).rejects.toMatchObject({ code });
    await twin.close();
  });

  it("says that the key is wrong without showing it", async () => {
    const twin = await startLangSmithTwin({ apiKeys: ["lsv2_pt_another0123456789"] });
    const source = langSmithSource({ apiUrl: twin.apiUrl, apiKey: KEY });
    await expect(collect(source.read("ls://sums"))).rejects.toMatchObject({ code: "langsmith/unauthorized" });
    await expect(collect(source.read("ls://sums"))).rejects.not.toThrow(KEY);
    await twin.close();
  });
});
