import { local } from "../local.ts";

/** A host in a process of its own: starts a run, says so, and follows it. Arguments: home, script, run id, onHostExit, JSON of hyperparameters. */
const [home = "", script = "", runId = "", onHostExit = "continue", hyperparameters = "{}"] = process.argv.slice(2);
const backend = local({
  home,
  environment: { pythonPath: "python3" },
  scriptPath: () => script,
  onHostExit: onHostExit === "stop" ? "stop" : "continue",
});
await backend.submit({
  runId,
  agent: "feature_dev",
  method: "sft",
  baseModel: "organisation/base",
  baseModelRevision: null,
  trainFile: "train.jsonl",
  evaluationFile: null,
  hardwareId: "local-cpu",
  timeoutMs: 60_000,
  hubRepo: null,
  adapter: { kind: "lora" },
  hyperparameters: JSON.parse(hyperparameters),
  seed: 1,
  labels: {},
});
process.stdout.write("submitted\n");
for await (const event of backend.events(runId)) if (event.body.kind === "progress") process.stdout.write(".\n");
