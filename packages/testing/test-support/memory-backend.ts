import {
  type BackendEvent,
  type BackendJobStage,
  type BackendJobStatus,
  ModelOpsError,
  type TrainingBackend,
  type TrainingRun,
} from "@modelops/core";
import type { KitFactory } from "../src/kits/kit-case.ts";
import type { RunEnding, TrainingBackendPlace } from "../src/kits/training-backend/training-backend-place.ts";
import { type MemorySchedules, memorySchedules } from "./memory-schedules.ts";

interface MemoryJob {
  readonly run: TrainingRun;
  readonly events: BackendEvent[];
  stage: BackendJobStage;
}

/** What the naive service of the kit's tests keeps, shared by all who open it. */
export interface MemoryJobs {
  readonly jobs: Map<string, MemoryJob>;
  readonly starts: Map<string, number>;
  readonly schedules: MemorySchedules;
}

const TIME = "2026-01-01T00:00:00.000Z";

const isFinal = (stage: BackendJobStage) => ["completed", "failed", "cancelled"].includes(stage);

function statusOf(stage: BackendJobStage): BackendJobStatus {
  const failure =
    stage === "failed"
      ? { diagnosis: "out_of_memory", message: "It did not fit.", fix: "use a larger machine." }
      : null;
  return {
    stage,
    message: null,
    startedAt: TIME,
    finishedAt: isFinal(stage) ? TIME : null,
    costUsd: 0.5,
    failure,
  };
}

/** A right backend over a service in memory. Tests spoil it, one habit at a time. */
export function memoryBackend(service: MemoryJobs): TrainingBackend {
  const find = (id: string): MemoryJob => {
    const job = service.jobs.get(id);
    if (job) return job;
    throw new ModelOpsError({
      code: "training/unknown-job",
      message: `There is no ${id}.`,
      fix: "submit it.",
    });
  };
  const tell = (job: MemoryJob, body: BackendEvent["body"]) =>
    job.events.push({ index: job.events.length, time: TIME, body });
  const enter = (job: MemoryJob, stage: BackendJobStage) => {
    if (isFinal(job.stage)) return;
    job.stage = stage;
    tell(job, { kind: "stage", status: statusOf(stage) });
  };
  return {
    contract: "training-backend/v1",
    id: "memory",
    capabilities: { local: false, methods: ["sft"], adapters: ["lora"], schedule: true },
    schedules: memorySchedules(service.schedules),
    hardware: async () => [
      {
        id: "small",
        title: "A small machine",
        accelerator: null,
        cpuCores: 2,
        memoryGiB: 4,
        diskGiB: 10,
        costUsdPerHour: 1,
        priceSource: { kind: "live" },
      },
    ],
    async submit(run, { signal } = {}) {
      signal?.throwIfAborted();
      if (!service.jobs.has(run.runId)) {
        const job: MemoryJob = { run, events: [], stage: "queued" };
        service.jobs.set(run.runId, job);
        service.starts.set(run.runId, (service.starts.get(run.runId) ?? 0) + 1);
        enter(job, "running");
        tell(job, { kind: "progress", record: { v: 1, kind: "log", step: 1 } });
        const { ending } = run.hyperparameters as { readonly ending: RunEnding };
        if (ending !== "goes on until it is cancelled") {
          setTimeout(() => enter(job, ending === "completes" ? "completed" : "failed"), 5);
        }
      }
      return { backendJobId: run.runId, url: null };
    },
    status: async (id) => statusOf(find(id).stage),
    async *events(id, { since = 0, signal } = {}) {
      const job = find(id);
      for (let index = since; ; ) {
        while (index < job.events.length) {
          const event = job.events[index++];
          if (event) yield structuredClone(event);
        }
        if (isFinal(job.stage)) return;
        signal?.throwIfAborted();
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    },
    async cancel(id) {
      const job = find(id);
      enter(job, "cancelled");
      return statusOf(job.stage);
    },
    async artifact(id) {
      const job = find(id);
      if (job.stage !== "completed") {
        throw new ModelOpsError({
          code: "training/not-completed",
          message: `${id} has no artifact.`,
          fix: "wait.",
        });
      }
      return {
        kind: "adapter",
        location: { type: "hub", repoId: "me/tuned", revision: "abc" },
        baseModel: job.run.baseModel,
        baseModelRevision: null,
        files: ["adapter_config.json", "adapter_model.safetensors"].map((path) => ({
          path,
          sizeBytes: 10,
          sha256: null,
        })),
      };
    },
  };
}

export function memoryBackendFactory(
  open: (service: MemoryJobs) => TrainingBackend = memoryBackend,
): KitFactory<TrainingBackendPlace> {
  return {
    name: "a backend in memory",
    create() {
      const service: MemoryJobs = { jobs: new Map(), starts: new Map(), schedules: new Map() };
      let runs = 0;
      return {
        backend: open(service),
        reopen: () => open(service),
        run: (ending) => kitRun(`run-${++runs}`, ending),
        starts: (runId) => service.starts.get(runId) ?? 0,
        secrets: ["hf_secret0123456789"],
      };
    },
  };
}

function kitRun(runId: string, ending: RunEnding): TrainingRun {
  return {
    runId,
    agent: "support",
    method: "sft",
    baseModel: "org/base",
    baseModelRevision: null,
    trainFile: "train.jsonl",
    evaluationFile: null,
    hardwareId: "small",
    timeoutMs: 60_000,
    hubRepo: null,
    adapter: { kind: "lora" },
    hyperparameters: { ending },
    seed: 1,
    labels: {},
  };
}
