import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BackendEvent, type BackendSchedules, local, type TrainingBackend } from "@modelops/core";
import { describe, expect, it } from "vitest";
import {
  type MemoryJobs,
  memoryBackend,
  memoryBackendFactory,
} from "../../../test-support/memory-backend.ts";
import { memorySchedules } from "../../../test-support/memory-schedules.ts";
import { type KitFactory, runKitCase } from "../kit-case.ts";
import { describeTrainingBackend, trainingBackendCases } from "./describe-training-backend.ts";
import type { TrainingBackendPlace } from "./training-backend-place.ts";

const PROTOCOL_SCRIPT = join(
  import.meta.dirname,
  "../../../../core/src/training/backends/local/__fixtures__/protocol_script.py",
);

/** The local backend with a script that speaks the protocol without training, and notes each start. */
const localFactory: KitFactory<TrainingBackendPlace> = {
  name: "local()",
  create() {
    const home = mkdtempSync(join(tmpdir(), "modelops-kit-"));
    const notes = join(home, "starts.txt");
    const script = join(home, "script.py");
    const noting = `import json, sys
with open(${JSON.stringify(notes)}, "a") as notes:
    notes.write(json.load(open(sys.argv[sys.argv.index("--config") + 1]))["run_id"] + "\\n")
`;
    const original = readFileSync(PROTOCOL_SCRIPT, "utf8");
    // After the header of the script, which must stay first.
    writeFileSync(script, original.replace(/^"""Speaks/m, `${noting}"""Speaks`));
    appendFileSync(notes, "");
    const open = () =>
      local({ home, environment: { pythonPath: "python3" }, scriptPath: () => script, cancelGraceMs: 2000 });
    let runs = 0;
    const started: string[] = [];
    return {
      backend: open(),
      reopen: open,
      run(ending) {
        const runId = `run-${++runs}`;
        started.push(runId);
        const mode = { completes: "complete", fails: "error", "goes on until it is cancelled": "hang" }[
          ending
        ];
        return {
          runId,
          agent: "support",
          method: "sft",
          baseModel: "org/base",
          baseModelRevision: null,
          trainFile: "train.jsonl",
          evaluationFile: null,
          hardwareId: "local-cpu",
          timeoutMs: 60_000,
          hubRepo: null,
          adapter: { kind: "lora" },
          hyperparameters: { mode, steps: 2, step_ms: 5 },
          seed: 1,
          labels: {},
        };
      },
      starts: (runId) =>
        existsSync(notes)
          ? readFileSync(notes, "utf8")
              .split("\n")
              .filter((line) => line === runId).length
          : 0,
      secrets: ["hf_secret0123456789"],
      async remove() {
        for (const runId of started)
          await open()
            .cancel(runId)
            .catch(() => {});
        rmSync(home, { recursive: true, force: true });
      },
    };
  },
};

describeTrainingBackend(memoryBackendFactory(), { describe, it });
describeTrainingBackend(localFactory, { describe, it });

/** A backend that is right except for one habit. */
const naive = (
  spoil: (backend: TrainingBackend, service: MemoryJobs) => Partial<TrainingBackend>,
): KitFactory<TrainingBackendPlace> =>
  memoryBackendFactory((service) => {
    const backend = memoryBackend(service);
    return { ...backend, ...spoil(backend, service) };
  });

const naiveSchedules = (
  spoil: (schedules: BackendSchedules, kept: MemoryJobs["schedules"]) => Partial<BackendSchedules>,
) =>
  naive((_, service) => {
    const schedules = memorySchedules(service.schedules);
    return { schedules: { ...schedules, ...spoil(schedules, service.schedules) } };
  });

const retelling = (change: (event: BackendEvent) => readonly BackendEvent[]) =>
  naive((backend) => ({
    async *events(...given) {
      for await (const event of backend.events(...given)) yield* change(event);
    },
  }));

const HABITS: readonly {
  readonly habit: string;
  readonly backend: KitFactory<TrainingBackendPlace>;
  readonly caughtBy: RegExp;
}[] = [
  {
    habit: "declares no method",
    backend: naive((backend) => ({ capabilities: { ...backend.capabilities, methods: [] } })),
    caughtBy: /declares its abilities/,
  },
  {
    habit: "gives a price of nothing where it knows none",
    backend: naive((backend) => ({
      hardware: async () => (await backend.hardware()).map((offer) => ({ ...offer, costUsdPerHour: 0 })),
    })),
    caughtBy: /offers machines/,
  },
  {
    habit: "keeps the token in the job's address",
    backend: naive((backend) => ({
      async submit(...given) {
        return { ...(await backend.submit(...given)), url: "https://jobs/?token=hf_secret0123456789" };
      },
    })),
    caughtBy: /shows no secret/,
  },
  {
    habit: "starts a job for every call",
    backend: naive((backend, service) => ({
      async submit(run, options) {
        const starts = (service.starts.get(run.runId) ?? 0) + 1;
        const job = await backend.submit(run, options);
        service.starts.set(run.runId, starts);
        return job;
      },
    })),
    caughtBy: /starts a run once/,
  },
  {
    habit: "knows only the latest job",
    backend: naive((backend) => {
      let latest = "";
      return {
        async submit(run, options) {
          latest = run.runId;
          await backend.submit(run, options);
          return { backendJobId: "latest", url: null };
        },
        status: (id) => backend.status(id === "latest" ? latest : id),
        events: (id, options) => backend.events(id === "latest" ? latest : id, options),
        cancel: (id) => backend.cancel(id === "latest" ? latest : id),
        artifact: (id) => backend.artifact(id === "latest" ? latest : id),
      };
    }),
    caughtBy: /keeps two runs apart|another process|two followers/,
  },
  {
    habit: "starts before it looks at the signal",
    backend: naive((backend) => ({
      async submit(run, options) {
        const job = await backend.submit(run);
        options?.signal?.throwIfAborted();
        return job;
      },
    })),
    caughtBy: /given up already/,
  },
  {
    habit: "remembers jobs in the object only",
    backend: naive((backend) => {
      const known = new Set<string>();
      return {
        async submit(run, options) {
          known.add(run.runId);
          return backend.submit(run, options);
        },
        status: async (id) => backend.status(known.has(id) ? id : "unknown"),
      };
    }),
    caughtBy: /another process|two followers/,
  },
  {
    habit: "calls unknown jobs queued",
    backend: naive((backend, service) => ({
      async status(id) {
        if (service.jobs.has(id)) return backend.status(id);
        return {
          stage: "queued",
          message: null,
          startedAt: null,
          finishedAt: null,
          costUsd: null,
          failure: null,
        };
      },
    })),
    caughtBy: /never submitted/,
  },
  {
    habit: "counts events from one",
    backend: retelling((event) => [{ ...event, index: event.index + 1 }]),
    caughtBy: /without gaps/,
  },
  {
    habit: "tells the end twice",
    backend: retelling((event) =>
      event.body.kind === "stage" && event.body.status.stage !== "running" ? [event, event] : [event],
    ),
    caughtBy: /one stage that is final|without gaps|replays/,
  },
  {
    habit: "tells its story from the beginning every time",
    backend: naive((backend) => ({
      events: (id, options) => backend.events(id, { ...options, since: 0 }),
    })),
    caughtBy: /replays/,
  },
  {
    habit: "gives each event to one follower",
    backend: naive((backend, service) => ({
      async *events(id, options) {
        for await (const event of backend.events(id, options)) {
          const told = service as MemoryJobs & { told?: Set<string> };
          told.told ??= new Set();
          const name = `${id}:${event.index}`;
          if (told.told.has(name)) continue;
          told.told.add(name);
          yield event;
        }
      },
    })),
    caughtBy: /two followers|replays|lets a follower|running|cancel/,
  },
  {
    habit: "cancels the job when its follower leaves",
    backend: naive((backend) => ({
      async *events(id, options) {
        let isOver = false;
        try {
          yield* backend.events(id, options);
          isOver = true;
        } finally {
          if (!isOver) await backend.cancel(id);
        }
      },
    })),
    caughtBy: /lets a follower|running job/,
  },
  {
    habit: "forgets when it ended",
    backend: naive((backend) => ({
      status: async (id) => ({ ...(await backend.status(id)), finishedAt: null }),
    })),
    caughtBy: /with its times/,
  },
  {
    habit: "names files it has not seen",
    backend: naive((backend) => ({
      artifact: async (id) => ({ ...(await backend.artifact(id)), files: [] }),
    })),
    caughtBy: /names the artifact/,
  },
  {
    habit: "says only that it failed",
    backend: naive((backend) => ({
      status: async (id) => ({ ...(await backend.status(id)), failure: null }),
    })),
    caughtBy: /why a run failed/,
  },
  {
    habit: "hands out what a run has so far",
    backend: naive((backend, service) => ({
      async artifact(id) {
        const job = service.jobs.get(id);
        if (!job || job.stage === "completed") return backend.artifact(id);
        const stage = job.stage;
        job.stage = "completed";
        try {
          return await backend.artifact(id);
        } finally {
          job.stage = stage;
        }
      },
    })),
    caughtBy: /why a run failed|cancels a running job/,
  },
  {
    habit: "resolves a cancellation before the job has ended",
    backend: naive((backend) => ({
      async cancel(id) {
        setTimeout(() => void backend.cancel(id).catch(() => {}), 20);
        return backend.status(id);
      },
    })),
    caughtBy: /cancels a running job|another process/,
  },
  {
    habit: "calls every cancelled job cancelled",
    backend: naive((backend) => ({
      cancel: async (id) => ({ ...(await backend.cancel(id)), stage: "cancelled" }),
    })),
    caughtBy: /has completed as it is/,
  },
  {
    habit: "can be closed once",
    backend: naive(() => {
      let isClosed = false;
      return {
        async close() {
          if (isClosed) throw new Error("closed already");
          isClosed = true;
        },
      };
    }),
    caughtBy: /closes twice/,
  },
  {
    habit: "has schedules that it does not declare",
    backend: naive((backend) => ({ capabilities: { ...backend.capabilities, schedule: false } })),
    caughtBy: /exactly when it declares them/,
  },
  {
    habit: "makes a schedule anew each time it is asked to",
    backend: naiveSchedules((schedules, kept) => ({
      async create(run, options) {
        kept.delete(run.runId);
        const made = {
          ...(await schedules.create(run, options)),
          backendScheduleId: `again-${Math.random()}`,
        };
        kept.set(run.runId, made);
        return made;
      },
    })),
    caughtBy: /keeps a schedule once/,
  },
  {
    habit: "says that a schedule is paused before it is",
    backend: naiveSchedules((schedules) => ({
      async pause(id) {
        const shown = await schedules.find(id);
        setTimeout(() => void schedules.pause(id).catch(() => {}), 20);
        return { ...(shown ?? (await schedules.pause(id))), isPaused: true, nextRunAt: null };
      },
    })),
    caughtBy: /pauses, resumes and deletes/,
  },
  {
    habit: "makes a schedule for a caller that has given up",
    backend: naiveSchedules((schedules) => ({
      create: async (run, { cron }) => await schedules.create(run, { cron }),
    })),
    caughtBy: /makes no schedule/,
  },
];

describe("a training backend with one bad habit", () => {
  const caught = new Set<string>();

  it.each(HABITS)("is caught when it $habit", async ({ backend, caughtBy }) => {
    const failed: string[] = [];
    for (const kitCase of trainingBackendCases) {
      await runKitCase(kitCase, backend).catch(() => failed.push(kitCase.name));
    }
    expect(failed).not.toEqual([]);
    for (const name of failed) expect(name).toMatch(caughtBy);
    for (const name of failed) caught.add(name);
  });

  it("has been found by every case at least once, so that none passes whatever happens", () => {
    expect(trainingBackendCases.map(({ name }) => name).filter((name) => !caught.has(name))).toEqual([]);
  });
});
