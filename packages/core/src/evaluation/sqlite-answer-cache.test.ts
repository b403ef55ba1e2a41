import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ChatResult } from "../contract/chat-model.ts";
import { sqliteAnswerCache } from "./sqlite-answer-cache.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-cache-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const result = (text: string): ChatResult => ({
  text,
  toolCalls: [],
  usage: { inputTokens: 1, outputTokens: 2 },
  costUsd: null,
  latencyMs: 3,
  finishReason: "stop",
  requestId: "r",
  attempts: 1,
});
const key = (content: string, trial = 0) => ({
  modelId: "m",
  request: { messages: [{ role: "user" as const, content }] },
  trial,
});

test("keeps an answer across restarts, apart by model, request and trial", async () => {
  const path = join(folder, "sub", "cache.sqlite");
  let calls = 0;
  const generate = async () => result(`answer ${++calls}`);
  const first = sqliteAnswerCache({ path });
  expect(await first.answer(key("a"), generate)).toEqual({ result: result("answer 1"), fromCache: false });
  expect(await first.answer(key("b"), generate)).toMatchObject({ result: { text: "answer 2" } });
  expect(await first.answer(key("a", 1), generate)).toMatchObject({ result: { text: "answer 3" } });
  expect(await first.answer({ ...key("a"), modelId: "other" }, generate)).toMatchObject({
    result: { text: "answer 4" },
  });
  await first.close();

  const second = sqliteAnswerCache({ path });
  expect(await second.answer(key("a"), generate)).toEqual({ result: result("answer 1"), fromCache: true });
  await second.close();
  expect(calls).toBe(4);
  expect((await readFile(path)).subarray(0, 15).toString()).toBe("SQLite format 3");
});

test("equal calls at the same time share one", async () => {
  const cache = sqliteAnswerCache({ path: ":memory:" });
  let calls = 0;
  const generate = async () => {
    calls += 1;
    await new Promise((resolve) => setTimeout(resolve, 20));
    return result("once");
  };
  const answers = await Promise.all([1, 2, 3].map(() => cache.answer(key("a"), generate)));
  expect(calls).toBe(1);
  expect(answers.map((entry) => entry.fromCache)).toEqual([false, true, true]);
  await cache.close();
});

test("never keeps an error", async () => {
  const cache = sqliteAnswerCache({ path: ":memory:" });
  await expect(cache.answer(key("a"), () => Promise.reject(new Error("down")))).rejects.toThrow("down");
  expect(await cache.answer(key("a"), async () => result("up"))).toMatchObject({
    fromCache: false,
    result: { text: "up" },
  });
  await cache.close();
});

test("asks again when an answer is too old", async () => {
  const cache = sqliteAnswerCache({ path: ":memory:", maxAgeMs: 30 });
  let calls = 0;
  const generate = async () => result(`answer ${++calls}`);
  await cache.answer(key("a"), generate);
  await new Promise((resolve) => setTimeout(resolve, 60));
  await cache.answer(key("a"), generate);
  expect(calls).toBe(2);
  await cache.close();
});
