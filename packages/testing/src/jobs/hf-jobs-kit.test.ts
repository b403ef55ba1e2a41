import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "vitest";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { startHubTwin } from "../hub/start-hub-twin.ts";
import type { KitFactory } from "../kits/kit-case.ts";
import { describeTrainingBackend } from "../kits/training-backend/describe-training-backend.ts";
import type { TrainingBackendPlace } from "../kits/training-backend/training-backend-place.ts";
import { BASE_MODEL, backendOf } from "./__fixtures__/training-run.ts";
import type { JobScript } from "./scripted-runner.ts";
import { scriptedTraining } from "./scripted-training.ts";

const scripts = {
  completes: scriptedTraining({ steps: 3 }),
  fails: scriptedTraining({ steps: 3, failure: { atStep: 2, exit: 1, log: "RuntimeError: no more" } }),
  cancelled: scriptedTraining({ steps: 100_000 }),
} as const;

const byLabel: JobScript = (context) => {
  const script = scripts[context.job.labels.ending as keyof typeof scripts];
  return typeof script === "function" ? script(context) : script;
};

const factory: KitFactory<TrainingBackendPlace> = {
  name: "hfJobs()",
  async create() {
    const folder = mkdtempSync(join(tmpdir(), "hf-jobs-kit-"));
    const trainFile = join(folder, "train.jsonl");
    writeFileSync(trainFile, `${JSON.stringify({ prompt: "say 1", completion: "it is 1" })}\n`);
    const clock = new VirtualClock({ startAtMs: Date.UTC(2026, 10, 23, 10) });
    const twin = await startHubTwin({ clock, repositories: [BASE_MODEL], jobs: { script: byLabel } });
    let runs = 0;
    return {
      backend: backendOf(twin),
      reopen: () => backendOf(twin),
      run: (ending) => ({
        runId: `run-${++runs}`,
        agent: "support",
        method: "sft",
        baseModel: BASE_MODEL.name,
        baseModelRevision: null,
        trainFile,
        evaluationFile: null,
        hardwareId: "a10g-large",
        timeoutMs: 90_000_000_000,
        hubRepo: `alice/support-run-${runs}`,
        adapter: { kind: "lora", rank: 16 },
        hyperparameters: { max_steps: 3 },
        seed: 7,
        labels: { ending: ending === "completes" || ending === "fails" ? ending : "cancelled" },
      }),
      // A host that lost a race cancels its own job before it has run.
      starts: (runId) =>
        twin.jobs.all.filter((job) => job.labels["modelops-run"] === runId && job.startedAtMs !== null)
          .length,
      secrets: [twin.token],
      async remove() {
        await twin.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};

describeTrainingBackend(factory, { describe, it });
