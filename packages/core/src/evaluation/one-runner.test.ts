import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { completion, sendJson, startServer } from "../chat-models/__fixtures__/test-server.ts";
import type { ChatModel } from "../contract/chat-model.ts";
import type { ModelOpsEvent } from "../events/event.ts";
import { memoryStore } from "../registry/memory-store.ts";
import { completeRuntime } from "../runtime.ts";
import { systemClock } from "../time/clock.ts";
import { startEvaluation } from "./__fixtures__/evaluation-process.ts";
import { temporaryHome } from "./__fixtures__/temporary-home.ts";
import { Evaluator } from "./evaluator.ts";
import { Journal } from "./journal.ts";
import { accuracy } from "./metrics/accuracy.ts";

const COUNT = 60;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-runner-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("a second process that goes on with a running evaluation is told who runs it, and asks for nothing", async () => {
  const asked = new Map<string, number>();
  let isOpen = false;
  const waiting: (() => void)[] = [];
  const server = await startServer((response, seen) => {
    const question = String((seen.body.messages as { content: string }[])[0]?.content);
    const id = `${seen.body.model} ${question}`;
    asked.set(id, (asked.get(id) ?? 0) + 1);
    const answer = () => {
      if (!response.destroyed) sendJson(response, 200, completion(question.replace(/\D/g, "")));
    };
    if (isOpen || asked.size <= COUNT) answer();
    else waiting.push(answer);
  });
  const where = { database: join(folder, "modelops.db"), baseUrl: server.baseUrl, count: COUNT };
  try {
    const first = startEvaluation("start", where);
    await expect.poll(() => waiting.length, { timeout: 20_000, interval: 5 }).toBeGreaterThan(0);
    for (const mode of ["resume", "start"] as const) {
      const second = startEvaluation(mode, where);
      await second.ended;
      expect(second.output()).toContain("evaluation/in-progress");
      expect(second.output()).toContain(`Process ${first.child.pid} on `);
    }
    isOpen = true;
    for (const answer of waiting) answer();
    await first.ended;
    expect(first.report()).toMatchObject({ score: 1, baseline: 1, coverage: { candidate: { resumed: 0 } } });
    expect(asked.size).toBe(2 * COUNT);
    expect([...asked.values()].every((count) => count === 1)).toBe(true);
  } finally {
    await server.close();
  }
});

/** Answers with the question, once its gate is open. */
function gated(id: string) {
  const seen: string[] = [];
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const model: ChatModel = {
    contract: "chat-model/v1",
    id,
    async generate({ messages }) {
      const text = messages.at(-1)?.content ?? "";
      seen.push(text);
      if (seen.length > 4) await gate;
      await new Promise((resolve) => setTimeout(resolve, 1));
      return {
        text,
        toolCalls: [],
        usage: { inputTokens: 1, outputTokens: 1 },
        costUsd: 0,
        latencyMs: 1,
        finishReason: "stop",
        requestId: null,
        attempts: 1,
      };
    },
  };
  return { model, seen, open: () => open() };
}

const options = (model: ChatModel, count = 8) => ({
  agent: "support",
  model,
  evaluationId: "shared",
  dataset: Array.from({ length: count }, (_, index) => ({
    id: `e${index}`,
    inputs: { prompt: `${index}` },
    outputs: { text: `${index}` },
    metadata: {},
  })),
  metrics: [accuracy()],
  concurrency: 2,
});

test("in one process, too, an evaluation has one runner; when it has ended it can be resumed", async () => {
  const runtime = completeRuntime({ store: memoryStore(), home: temporaryHome() });
  const [evaluator, other] = [new Evaluator(runtime), new Evaluator(runtime)];
  const { model, seen, open } = gated("m");
  const running = evaluator.evaluate(options(model));
  await expect.poll(() => seen.length).toBe(6);
  const { evaluationId, ...resumed } = options(model);
  for (const second of [evaluator, other]) {
    await expect(second.resume(evaluationId, resumed)).rejects.toMatchObject({
      code: "evaluation/in-progress",
      reason: expect.stringContaining("This process"),
      isRetryable: true,
    });
  }
  open();
  expect((await running).score).toBe(1);
  expect(seen).toHaveLength(8);
  expect((await other.resume(evaluationId, resumed)).coverage).toMatchObject({ resumed: 8 });
  expect(seen).toHaveLength(8);
});

test("a runner whose lock lies elsewhere is overtaken, stops, and keeps what it was answered", async () => {
  const store = memoryStore();
  const [slow, quick] = [gated("m"), gated("m")];
  const first = new Evaluator(completeRuntime({ store, home: temporaryHome() }));
  const second = new Evaluator(completeRuntime({ store, home: temporaryHome() }));
  const events: ModelOpsEvent[] = [];
  first.onAny((event) => void events.push(event));
  const overtaken = first.evaluate(options(slow.model, 100)).catch((error: unknown) => error);
  const kept = async () =>
    (await Journal.open({ store, clock: systemClock, agent: "support", evaluationId: "shared", start: 1 }))
      .knownRows;
  await expect.poll(kept).toBe(4);
  quick.open();
  const { evaluationId, ...resumed } = options(quick.model, 100);
  const report = await second.resume(evaluationId, resumed);
  expect(report.coverage).toMatchObject({ resumed: 4, answered: 100 });
  slow.open();
  expect(await overtaken).toMatchObject({ code: "evaluation/overtaken" });
  expect(events.at(-1)).toMatchObject({ type: "evaluation.failed", data: { code: "evaluation/overtaken" } });
  expect(slow.seen.length).toBeLessThan(50);
  expect(await second.report(evaluationId, { agent: "support" })).toMatchObject({ evaluationId });
  expect((await second.resume(evaluationId, resumed)).coverage).toMatchObject({ resumed: 100 });
  expect(quick.seen).toHaveLength(96);
});

test("an evaluation that only scored again is not resumed: there is nothing of its own to go on with", async () => {
  const evaluator = new Evaluator(completeRuntime({ store: memoryStore(), home: temporaryHome() }));
  const { model, seen, open } = gated("m");
  open();
  await evaluator.evaluate(options(model));
  const { agent, dataset, metrics } = options(model);
  const rescored = await evaluator.rescore("shared", { agent, dataset, metrics });
  await expect(
    evaluator.resume(rescored.evaluationId, { agent, dataset, metrics, model }),
  ).rejects.toMatchObject({ code: "evaluation/not-resumable" });
  expect(seen).toHaveLength(8);
});

test("a home folder that cannot hold the lock ends the evaluation before anything is asked", async () => {
  const file = join(folder, "file");
  await writeFile(file, "");
  const evaluator = new Evaluator(completeRuntime({ store: memoryStore(), home: join(file, "home") }));
  const { model, seen } = gated("m");
  await expect(evaluator.evaluate(options(model))).rejects.toMatchObject({ code: "storage/lock-failed" });
  expect(seen).toHaveLength(0);
});

test("a host without node:sqlite evaluates too: only its lock is missing", async () => {
  vi.resetModules();
  const hidden = vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
  try {
    const fresh = await import("./evaluator.ts");
    const home = temporaryHome();
    const evaluator = new fresh.Evaluator(completeRuntime({ store: memoryStore(), home }));
    const { model, open } = gated("m");
    open();
    expect((await evaluator.evaluate(options(model))).score).toBe(1);
    expect(hidden).toHaveBeenCalledWith("node:sqlite");
  } finally {
    hidden.mockRestore();
    vi.resetModules();
  }
});
