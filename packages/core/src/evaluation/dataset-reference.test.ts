import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ChatModel, ChatRequest } from "../contract/chat-model.ts";
import type { DatasetSource, EvaluationExample } from "../contract/dataset-source.ts";
import { fileSource } from "../datasets/sources/file-source.ts";
import { memoryStore } from "../registry/memory-store.ts";
import { completeRuntime } from "../runtime.ts";
import { openDataset } from "./dataset.ts";
import { Evaluator } from "./evaluator.ts";
import { accuracy } from "./metrics/accuracy.ts";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-dataset-"));
  file = join(folder, "rows.jsonl");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function echo(
  onCall: (call: number) => Promise<void> = async () => undefined,
): ChatModel & { requests: ChatRequest[] } {
  const requests: ChatRequest[] = [];
  return {
    contract: "chat-model/v1",
    id: "echo",
    requests,
    async generate(request) {
      requests.push(request);
      await onCall(requests.length);
      return {
        text: request.messages.at(-1)?.content ?? "",
        toolCalls: [],
        usage: { inputTokens: 1, outputTokens: 1 },
        costUsd: null,
        latencyMs: 1,
        finishReason: "stop",
        requestId: null,
        attempts: 1,
      };
    },
  };
}

const evaluate = (model: ChatModel, more: object = {}) =>
  new Evaluator(completeRuntime({ store: memoryStore(), home: folder }), {
    sources: [fileSource()],
  }).evaluate({
    agent: "feature_dev",
    model,
    dataset: `file:${file}`,
    metrics: [accuracy()],
    ...more,
  });

const writeRows = (rows: readonly unknown[]) =>
  writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));

test("asks training rows up to the last assistant message, which is the reference", async () => {
  const row = (text: string, answer: string) => ({
    messages: [
      { role: "system", content: "Echo." },
      { role: "user", content: text },
      { role: "assistant", content: answer },
    ],
  });
  await writeRows([row("a", "a"), row("b", "other"), row("c", "c"), row("d", "d")]);
  const model = echo();
  const report = await evaluate(model, { generation: { temperature: 0, maxOutputTokens: 9 } });
  expect(report).toMatchObject({ score: 0.75, dataset: { ref: `file:${file}`, examples: 4 } });
  expect(model.requests.map((request) => request.messages.length)).toEqual([2, 2, 2, 2]);
  expect(model.requests[0]).toMatchObject({ temperature: 0, maxOutputTokens: 9 });
});

test("maps rows of another shape and names the line of a row it cannot use", async () => {
  await writeRows([
    { utterance: "x", intent: "x" },
    { utterance: "y", intent: "z" },
  ]);
  const mapRow = (row: Record<string, unknown>, line: number) => ({
    id: String(line),
    inputs: { prompt: row.utterance },
    outputs: { label: row.intent },
    metadata: {},
  });
  expect(await evaluate(echo(), { mapRow })).toMatchObject({ score: 0.5 });
  await expect(evaluate(echo())).rejects.toMatchObject({
    code: "evaluation/example-shape",
    details: { line: 1 },
  });
});

test.each([
  [
    "with a column for each field",
    "id,inputs.prompt,outputs.text,metadata.level\n7,p1,p1,easy\n8,p2,x,hard\n",
  ],
  [
    "with JSON in its cells",
    'id,inputs,outputs,metadata\n7,"{""prompt"":""p1""}","{""text"":""p1""}","{""level"":""easy""}"\n8,"{""prompt"":""p2""}","{""text"":""x""}",\n',
  ],
  ["of prompts and completions", "id,prompt,completion\n7,p1,p1\n8,p2,x\n"],
])("reads examples from a CSV table %s", async (_, table) => {
  file = join(folder, "rows.csv");
  await writeFile(file, table);
  const seen: unknown[] = [];
  const run = async (example: EvaluationExample) => {
    seen.push(example);
    return { text: String(example.inputs.prompt) };
  };
  // A bare path is a file, too.
  expect(await evaluate(echo(), { run, dataset: file })).toMatchObject({ score: 0.5 });
  expect(seen[0]).toMatchObject({ id: "7", inputs: { prompt: "p1" } });
});

test("a source that keeps versions is read at one version from start to end", async () => {
  const versions = [
    ["p1", "p2"],
    ["p1", "p2", "p3"],
  ];
  const read: string[] = [];
  const source: DatasetSource = {
    contract: "dataset-source/v1",
    scheme: "kept",
    describe: async (ref) => ({
      ref,
      pinnedRef: "kept:rows@0",
      rows: null,
      sizeBytes: null,
      fingerprint: "version 0",
    }),
    async *read(ref) {
      read.push(ref);
      const [, version = "1"] = ref.split("@");
      for (const [index, prompt] of (versions[Number(version)] ?? []).entries())
        yield { line: index + 1, value: { prompt, completion: prompt } };
    },
  };
  const evaluator = new Evaluator(completeRuntime({ store: memoryStore(), home: folder }), {
    sources: [source],
  });
  const report = await evaluator.evaluate({
    agent: "feature_dev",
    model: echo(),
    dataset: "kept:rows",
    metrics: [accuracy()],
  });
  expect(report.dataset).toMatchObject({ ref: "kept:rows@0", examples: 2 });
  expect(read).toEqual(["kept:rows@0", "kept:rows@0"]);
});

test("notices that the file changed while it was evaluated", async () => {
  await writeRows(
    Array.from({ length: 40 }, (_, index) => ({ prompt: `p${index}`, completion: `p${index}` })),
  );
  const model = echo(async (call) => {
    if (call === 5) await appendFile(file, `${JSON.stringify({ prompt: "new", completion: "new" })}\n`);
  });
  await expect(evaluate(model)).rejects.toMatchObject({ code: "evaluation/dataset-changed" });
});

test("closes its source when a row cannot be used", async () => {
  let isOpen = false;
  const source: DatasetSource = {
    contract: "dataset-source/v1",
    scheme: "made",
    describe: async (ref) => ({ ref, rows: 3, sizeBytes: null, fingerprint: "made" }),
    async *read() {
      isOpen = true;
      try {
        for (let line = 1; line <= 3; line += 1) yield { line, value: { question: "?" } };
      } finally {
        isOpen = false;
      }
    },
  };
  const rows = openDataset({ dataset: "made:rows", sources: [source] }).read(new AbortController().signal);
  const readAll = async () => {
    for await (const _ of rows) throw new Error("no row can be used");
  };
  await expect(readAll()).rejects.toMatchObject({ code: "evaluation/example-shape" });
  expect(isOpen).toBe(false);
});
