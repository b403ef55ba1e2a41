import { readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkDataset, createDatasets, createModelOps, type Datasets } from "@modelops/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type LangSmithTwin, startLangSmithTwin } from "./langsmith-twin.ts";

const KEY = "lsv2_pt_test0123456789abcdef";

let twin: LangSmithTwin;
let home: string;
let datasets: Datasets;
beforeEach(async () => {
  twin = await startLangSmithTwin({ apiKeys: [KEY] });
  home = await mkdtemp(join(tmpdir(), "modelops-collect-"));
  datasets = createDatasets({ home, langSmith: { apiUrl: twin.apiUrl, apiKey: KEY } });
});
afterEach(async () => {
  await twin.close();
  await rm(home, { recursive: true });
});

interface Run {
  readonly inputs?: object;
  readonly outputs?: object;
  readonly error?: string;
  readonly tags?: readonly string[];
  readonly metadata?: object;
  readonly feedback?: Readonly<Record<string, number>>;
  readonly isOpen?: boolean;
  readonly parent?: number;
}

async function post(path: string, body: object): Promise<void> {
  const headers = { "x-api-key": KEY, "content-type": "application/json" };
  const reply = await fetch(twin.apiUrl + path, { method: "POST", headers, body: JSON.stringify(body) });
  expect(reply.ok).toBe(true);
}

const runId = (index: number) => `00000000-0000-4000-9000-${String(index).padStart(12, "0")}`;

async function trace(runs: readonly Run[]): Promise<void> {
  const startMs = Date.now() - 60_000;
  await post("/runs/batch", {
    patch: [],
    post: runs.map(({ metadata, isOpen, parent, feedback: _, ...run }, index) => ({
      inputs: { question: `question ${index}` },
      outputs: { answer: `answer ${index}` },
      ...run,
      id: runId(index),
      ...(parent !== undefined && { parent_run_id: runId(parent), trace_id: runId(parent) }),
      name: "agent",
      run_type: "chain",
      session_name: "support",
      // The first is the newest.
      start_time: new Date(startMs - index).toISOString(),
      ...(!isOpen && { end_time: startMs + 5 }),
      extra: { metadata: metadata ?? {} },
    })),
  });
  for (const [index, { feedback = {} }] of runs.entries())
    for (const [key, score] of Object.entries(feedback))
      await post("/feedback", { run_id: runId(index), key, score });
}

const written = (path: string) =>
  readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
const questions = (path: string) => written(path).map(({ messages }) => messages[0].content);

describe("datasets.collect", () => {
  it("makes rows of the runs that ended well, and counts what it leaves out", async () => {
    await trace([
      {},
      { error: "broke" },
      { isOpen: true },
      { parent: 0 },
      { inputs: { question: "question 0" }, outputs: { answer: "answer 0" } },
      { outputs: { answer: "use lsv2_pt_0123456789abcdef0123456789abcdef_xy" } },
      { inputs: { picture: 4 } },
      { feedback: { user_score: 1 } },
    ]);
    const collected = await datasets.collect({ from: "ls://support" });
    expect(collected).toMatchObject({
      rows: 2,
      runs: 7,
      leftOut: { failed: 1, unfinished: 1, duplicate: 1, secret: 1, "no-text": 1 },
      feedbackKeys: ["user_score"],
    });
    expect(written(collected.path)[0]).toEqual({
      messages: [
        { role: "user", content: "question 0" },
        { role: "assistant", content: "answer 0" },
      ],
    });
    expect(collected.path).toContain(collected.sha256.slice(0, 16));
    expect(await datasets.check(collected.ref, "sft")).toMatchObject({ verdict: "READY", rows: 2 });
    expect(await readdir(join(home, "datasets"))).toHaveLength(1);
  });

  it("keeps what was rated and approved, of one agent", async () => {
    const support = { tags: ["agent:support"] };
    await trace([
      { ...support, feedback: { user_score: 5, hitl_approved: 1 } },
      { ...support, feedback: { user_score: 4 }, metadata: { hitl_approved: true } },
      { ...support, feedback: { user_score: 3, hitl_approved: 1 } },
      { ...support, feedback: { user_score: 5, hitl_approved: 0 } },
      { ...support, feedback: { hitl_approved: 1 } },
      { metadata: { agent: "support", hitl_approved: true }, feedback: { user_score: 4.5 } },
      { metadata: { agent: "billing" }, feedback: { user_score: 5, hitl_approved: 1 } },
    ]);
    const collected = await datasets.collect({
      agent: "support",
      from: "ls://support",
      filter: { success: true, minFeedback: 4, hitlApproved: true },
    });
    expect(questions(collected.path)).toEqual(["question 0", "question 1", "question 5"]);
    expect(collected.leftOut).toEqual({
      "low-feedback": 1,
      "not-approved": 1,
      "no-feedback": 1,
      "other-agent": 1,
    });
  });

  it("looks at the feedback it is told to, and else lets one low score decide", async () => {
    await trace([{ feedback: { stars: 5, correctness: 1 } }]);
    const filter = { minFeedback: 4 };
    await expect(datasets.collect({ from: "ls://support", filter })).rejects.toMatchObject({
      code: "dataset/nothing-collected",
      details: {
        leftOut: { "low-feedback": 1 },
        feedbackKeys: expect.arrayContaining(["stars", "correctness"]),
      },
    });
    const named = await datasets.collect({
      from: "ls://support",
      filter: { ...filter, feedbackKey: "stars" },
    });
    expect(named.rows).toBe(1);
    expect(await readdir(join(home, "datasets"))).toHaveLength(1);
  });

  it.each([
    [
      "OpenAI messages and choices with tools",
      {
        messages: [
          { role: "system", content: "be kind" },
          { role: "user", content: "rain?" },
        ],
      },
      {
        choices: [
          {
            message: {
              role: "assistant",
              content: null,
              tool_calls: [{ id: "c1", type: "function", function: { name: "weather", arguments: "{}" } }],
            },
          },
        ],
      },
      [
        { role: "system", content: "be kind" },
        { role: "user", content: "rain?" },
        {
          role: "assistant",
          content: "",
          tool_calls: [{ id: "c1", type: "function", function: { name: "weather", arguments: "{}" } }],
        },
      ],
    ],
    [
      "serialized LangChain messages and generations",
      {
        messages: [
          [
            {
              lc: 1,
              type: "constructor",
              id: ["langchain", "schema", "HumanMessage"],
              kwargs: { content: "hi" },
            },
          ],
        ],
      },
      {
        generations: [
          [
            {
              text: "",
              message: {
                lc: 1,
                type: "constructor",
                id: ["langchain", "schema", "AIMessage"],
                kwargs: { content: "", tool_calls: [{ id: "c", name: "find", args: { q: "x" } }] },
              },
            },
          ],
        ],
      },
      [
        { role: "user", content: "hi" },
        {
          role: "assistant",
          content: "",
          tool_calls: [{ id: "c", type: "function", function: { name: "find", arguments: '{"q":"x"}' } }],
        },
      ],
    ],
    [
      "an agent's messages with parts",
      {
        messages: [
          {
            type: "human",
            content: [
              { type: "text", text: "one " },
              { type: "text", text: "two" },
            ],
          },
        ],
      },
      {
        messages: [
          { type: "human", content: "one two" },
          { type: "ai", content: "three" },
        ],
      },
      [
        { role: "user", content: "one two" },
        { role: "assistant", content: "three" },
      ],
    ],
  ])("reads %s", async (_, inputs, outputs, messages) => {
    await trace([{ inputs, outputs }]);
    const { path, ref } = await datasets.collect({ from: "ls://support" });
    expect(written(path)).toEqual([{ messages }]);
    expect((await checkDataset(ref, "sft")).verdict).toBe("READY");
  });

  it("takes the window, the newest rows and a mapping of its own", async () => {
    await trace(Array.from({ length: 5 }, () => ({})));
    const mapping = { prompt: "Q: {{inputs.question}}\n", completion: "outputs.answer" };
    const newest = await datasets.collect({ from: "ls://support", rows: 2, mapping });
    expect(written(newest.path)).toEqual([
      { prompt: "Q: question 0\n", completion: "answer 0" },
      { prompt: "Q: question 1\n", completion: "answer 1" },
    ]);
    const until = new Date(Date.now() - 3_600_000);
    await expect(datasets.collect({ from: "ls://support", until })).rejects.toMatchObject({
      code: "dataset/nothing-collected",
      details: { runs: 0 },
    });
  });

  it.each([
    [{ from: "support" }, "input/dataset-collect"],
    [{ from: "ls://support", filter: { minFeedbak: 4 } }, "input/dataset-collect"],
    [{ from: "ls://absent" }, "langsmith/not-found"],
  ])("refuses %j", async (options, code) => {
    await expect(datasets.collect(options as never)).rejects.toMatchObject({ code });
  });
});

it("an installation reads through the sources it was given", async () => {
  const rows = [{ prompt: "a", completion: "b" }];
  await using ops = createModelOps({
    home,
    sources: [
      {
        contract: "dataset-source/v1",
        scheme: "tickets",
        describe: async (ref) => ({ ref, rows: 1, sizeBytes: null, fingerprint: "x" }),
        async *read() {
          for (const value of rows) yield { line: 1, value };
        },
      },
    ],
  });
  expect((await ops.datasets.check("tickets:open", "sft")).verdict).toBe("READY");
});
