import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BackendEvent, type HfJobsOptions, hfJobs, type TrainingBackend, type TrainingRun } from "@modelops/core";
import type { HubTwin } from "../../hub/start-hub-twin.ts";

export const BASE_MODEL = { name: "acme/base", files: { "config.json": "{}" } };

export function backendOf(
  twin: HubTwin,
  options: Partial<HfJobsOptions> = {},
  fetch: typeof globalThis.fetch = globalThis.fetch,
): TrainingBackend {
  return hfJobs(
    { namespace: "alice", token: twin.token, hubUrl: twin.url, ...options },
    { clock: twin.clock, fetch },
  );
}

export async function trainingRun({
  rows = [{ prompt: "say 1", completion: "it is 1" }],
  ...changes
}: Partial<TrainingRun> & { readonly rows?: readonly object[] } = {}): Promise<TrainingRun> {
  const folder = await mkdtemp(join(tmpdir(), "hf-jobs-run-"));
  const trainFile = join(folder, "train.jsonl");
  await writeFile(trainFile, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return {
    runId: "run-1",
    agent: "support",
    method: "sft",
    baseModel: BASE_MODEL.name,
    baseModelRevision: null,
    trainFile,
    evaluationFile: null,
    hardwareId: "a10g-large",
    timeoutMs: 3_600_000,
    hubRepo: "alice/support-run-1",
    adapter: { kind: "lora", rank: 16, alpha: 32 },
    hyperparameters: { max_steps: 20, batch_size: 8, save_steps: 10 },
    seed: 7,
    labels: {},
    ...changes,
  };
}

export async function collect(events: AsyncIterable<BackendEvent>): Promise<BackendEvent[]> {
  const all: BackendEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}
