import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";

const index = join(import.meta.dirname, "../index.ts");
const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** A comparison in a process of its own, which tells what it loaded and whom it called. */
async function compareInChild(options: string, environment: Record<string, string>) {
  const home = await mkdtemp(join(tmpdir(), "modelops-offline-"));
  folders.push(home);
  const script = `
    import { registerHooks } from "node:module";
    import { subscribe } from "node:diagnostics_channel";
    const loaded = [], calls = [];
    registerHooks({ resolve(name, context, next) {
      if (name === "langsmith" || name.startsWith("langsmith/")) loaded.push(name);
      return next(name, context);
    } });
    for (const channel of ["net.client.socket", "undici:request:create"]) subscribe(channel, () => calls.push(channel));
    const { accuracy, createModelOps, memoryStore } = await import(${JSON.stringify(index)});
    const ops = createModelOps({ home: ${JSON.stringify(home)}, store: memoryStore(), ...(${options}) });
    const model = { contract: "chat-model/v1", id: "echo", async generate({ messages }) {
      return { text: messages.at(-1).content, toolCalls: [], usage: { inputTokens: 1, outputTokens: 1 }, costUsd: null,
        latencyMs: 1, finishReason: "stop", requestId: null, attempts: 1 };
    } };
    const dataset = Array.from({ length: 5 }, (_, i) => ({ id: String(i), inputs: { prompt: "p" + i }, outputs: { text: "p" + i }, metadata: {} }));
    const report = await ops.evaluator.evaluate({ agent: "support", model, dataset, metrics: [accuracy()] });
    await ops.close();
    console.log(JSON.stringify({ score: report.score, loaded: [...new Set(loaded)], calls: calls.length }));
  `;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", script],
    { env: { PATH: process.env.PATH, ...environment } },
  );
  return JSON.parse(stdout) as unknown;
}

const LANGSMITH = {
  LANGSMITH_API_KEY: "lsv2_test_key_0123456789",
  LANGSMITH_ENDPOINT: "http://127.0.0.1:1",
  LANGSMITH_CONFIG_FILE: "/nowhere/langsmith.json",
};

test("without LangSmith its package is not loaded and nothing is called", async () => {
  const quiet = { score: 1, loaded: [], calls: 0 };
  // A key alone asks for nothing; `tracing: false` means it even where the environment asks.
  expect(await compareInChild("{}", LANGSMITH)).toEqual(quiet);
  expect(await compareInChild("{ tracing: false }", { ...LANGSMITH, LANGSMITH_TRACING: "true" })).toEqual(
    quiet,
  );
});

test("the process ends by itself soon although the service of its traces is not there", async () => {
  const traced = await compareInChild("{}", { ...LANGSMITH, LANGSMITH_TRACING: "true" });
  expect(traced).toMatchObject({ score: 1, loaded: expect.arrayContaining(["langsmith/traceable"]) });
});
