import { expect, test } from "vitest";
import type { FeedbackRecord, RunRecord } from "./langsmith-records.ts";
import { runFilter } from "./run-filter.ts";

const RUN: RunRecord = {
  id: "r1",
  sessionId: "s1",
  visibleAtMs: 0,
  name: "answer",
  runType: "llm",
  startTime: "2026-11-23T10:00:00.000Z",
  endTime: "2026-11-23T10:00:12.000Z",
  traceId: "r1",
  parentRunId: null,
  dottedOrder: null,
  referenceExampleId: null,
  error: null,
  tags: ["prod", "canary"],
  inputs: { question: "Where is the Invoice?" },
  outputs: null,
  extra: { metadata: { model: "m1", arm: "canary" } },
  events: [],
  serialized: null,
  attachments: {},
};

const feedback = (key: string, score: number | null): FeedbackRecord => ({
  id: key,
  runId: "r1",
  sessionId: "s1",
  key,
  score,
  createdAt: "2026-11-23T10:00:00.000Z",
  fields: {},
});

const FEEDBACK = [feedback("correctness", 0.9), feedback("tone", 0.2)];

test.each([
  ['eq(name, "answer")', true],
  ['has(tags, "prod")', true],
  ['has(tags, "test")', false],
  ["gt(latency, 10)", true],
  ["or(neq(error, null), gt(latency, 20))", false],
  ["eq(error, null)", true],
  ['gt(start_time, "2026-11-23T09:00:00Z")', true],
  ['lte(end_time, "2026-11-23T10:00:00Z")', false],
  ['and(eq(metadata_key, "model"), eq(metadata_value, "m1"))', true],
  // One entry must hold both, not one entry each.
  ['and(eq(metadata_key, "model"), eq(metadata_value, "canary"))', false],
  ['and(eq(feedback_key, "correctness"), gte(feedback_score, 0.9))', true],
  ['and(eq(feedback_key, "correctness"), lt(feedback_score, 0.5))', false],
  ['or(eq(feedback_key, "absent"), and(eq(feedback_key, "tone"), lt(feedback_score, 0.5)))', true],
  ['and(eq(run_type, "llm"), eq(is_root, true), search("invoice"))', true],
  ["eq(status, 'success')", true],
])("%s is %s", (text, expected) => {
  expect(runFilter(text)(RUN, FEEDBACK)).toBe(expected);
});

test.each([
  'eq(name, "answer"',
  "eq(name)",
  'equals(name, "x")',
  'eq(colour, "red")',
  "name",
  'eq(name, "a") x',
])("%s is refused", (text) => {
  expect(() => runFilter(text)(RUN, FEEDBACK)).toThrow(/Invalid filter/);
});
