import { createWriteStream, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
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
  memoryStore,
  sqliteStore,
  systemClock,
} from "@modelops/core";
import type { Measurement } from "./measure.ts";

/**
 * One measurement in a process of its own: `node one-case.ts <case> <examples>` writes a `Measurement` to channel 3.
 * Loading the library and opening the store come before the measurement. BENCH_PEER is the folder of
 * the peer.
 */
const [name = "", size = "0"] = process.argv.slice(2);
const count = Number(size);
const CONCURRENCY = 64;

function echoModel(delayMs: number): ChatModel {
  return {
    contract: "chat-model/v1",
    id: "echo",
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

/** Prepares everything and returns what is measured. */
type Prepare = () => Promise<() => Promise<void>>;

/** `sqlite`: every answer durable on disk, as in real use. `memory`: nothing kept, as the peers do. */
function modelops(kind: "sqlite" | "memory", delayMs: number): Prepare {
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), "modelops-bench-"));
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
    const runtime = {
      store: kind === "sqlite" ? sqliteStore({ path: join(folder, "modelops.db") }) : memoryStore(),
      home: folder,
      clock: systemClock,
      generateId: () => crypto.randomUUID(),
      actor: { type: "system" as const, id: "bench" },
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      fetch: globalThis.fetch,
    };
    const evaluator = new Evaluator(runtime, { sources: [generated] });
    return async () => {
      const report = await evaluator.evaluate({
        agent: "bench",
        model: echoModel(delayMs),
        dataset: "made:rows",
        metrics: [accuracy()],
        concurrency: CONCURRENCY,
      });
      if (report.score !== 1 || report.coverage.answered !== count) throw new Error("wrong result");
    };
  };
}

async function peer<Module>(specifier: string): Promise<Module> {
  const { resolve } = createRequire(join(process.env.BENCH_PEER ?? ".", "package.json"));
  return import(pathToFileURL(resolve(specifier)).href);
}

const langsmith: Prepare = async () => {
  type Evaluation = {
    evaluate(
      target: (inputs: { prompt: string }) => Promise<object>,
      options: object,
    ): Promise<{ results: unknown[] }>;
  };
  const { evaluate } = await peer<Evaluation>("langsmith/evaluation");
  const at = new Date(0).toISOString();
  return async () => {
    const data = Array.from({ length: count }, (_, index) => ({
      ...example(index),
      id: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
      dataset_id: "00000000-0000-4000-8000-000000000000",
      created_at: at,
      modified_at: at,
      runs: [],
    }));
    type Scored = { outputs: { text: string }; referenceOutputs: { text: string } };
    const { results } = await evaluate(async (inputs) => ({ text: inputs.prompt }), {
      data,
      evaluators: [
        ({ outputs, referenceOutputs }: Scored) => ({
          key: "accuracy",
          score: outputs.text === referenceOutputs.text ? 1 : 0,
        }),
      ],
      uploadRuns: false,
      maxConcurrency: CONCURRENCY,
    });
    if (results.length !== count) throw new Error("wrong result");
  };
};

const braintrust: Prepare = async () => {
  type Braintrust = { Eval(name: string, evaluator: object, options: object): Promise<unknown> };
  const { Eval } = await peer<Braintrust>("braintrust");
  return async () => {
    let scored = 0;
    const score = ({ output, expected }: { output: string; expected: string }) => {
      scored += 1;
      return { name: "accuracy", score: output === expected ? 1 : 0 };
    };
    await Eval(
      "bench",
      {
        data: () =>
          Array.from({ length: count }, (_, index) => ({
            input: `question ${index}`,
            expected: `question ${index}`,
          })),
        task: async (input: string) => input,
        scores: [score],
        maxConcurrency: CONCURRENCY,
      },
      {
        noSendLogs: true,
        returnResults: false,
        reporter: { name: "silent", reportEval: async () => true, reportRun: async () => true },
      },
    );
    if (scored !== count) throw new Error("wrong result");
  };
};

const promptfoo: Prepare = async () => {
  type Promptfoo = { evaluate(suite: object, options: object): Promise<unknown> };
  const module = await peer<Promptfoo & { default?: Promptfoo }>("promptfoo");
  const { evaluate } = module.default ?? module;
  return async () => {
    await evaluate(
      {
        prompts: ["{{question}}"],
        providers: ["echo"],
        tests: Array.from({ length: count }, (_, index) => ({
          vars: { question: `question ${index}` },
          assert: [{ type: "equals", value: `question ${index}` }],
        })),
        writeLatestResults: false,
      },
      { maxConcurrency: CONCURRENCY, cache: false, showProgressBar: false },
    );
  };
};

const CASES: Readonly<Record<string, Prepare>> = {
  "modelops on disk": modelops("sqlite", 0),
  "modelops in memory": modelops("memory", 0),
  "modelops with a 50 ms model": modelops("sqlite", 50),
  langsmith,
  braintrust,
  promptfoo,
};

const prepare = CASES[name];
if (!prepare) throw new Error(`no case ${name}; there are ${Object.keys(CASES).join(", ")}`);
const run = await prepare();
const MIB = 2 ** 20;
const idleMiB = process.memoryUsage().rss / MIB;
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
await run();
const milliseconds = performance.now() - startedAt;
const cpu = process.cpuUsage(cpuBefore);
const measurement: Measurement = {
  milliseconds,
  cpuMilliseconds: (cpu.user + cpu.system) / 1000,
  // The kernel's own mark: it misses no moment.
  aboveIdleMiB: (process.resourceUsage().maxRSS * 1024) / MIB - idleMiB,
};
// Peers print to stdout: the result goes to a channel of its own.
const out = createWriteStream("", { fd: 3 });
out.end(JSON.stringify(measurement), () => process.exit(0));
