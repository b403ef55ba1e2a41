import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import {
  accuracy,
  type ChatModel,
  type DatasetSource,
  type EvaluationExample,
  Evaluator,
  sqliteStore,
  systemClock,
} from "@modelops/core";

/**
 * One measurement in a process of its own: `node one-case.ts <case> <examples>` prints `{ milliseconds, peakMiB }`.
 * Peers are looked up from the folder in BENCH_PEERS, then from here.
 */
const [name = "", size = "0"] = process.argv.slice(2);
const count = Number(size);

function instantModel(id: string, delayMs: number): ChatModel {
  return {
    contract: "chat-model/v1",
    id,
    async generate(request) {
      if (delayMs > 0) await wait(delayMs);
      return {
        text: request.messages[0]?.content ?? "",
        toolCalls: [],
        usage: { inputTokens: 1, outputTokens: 1 },
        costUsd: 0,
        latencyMs: delayMs,
        finishReason: "stop",
        requestId: null,
        attempts: 1,
      };
    },
  };
}

function example(index: number): EvaluationExample {
  return {
    id: `e${index}`,
    inputs: { prompt: `question ${index}` },
    outputs: { text: `question ${index}` },
    metadata: {},
  };
}

/** Rows made as they are read, so that the dataset itself takes no memory. */
const generated: DatasetSource = {
  contract: "dataset-source/v1",
  scheme: "made",
  describe: async (ref) => ({ ref, rows: count, sizeBytes: null, fingerprint: `made:${count}` }),
  async *read() {
    for (let index = 0; index < count; index += 1) yield { line: index + 1, value: { ...example(index) } };
  },
};

/** With the journal on disk, as in real use. */
async function modelops(delayMs: number, concurrency: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "modelops-bench-"));
  const store = sqliteStore({ path: join(folder, "modelops.db") });
  try {
    const runtime = {
      store,
      home: folder,
      clock: systemClock,
      generateId: () => crypto.randomUUID(),
      actor: { type: "system" as const, id: "bench" },
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      fetch: globalThis.fetch,
    };
    const report = await new Evaluator(runtime, { sources: [generated] }).evaluate({
      agent: "bench",
      model: instantModel("m", delayMs),
      dataset: "made:rows",
      metrics: [accuracy()],
      concurrency,
    });
    if (report.score !== 1 || report.coverage.answered !== count) throw new Error("wrong result");
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function peer<Module>(specifier: string): Promise<Module> {
  const folder = process.env.BENCH_PEERS;
  const resolve = createRequire(folder ? join(folder, "package.json") : import.meta.url).resolve;
  return import(pathToFileURL(resolve(specifier)).href);
}

async function langsmith(concurrency: number): Promise<void> {
  type Evaluation = {
    evaluate(
      target: (inputs: { prompt: string }) => Promise<object>,
      options: object,
    ): Promise<{ results: unknown[] }>;
  };
  const { evaluate } = await peer<Evaluation>("langsmith/evaluation");
  const at = new Date(0).toISOString();
  const data = Array.from({ length: count }, (_, index) => ({
    ...example(index),
    id: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
    dataset_id: "00000000-0000-4000-8000-000000000000",
    created_at: at,
    modified_at: at,
    runs: [],
  }));
  const { results } = await evaluate(async (inputs) => ({ text: inputs.prompt }), {
    data,
    evaluators: [
      ({ outputs, referenceOutputs }: { outputs: { text: string }; referenceOutputs: { text: string } }) => ({
        key: "accuracy",
        score: outputs.text === referenceOutputs.text ? 1 : 0,
      }),
    ],
    uploadRuns: false,
    maxConcurrency: concurrency,
  });
  if (results.length !== count) throw new Error("wrong result");
}

async function braintrust(concurrency: number): Promise<void> {
  type Braintrust = { Eval(name: string, evaluator: object, options: object): Promise<{ summary: unknown }> };
  const { Eval } = await peer<Braintrust>("braintrust");
  await Eval(
    "bench",
    {
      data: () =>
        Array.from({ length: count }, (_, index) => ({
          input: `question ${index}`,
          expected: `question ${index}`,
        })),
      task: async (input: string) => input,
      scores: [
        ({ output, expected }: { output: string; expected: string }) => ({
          name: "accuracy",
          score: output === expected ? 1 : 0,
        }),
      ],
      maxConcurrency: concurrency,
    },
    {
      noSendLogs: true,
      returnResults: false,
      reporter: { name: "silent", reportEval: async () => true, reportRun: async () => true },
    },
  );
}

async function promptfoo(concurrency: number): Promise<void> {
  type Promptfoo = { evaluate(suite: object, options: object): Promise<unknown> };
  const module = await peer<Promptfoo & { default?: Promptfoo }>("promptfoo");
  await (module.default ?? module).evaluate(
    {
      prompts: ["{{question}}"],
      providers: ["echo"],
      tests: Array.from({ length: count }, (_, index) => ({
        vars: { question: `question ${index}` },
        assert: [{ type: "equals", value: `question ${index}` }],
      })),
      writeLatestResults: false,
    },
    { maxConcurrency: concurrency, cache: false, showProgressBar: false },
  );
}

const CASES: Readonly<Record<string, () => Promise<void>>> = {
  modelops: () => modelops(0, 64),
  "modelops-50ms": () => modelops(50, 64),
  langsmith: () => langsmith(64),
  braintrust: () => braintrust(64),
  promptfoo: () => promptfoo(64),
};

const run = CASES[name];
if (!run) throw new Error(`no case ${name}; there are ${Object.keys(CASES).join(", ")}`);
const idleMiB = process.memoryUsage().rss / 2 ** 20;
let peakMiB = idleMiB;
const sampler = setInterval(() => {
  peakMiB = Math.max(peakMiB, process.memoryUsage().rss / 2 ** 20);
}, 20);
const startedAt = performance.now();
await run();
const milliseconds = performance.now() - startedAt;
clearInterval(sampler);
peakMiB = Math.max(peakMiB, process.memoryUsage().rss / 2 ** 20);
// Peers print to stdout: the result goes to a channel of its own.
const out = createWriteStream("", { fd: 3 });
out.end(JSON.stringify({ milliseconds, idleMiB, peakMiB }), () => process.exit(0));
