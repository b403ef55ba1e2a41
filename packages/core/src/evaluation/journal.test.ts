import { expect, test } from "vitest";
import { memoryStore } from "../registry/memory-store.ts";
import { systemClock } from "../time/clock.ts";
import type { EvaluationAnswer } from "./answer.ts";
import { Journal, type JournalRow } from "./journal.ts";

const answer = (more: Partial<EvaluationAnswer> = {}): EvaluationAnswer => ({
  text: "yes",
  toolCalls: [],
  usage: { inputTokens: 1, outputTokens: 2 },
  costUsd: 0,
  latencyMs: 3,
  finishReason: "stop",
  requestId: null,
  attempts: 1,
  steps: null,
  route: null,
  details: {},
  fromCache: false,
  ...more,
});
const row = (exampleId: string, more: Partial<EvaluationAnswer> = {}): JournalRow => ({
  arm: "candidate",
  trial: 0,
  exampleId,
  answer: answer(more),
  scored: null,
});
const options = () => ({ store: memoryStore(), clock: systemClock, agent: "a", evaluationId: "e", start: 1 });

test("gives back what was appended, said or unsaid, to a later start", async () => {
  const where = options();
  const rows: JournalRow[] = [
    row("plain"),
    row("full", {
      toolCalls: [{ id: null, name: "find", arguments: '{"a":"\\"}' }],
      costUsd: 0.25,
      requestId: "r1",
      attempts: 3,
      steps: [],
      route: "billing",
      details: { nested: { list: [1, null] } },
      fromCache: true,
      finishReason: "length",
    }),
    {
      ...row("judged"),
      scored: { metricsKey: "m@1", scores: [{ score: 0, reason: "x" }], metricCostUsd: 0 },
    },
  ];
  const first = await Journal.open(where);
  for (const one of rows) await first.append(one);
  await first.flush();
  const second = await Journal.open(where);
  expect(second.knownRows).toBe(3);
  for (const one of rows) expect(await second.find(one)).toEqual(one);
  expect(second.find(row("other"))).toBeNull();
  expect(second.find({ ...row("plain"), trial: 1 })).toBeNull();
});

test("long answers that arrive together are kept, in records that the store takes", async () => {
  const where = options();
  const first = await Journal.open(where);
  const text = '"quoted"\n'.repeat(3000);
  for (let index = 0; index < 400; index += 1) {
    const waiting = first.append(row(`e${index}`, { text }));
    if (waiting) await waiting;
  }
  await first.flush();
  const second = await Journal.open(where);
  expect(second.knownRows).toBe(400);
  expect((await second.find(row("e399")))?.answer.text).toBe(text);
});

test("reads the records of the first version", async () => {
  const where = options();
  await where.store.commit({
    agent: "a",
    expectedRev: null,
    puts: [
      {
        collection: "evaluation-rows",
        key: "e/00000000",
        order: "e/00000000",
        terms: ["evaluation:e"],
        value: { v: 1, rows: [row("old", { route: "billing" })] },
      },
    ],
    at: "2026-01-01T00:00:00.000Z",
  });
  const journal = await Journal.open(where);
  expect(await journal.find(row("old"))).toEqual(row("old", { route: "billing" }));
});

test("two starts at once replace nothing of each other, and the later one counts", async () => {
  const where = options();
  const first = await Journal.open(where);
  const second = await Journal.open({ ...where, start: 2 });
  for (const [journal, text] of [
    [second, "second"],
    [first, "first"],
  ] as const) {
    journal.append(row(`only ${text}`));
    journal.append(row("both", { text }));
    await journal.flush();
  }
  const third = await Journal.open({ ...where, start: 3 });
  expect(third.knownRows).toBe(3);
  expect(await third.find(row("both"))).toEqual(row("both", { text: "second" }));
});

test("what is found out after a commit ends the journal; the rows are kept", async () => {
  const where = options();
  const journal = await Journal.open({
    ...where,
    afterCommit: () => Promise.reject(new Error("overtaken")),
  });
  journal.append(row("kept"));
  await expect(journal.flush()).rejects.toThrow("overtaken");
  await expect(journal.append(row("later"))).rejects.toThrow("overtaken");
  expect((await Journal.open({ ...where, start: 2 })).knownRows).toBe(1);
});

test("names the example whose answer has no JSON form", async () => {
  const journal = await Journal.open(options());
  expect(() => journal.append(row("odd", { details: { big: 1n } }))).toThrow(
    expect.objectContaining({ code: "input/not-json", message: expect.stringContaining("odd") }),
  );
});

test("says that a commit failed, at once and for good", async () => {
  const where = options();
  const journal = await Journal.open(where);
  await where.store.close();
  journal.append(row("lost"));
  await expect(journal.flush()).rejects.toMatchObject({ code: "storage/closed" });
  await expect(journal.append(row("later"))).rejects.toMatchObject({ code: "storage/closed" });
});
