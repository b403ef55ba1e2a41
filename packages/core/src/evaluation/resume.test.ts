import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { completion, sendJson, startServer } from "../chat-models/__fixtures__/test-server.ts";
import { startEvaluation } from "./__fixtures__/evaluation-process.ts";

const COUNT = 120;
/** Four calls per model. */
const IN_FLIGHT = 8;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-resume-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("goes on after kill -9 and pays for no answer twice that had arrived", async () => {
  /** Requests per model and example. */
  const asked = new Map<string, number>();
  let answered = 0;
  const server = await startServer((response, seen) => {
    const question = String((seen.body.messages as { content: string }[])[0]?.content);
    const id = `${seen.body.model} ${question}`;
    asked.set(id, (asked.get(id) ?? 0) + 1);
    setTimeout(() => {
      if (response.destroyed) return;
      answered += 1;
      sendJson(response, 200, completion(question.replace(/\D/g, "")));
    }, 15);
  });
  const where = { database: join(folder, "modelops.db"), baseUrl: server.baseUrl, count: COUNT };
  try {
    const first = startEvaluation("start", where);
    await expect.poll(() => answered, { timeout: 20_000, interval: 5 }).toBeGreaterThan(COUNT);
    first.child.kill("SIGKILL");
    await first.ended;
    expect(first.output()).not.toContain("report");
    const answeredBefore = answered;
    const askedBeforeKill = server.seen.length;
    expect(answeredBefore).toBeLessThan(2 * COUNT);

    const second = startEvaluation("resume", where);
    await second.ended;
    const report = second.report();
    expect(report).toMatchObject({ score: 1, baseline: 1 });
    expect(report.coverage.candidate).toMatchObject({ asked: COUNT, answered: COUNT, failed: 0 });

    // Only what was on its way when the process died, or arrived in its last milliseconds, may be asked again.
    const askedTwice = [...asked.values()].filter((count) => count > 1).length;
    expect(asked.size).toBe(2 * COUNT);
    expect([...asked.values()].every((count) => count <= 2)).toBe(true);
    expect(askedTwice).toBeLessThanOrEqual(2 * IN_FLIGHT);
    const resumed = report.coverage.candidate.resumed + report.coverage.baseline.resumed;
    expect(resumed).toBe(2 * COUNT - (server.seen.length - askedBeforeKill));
    expect(resumed).toBeGreaterThanOrEqual(answeredBefore - 2 * IN_FLIGHT);
  } finally {
    await server.close();
  }
});
