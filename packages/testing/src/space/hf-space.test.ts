import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type BackendEvent,
  type HfSpaceOptions,
  hfSpace,
  type TrainingBackend,
  type TrainingRun,
} from "@modelops/core";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { type HubTwin, startHubTwin } from "../hub/start-hub-twin.ts";
import { modelFiles } from "../jobs/scripted-training.ts";
import type { KitFactory } from "../kits/kit-case.ts";
import { describeTrainingBackend } from "../kits/training-backend/describe-training-backend.ts";
import type { RunEnding, TrainingBackendPlace } from "../kits/training-backend/training-backend-place.ts";
import type { SpaceJobScript } from "./space-job.ts";
import { type SpaceTwin, type SpaceTwinOptions, startSpaceTwin } from "./space-twin.ts";

const TOKEN = "hf_space0123456789abcdef";

function trainingRun(folder: string, changes: Partial<TrainingRun> = {}): TrainingRun {
  const trainFile = join(folder, "train.jsonl");
  const rows = [
    { prompt: 'say "one", please', completion: "one\nand no more" },
    { prompt: "=SUM(A1)", completion: "a formula" },
  ];
  writeFileSync(trainFile, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return {
    runId: "run-1",
    agent: "feature_dev",
    method: "sft",
    baseModel: "acme/base",
    baseModelRevision: null,
    trainFile,
    evaluationFile: null,
    hardwareId: "t4-small",
    timeoutMs: 3_600_000,
    hubRepo: null,
    adapter: { kind: "lora", rank: 16 },
    hyperparameters: { learning_rate: 2e-4, epochs: 3 },
    seed: 1,
    labels: {},
    ...changes,
  };
}

/** Pushes what the Space says that it pushed; the published servers never do. */
function pushingFetch(hub: HubTwin): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (!String(input).includes("/status/") || !response.ok) return response;
    const body = (await response.clone().json()) as { hub_repo: string | null };
    const config = { adapter: { kind: "lora" as const }, base_model: "acme/base" };
    if (body.hub_repo !== null && hub.files(body.hub_repo) === null)
      hub.addRepository({ name: body.hub_repo, files: modelFiles(config) });
    return response;
  };
}

const SCRIPTS: Readonly<Record<RunEnding, SpaceJobScript>> = {
  completes: { pendingMs: 15, runningMs: 30 },
  fails: { pendingMs: 15, runningMs: 30, error: `RuntimeError: CUDA error (${TOKEN})` },
  "goes on until it is cancelled": { pendingMs: 5, isStuck: true },
};

const kitFactory: KitFactory<TrainingBackendPlace> = {
  name: "hfSpace()",
  async create() {
    const home = mkdtempSync(join(tmpdir(), "hf-space-kit-"));
    const space = await startSpaceTwin({ tokens: [TOKEN] });
    const hub = await startHubTwin();
    const open = (): TrainingBackend => {
      const backend = hfSpace(
        {
          ...{ url: space.url, hardware: "t4-small", token: TOKEN, home, pollMs: 5 },
          hubUrl: hub.url,
          hubToken: hub.token,
        },
        { fetch: pushingFetch(hub) },
      );
      return {
        ...backend,
        async submit(run, options) {
          space.script(SCRIPTS[run.labels.ending as RunEnding]);
          return await backend.submit(run, options);
        },
      };
    };
    let runs = 0;
    return {
      backend: open(),
      reopen: open,
      run: (ending) =>
        trainingRun(home, { runId: `run-${++runs}`, agent: `agent-${runs}`, labels: { ending } }),
      starts: (runId) =>
        space.requests
          .to("POST /train")
          .json()
          .filter((body) =>
            (body as { project_name: string }).project_name.startsWith(`agent-${runId.slice(4)}-`),
          ).length,
      secrets: [TOKEN, hub.token],
      async remove() {
        await space.close();
        await hub.close();
        rmSync(home, { recursive: true, force: true });
      },
    };
  },
};

describeTrainingBackend(kitFactory, { describe, it });

let home: string;
let clock: VirtualClock;
let space: SpaceTwin;
let hub: HubTwin;
async function start(options: SpaceTwinOptions = {}): Promise<void> {
  clock = new VirtualClock({ startAtMs: Date.UTC(2026, 10, 23, 10) });
  space = await startSpaceTwin({ clock, ...options });
  hub = await startHubTwin({ clock });
}

const backendOf = (options: Partial<HfSpaceOptions> = {}, fetch?: typeof globalThis.fetch) =>
  hfSpace(
    { url: space.url, hardware: "t4-small", home, hubUrl: hub.url, hubToken: hub.token, ...options },
    { clock, ...(fetch ? { fetch } : {}) },
  );

async function collect(events: AsyncIterable<BackendEvent>): Promise<BackendEvent[]> {
  const all: BackendEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe("a Space", () => {
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "hf-space-"));
  });
  afterEach(async () => {
    await space.close();
    await hub.close();
    rmSync(home, { recursive: true, force: true });
  });

  test("trains in the dialect that is deployed, without a token it was not given, and its rows arrive as they are", async () => {
    await start();
    const backend = backendOf({}, pushingFetch(hub));
    const job = await backend.submit(trainingRun(home));
    expect(space.datasetOf(job.backendJobId)).toBe(
      'text,response\r\n"say ""one"", please","one\nand no more"\r\n"=SUM(A1)","a formula"\r\n',
    );
    const [body] = space.requests.to("POST /train").json();
    expect(body).toMatchObject({
      base_model: "acme/base",
      is_demo: false,
      learning_rate: 2e-4,
      num_epochs: 3,
    });
    const events = await collect(backend.events(job.backendJobId));
    expect(events.map(({ body }) => (body.kind === "stage" ? body.status.stage : body.kind))).toEqual([
      ...["queued", "running", "progress", "completed"],
    ]);
    const status = await backend.status(job.backendJobId);
    expect(status.hubRepo).toMatch(/^alextorelli\/codechef-feature-dev-/);
    expect(status).toMatchObject({ tensorboardUrl: expect.stringContaining("/tensorboard") });
    // Ten minutes and the pause between two looks, at $0.40 an hour.
    expect(status.costUsd).toBeGreaterThanOrEqual(0.06);
    expect(status.costUsd).toBeLessThan(0.09);
    expect((await backend.artifact(job.backendJobId)).kind).toBe("adapter");
    expect(space.requests.all.some(({ headers }) => "authorization" in headers)).toBe(false);
  });

  test("trains in the dialect of the readme, and says so when it is the other one", async () => {
    await start({ dialect: "app-full" });
    await expect(backendOf().submit(trainingRun(home))).rejects.toMatchObject({
      code: "training/refused",
      fix: expect.stringContaining('dialect: "app-full"'),
    });
    await backendOf({ dialect: "app-full" }).submit(trainingRun(home));
    expect(space.requests.to("POST /train").json().at(-1)).toMatchObject({
      training_method: "sft",
      demo_mode: false,
      config_overrides: { learning_rate: 2e-4, num_epochs: 3, lora_rank: 16 },
    });
  });

  test("that never pushed what it reports has no artifact", async () => {
    await start();
    const backend = backendOf();
    const { backendJobId } = await backend.submit(trainingRun(home));
    await collect(backend.events(backendJobId));
    await expect(backend.artifact(backendJobId)).rejects.toMatchObject({ code: "training/artifact-invalid" });
  });

  test("that restarts loses the job: it is failed, told as such, and the same run starts another one", async () => {
    await start();
    const backend = backendOf();
    const { backendJobId } = await backend.submit(trainingRun(home));
    await clock.advance(60_000);
    expect(await backend.status(backendJobId)).toMatchObject({ stage: "running" });
    space.restart();
    expect((await collect(backend.events(backendJobId))).at(-1)?.body).toMatchObject({
      kind: "stage",
      status: { stage: "failed", failure: { diagnosis: "lost_on_restart" } },
    });
    expect((await backendOf().submit(trainingRun(home))).backendJobId).not.toBe(backendJobId);
  });

  test("that sleeps is woken and waited for, when a job is started and while it runs", async () => {
    await start();
    space.sleep(60_000);
    const backend = backendOf();
    const { backendJobId } = await backend.submit(trainingRun(home));
    expect(space.requests.to("POST /train").count).toBe(1);
    space.sleep(120_000);
    expect((await backend.status(backendJobId)).message).toMatch(/asleep or starting up/);
    const events = await collect(backend.events(backendJobId));
    expect(events.at(-1)?.body).toMatchObject({ kind: "stage", status: { stage: "completed" } });
  });

  test("that never wakes up fails in time, without a job and with one", async () => {
    await start();
    const backend = backendOf();
    const { backendJobId } = await backend.submit(trainingRun(home));
    space.sleep(24 * 3_600_000);
    const events = await collect(backend.events(backendJobId));
    expect(events.at(-1)?.body).toMatchObject({ status: { failure: { diagnosis: "space_asleep" } } });
    await expect(backend.submit(trainingRun(home, { runId: "run-2" }))).rejects.toMatchObject({
      code: "training/space-asleep",
      isRetryable: true,
    });
    expect(space.requests.to("POST /train").count).toBe(1);
  });

  test("whose process hangs is given up after the run's time limit, with the bill", async () => {
    await start({ script: { isStuck: true } });
    const backend = backendOf();
    const { backendJobId } = await backend.submit(trainingRun(home));
    await collect(backend.events(backendJobId));
    const status = await backend.status(backendJobId);
    expect(status).toMatchObject({ stage: "failed", failure: { diagnosis: "space_stuck" } });
    expect(status.costUsd).toBeCloseTo(0.4, 1);
  });

  test("that hides itself, or is none, is told as such", async () => {
    await start({ tokens: [TOKEN] });
    await expect(backendOf().submit(trainingRun(home))).rejects.toMatchObject({
      code: "training/space-not-found",
    });
    await expect(backendOf({ url: hub.url }).submit(trainingRun(home))).rejects.toMatchObject({
      code: expect.stringMatching(/^training\/(unexpected-reply|space-not-found)$/),
    });
    await backendOf({ token: TOKEN }).submit(trainingRun(home));
  });

  test.each([
    ["CUDA out of memory. Tried to allocate", "out_of_memory"],
    ["KeyError: 'data'", "trainer_broken"],
    ["OSError: You are trying to access a gated repo.", "gated_model"],
    ["something else", "unknown"],
  ])("that fails with %j is diagnosed as %s", async (error, diagnosis) => {
    await start({ script: { error } });
    const backend = backendOf();
    const { backendJobId } = await backend.submit(trainingRun(home));
    await collect(backend.events(backendJobId));
    const { failure } = await backend.status(backendJobId);
    expect(failure).toMatchObject({ diagnosis, message: error });
    expect(failure?.fix).toBeTruthy();
  });

  test("whose answer to the request was lost has one job, found by the name it must have", async () => {
    await start();
    space.faults.add({ route: "POST /train", fault: { kind: "lose-reply" }, nth: 1 });
    const { backendJobId } = await backendOf().submit(trainingRun(home));
    expect(await backendOf().status(backendJobId)).toMatchObject({
      stage: expect.stringMatching(/queued|running/),
    });
    expect(space.requests.to("POST /train").count).toBe(1);
  });

  test("whose request never arrived is asked again by the next submit, and only then", async () => {
    await start();
    space.faults.add({ route: "POST /train", fault: { kind: "reset" }, nth: 1 });
    await expect(backendOf().submit(trainingRun(home))).rejects.toMatchObject({
      code: "training/submit-unanswered",
    });
    const { backendJobId } = await backendOf().submit(trainingRun(home));
    expect((await backendOf().submit(trainingRun(home))).backendJobId).toBe(backendJobId);
    expect(space.requests.to("POST /train").count).toBe(2);
  });

  test("gets no rows that it cannot train on", async () => {
    await start();
    const run = trainingRun(home);
    writeFileSync(
      run.trainFile,
      `${JSON.stringify({
        messages: [
          { role: "system", content: "x" },
          { role: "user", content: "y" },
          { role: "assistant", content: "z" },
        ],
      })}\n`,
    );
    await expect(backendOf().submit(run)).rejects.toMatchObject({ code: "training/rows-not-offered" });
    await expect(backendOf().submit({ ...run, method: "dpo" })).rejects.toMatchObject({
      code: "training/method-not-offered",
    });
    expect(space.requests.to("POST /train").count).toBe(0);
  });
});
