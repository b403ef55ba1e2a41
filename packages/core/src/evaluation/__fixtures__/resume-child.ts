import { dirname } from "node:path";
import { openAICompatible } from "../../chat-models/openai-compatible.ts";
import { sqliteStore } from "../../registry/sqlite/sqlite-store.ts";
import { completeRuntime } from "../../runtime.ts";
import { Evaluator } from "../evaluator.ts";
import { accuracy } from "../metrics/accuracy.ts";

/** The process that the resume test kills: compares two models behind a server and prints what it finds. */
const [database, baseUrl, count, mode] = process.argv.slice(2);
const store = sqliteStore({ path: database ?? "" });
const evaluator = new Evaluator(completeRuntime({ store, home: dirname(database ?? "") }));
evaluator.on("evaluation.progress", (event) => void process.stdout.write(`progress ${event.data.done}\n`));

const options = {
  agent: "feature_dev",
  evaluationId: "killed",
  candidate: { version: "v2", model: openAICompatible({ baseUrl: baseUrl ?? "", model: "candidate" }) },
  baseline: { version: "v1", model: openAICompatible({ baseUrl: baseUrl ?? "", model: "baseline" }) },
  dataset: Array.from({ length: Number(count) }, (_, index) => ({
    id: `e${index}`,
    inputs: { question: `number ${index}` },
    outputs: { text: `${index}` },
    metadata: {},
  })),
  metrics: [accuracy()],
  concurrency: 4,
};
const report =
  mode === "resume" ? await evaluator.resume("killed", options) : await evaluator.compare(options);
process.stdout.write(
  `report ${JSON.stringify({ score: report.candidateScore, baseline: report.baselineScore, coverage: report.coverage, hash: report.evidenceHash })}\n`,
);
await store.close();
