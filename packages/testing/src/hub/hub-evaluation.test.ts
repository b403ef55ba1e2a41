import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accuracy, type ChatModel, createModelOps, hubSource, memoryStore } from "@modelops/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type HubTwin, startHubTwin } from "./start-hub-twin.ts";

let twin: HubTwin | null = null;
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "hub-evaluation-"));
});
afterEach(async () => {
  await twin?.close();
  await rm(home, { recursive: true, force: true });
});

const echo: ChatModel = {
  contract: "chat-model/v1",
  id: "echo",
  generate: async ({ messages }) => ({
    text: messages.at(-1)?.content ?? "",
    toolCalls: [],
    usage: { inputTokens: 1, outputTokens: 1 },
    costUsd: null,
    latencyMs: 1,
    finishReason: "stop",
    requestId: null,
    attempts: 1,
  }),
};

test.each([
  ["JSON Lines", "test.jsonl", '{"prompt":"a","completion":"a"}\n{"prompt":"b","completion":"x"}\n'],
  ["CSV", "test.csv", "inputs.question,outputs.answer\na,a\nb,x\n"],
])("an evaluation takes a split of a Hub dataset as %s, and records its commit", async (_, path, text) => {
  twin = await startHubTwin({
    repositories: [{ type: "dataset", name: "alice/rows", files: { [path]: text } }],
  });
  await using ops = createModelOps({
    home,
    store: memoryStore(),
    sources: [hubSource({ hubUrl: twin.url, token: twin.token, viewerUrl: null })],
  });
  const report = await ops.evaluator.evaluate({
    agent: "support",
    model: echo,
    dataset: "hf://alice/rows/test",
    metrics: [accuracy()],
  });
  expect(report).toMatchObject({ score: 0.5, coverage: { examples: 2 } });
  expect(report.dataset.ref).toMatch(/^hf:\/\/alice\/rows@[0-9a-f]{40}\/default\/test$/);
  expect(report.dataset.fingerprint).toMatch(/^sha256:/);
});
