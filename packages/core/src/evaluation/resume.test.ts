import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { completion, sendJson, startServer } from "../chat-models/__fixtures__/test-server.ts";

const COUNT = 120;
const CONCURRENCY = 8;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "modelops-resume-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function start(mode: "start" | "resume", database: string, baseUrl: string) {
  const script = fileURLToPath(new URL("__fixtures__/resume-child.ts", import.meta.url));
  const child = spawn(process.execPath, [script, database, baseUrl, String(COUNT), mode], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  return { child, output: () => output, ended: ended(child) };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.on("close", () => resolve()));
}

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
  const database = join(folder, "modelops.db");
  try {
    const first = start("start", database, server.baseUrl);
    await expect.poll(() => answered, { timeout: 20_000, interval: 5 }).toBeGreaterThan(COUNT);
    first.child.kill("SIGKILL");
    await first.ended;
    expect(first.output()).not.toContain("report");
    const answeredBefore = answered;
    const askedBeforeKill = server.seen.length;
    expect(answeredBefore).toBeLessThan(2 * COUNT);

    const second = start("resume", database, server.baseUrl);
    await second.ended;
    const line = second
      .output()
      .split("\n")
      .find((text) => text.startsWith("report "));
    if (!line) throw new Error(second.output());
    const report = JSON.parse(line.slice("report ".length));
    expect(report).toMatchObject({ score: 1, baseline: 1 });
    expect(report.coverage.candidate).toMatchObject({ asked: COUNT, answered: COUNT, failed: 0 });

    // Only what was on its way when the process died, or arrived in its last milliseconds, may be asked again.
    const askedTwice = [...asked.values()].filter((count) => count > 1).length;
    expect(asked.size).toBe(2 * COUNT);
    expect([...asked.values()].every((count) => count <= 2)).toBe(true);
    expect(askedTwice).toBeLessThanOrEqual(2 * CONCURRENCY);
    const resumed = report.coverage.candidate.resumed + report.coverage.baseline.resumed;
    expect(resumed).toBe(2 * COUNT - (server.seen.length - askedBeforeKill));
    expect(resumed).toBeGreaterThanOrEqual(answeredBefore - 2 * CONCURRENCY);
  } finally {
    await server.close();
  }
});
