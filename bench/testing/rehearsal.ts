// Three hours of a job and of its endpoint on virtual clocks, again and again in a fresh process; prints the real times.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hfJobs } from "@modelops/core";
import { scriptedTraining, startTwins } from "@modelops/testing";

const folder = mkdtempSync(join(tmpdir(), "modelops-bench-"));
const trainFile = join(folder, "train.jsonl");
writeFileSync(trainFile, '{"prompt":"Where is my parcel?","completion":"On its way."}\n');
const ENDPOINT = {
  name: "support",
  type: "authenticated",
  provider: { vendor: "aws", region: "us-east-1" },
  compute: {
    accelerator: "gpu",
    instanceType: "nvidia-l4",
    instanceSize: "x1",
    scaling: { minReplica: 0, maxReplica: 1, scaleToZeroTimeout: 15 },
  },
  model: {
    repository: "alice/support-7b",
    framework: "pytorch",
    task: "text-generation",
    image: { vLLM: { url: "vllm/vllm-openai:v0.23.0", port: 8000, healthRoute: "/health" } },
  },
};

/** Trains for three hours, checks what was pushed, and calls an endpoint once it has woken up. */
async function rehearse(): Promise<{ readonly realMs: number; readonly virtualHours: number }> {
  const before = performance.now();
  const twins = await startTwins({
    hub: {
      repositories: [{ name: "acme/base-7b", files: { "config.json": "{}" } }],
      jobs: { script: scriptedTraining({ steps: 36, stepMs: 300_000 }) },
    },
  });
  const { clock, urls } = twins;
  const startedAtMs = clock.now();
  const backend = hfJobs({ namespace: "alice", token: twins.hub.token, hubUrl: urls.hub }, { clock });
  const { backendJobId } = await backend.submit({
    runId: "run-1",
    agent: "support",
    method: "sft",
    baseModel: "acme/base-7b",
    baseModelRevision: null,
    trainFile,
    evaluationFile: null,
    hardwareId: "a10g-large",
    timeoutMs: 4 * 3_600_000,
    hubRepo: "alice/support-7b",
    adapter: { kind: "lora" },
    hyperparameters: { max_steps: 36 },
    seed: 1,
    labels: {},
  });
  for await (const _event of backend.events(backendJobId)) void _event;
  await backend.artifact(backendJobId);
  const headers = { authorization: `Bearer ${twins.hub.token}`, "content-type": "application/json" };
  await fetch(`${urls.endpoints}/endpoint/alice`, {
    method: "POST",
    headers,
    body: JSON.stringify(ENDPOINT),
  });
  const reply = await fetch(`${twins.endpoints.url}/serve/support/v1/chat/completions`, {
    method: "POST",
    headers: { ...headers, "x-scale-up-timeout": "600" },
    body: JSON.stringify({ messages: [{ role: "user", content: "hi" }] }),
  });
  if (reply.status !== 200) throw new Error(`${reply.status}: ${await reply.text()}`);
  const virtualHours = (clock.now() - startedAtMs) / 3_600_000;
  await twins.close();
  return { realMs: performance.now() - before, virtualHours };
}

const rounds: Awaited<ReturnType<typeof rehearse>>[] = [];
for (let round = 0; round < Number(process.argv[2]); round += 1) rounds.push(await rehearse());
rmSync(folder, { recursive: true });
console.log(JSON.stringify(rounds));
process.exit(0);
