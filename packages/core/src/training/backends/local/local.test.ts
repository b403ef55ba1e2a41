import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BackendEvent, TrainingRun } from "../../../contract/training-backend.ts";
import { local } from "./local.ts";
import { findProcessByCommand } from "./processes.ts";

const script = join(import.meta.dirname, "__fixtures__/protocol_script.py");
const host = join(import.meta.dirname, "__fixtures__/host.ts");

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "modelops-local-"));
});
afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

function backend(options: { readonly cancelGraceMs?: number; readonly python?: string } = {}) {
  const { python = "python3", ...rest } = options;
  return local({ home, environment: { pythonPath: python }, scriptPath: () => script, ...rest });
}

function run(
  hyperparameters: TrainingRun["hyperparameters"] = {},
  changes: Partial<TrainingRun> = {},
): TrainingRun {
  return {
    runId: "run-1",
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
    hyperparameters,
    seed: 1,
    labels: {},
    ...changes,
  };
}

async function collect(events: AsyncIterable<BackendEvent>): Promise<BackendEvent[]> {
  const all: BackendEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

function kinds(events: readonly BackendEvent[]): string[] {
  return events.map(({ body }) =>
    body.kind === "progress" ? body.record.kind : body.kind === "stage" ? body.status.stage : "output",
  );
}

async function startHost(runId: string, onHostExit: string, values: object): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    ["--no-warnings", host, home, script, runId, onHostExit, JSON.stringify(values)],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  // Listeners stay on: a reader that goes away would end the host by a broken pipe.
  let text = "";
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (chunk) => {
      text += chunk;
      if (text.split(".\n").length > 3) resolve();
    });
    child.once("exit", () => reject(new Error("the host ended too early")));
  });
  return child;
}

const trainingProcess = () => findProcessByCommand(join(home, "training"));

describe("local()", () => {
  it("runs a script to its end, numbers every line and verifies what it left", async () => {
    const trainer = backend();
    const job = await trainer.submit(run({ steps: 3 }));
    const events = await collect(trainer.events(job.backendJobId));
    expect(events.map((event) => event.index)).toEqual(events.map((_, position) => position));
    expect(kinds(events)).toEqual([
      "starting",
      "loading",
      "begin",
      "output",
      "output",
      "log",
      "save",
      "log",
      "save",
      "log",
      "save",
      "end",
      "result",
      "completed",
    ]);
    expect(await trainer.status("run-1")).toMatchObject({ stage: "completed", costUsd: 0, failure: null });
    const artifact = await trainer.artifact("run-1");
    expect(artifact).toMatchObject({
      kind: "adapter",
      baseModel: "organisation/base",
      location: { type: "folder" },
    });
    expect(artifact.files.map((file) => file.path)).toEqual([
      "adapter_config.json",
      "adapter_model.safetensors",
      "tokenizer.json",
    ]);
    expect(await collect(trainer.events("run-1", { since: 9 }))).toEqual(events.slice(9));
  });

  it("starts one process for one run id, however often and from wherever it is submitted", async () => {
    const values = { steps: 30 };
    await Promise.all([
      backend().submit(run(values)),
      backend().submit(run(values)),
      backend().submit(run(values)),
    ]);
    await collect(backend().events("run-1"));
    await backend().submit(run(values));
    const files = await readdir(join(home, "training/run-1"));
    expect(files.filter((name) => name.endsWith(".config.json"))).toEqual(["attempt-1.config.json"]);
  });

  it("gives the script its whole configuration as one file", async () => {
    const trainer = backend();
    await trainer.submit(run({ steps: 1 }, { rewards: [{ kind: "exact" }] }));
    await collect(trainer.events("run-1"));
    expect(
      JSON.parse(await readFile(join(home, "training/run-1/attempt-1.config.json"), "utf8")),
    ).toMatchObject({
      v: 1,
      run_id: "run-1",
      base_model: "organisation/base",
      device: "cpu",
      resume: true,
      rewards: [{ kind: "exact" }],
      parent_pid: null,
    });
  });

  it.each([
    [
      "error",
      { stage: "failed", failure: { diagnosis: "out_of_memory", fix: expect.stringContaining("batchSize") } },
    ],
    [
      "crash",
      {
        stage: "failed",
        failure: { diagnosis: "killed", message: expect.stringContaining("Segmentation fault") },
      },
    ],
  ])("tells why a run failed: %s", async (mode, expected) => {
    const trainer = backend();
    await trainer.submit(run({ mode }));
    const events = await collect(trainer.events("run-1"));
    expect(kinds(events).at(-1)).toBe("failed");
    expect(await trainer.status("run-1")).toMatchObject(expected);
    await expect(trainer.artifact("run-1")).rejects.toMatchObject({ code: "training/not-completed" });
  });

  it("goes on from the last checkpoint in a new attempt, in one story", async () => {
    const trainer = backend();
    await trainer.submit(run({ mode: "crash", steps: 4 }));
    const before = await collect(trainer.events("run-1"));
    await trainer.submit(run({ mode: "crash", steps: 4 }));
    const all = await collect(trainer.events("run-1"));
    expect(all.slice(0, before.length)).toEqual(before);
    expect(all.map((event) => event.index)).toEqual(all.map((_, position) => position));
    const begin = all.findLast(
      (event) => event.body.kind === "progress" && event.body.record.kind === "begin",
    );
    expect(begin?.body).toMatchObject({ record: { step: 2, resumed_from: 2 } });
    expect(await trainer.status("run-1")).toMatchObject({ stage: "completed" });
  });

  it("cancels, also a script that does not listen and what it has started", async () => {
    for (const mode of ["hang", "deaf", "grandchild"]) {
      const trainer = backend({ cancelGraceMs: 300 });
      await trainer.submit(run({ mode }, { runId: mode }));
      for await (const event of trainer.events(mode)) if (kinds([event])[0] === "log") break;
      expect(await trainingProcess()).not.toBeNull();
      expect(await trainer.cancel(mode)).toMatchObject({ stage: "cancelled" });
      expect(await trainingProcess()).toBeNull();
      expect(await trainer.cancel(mode)).toMatchObject({ stage: "cancelled" });
    }
  });

  it("stops a run that takes too long", async () => {
    const trainer = backend({ cancelGraceMs: 300 });
    await trainer.submit(run({ mode: "hang" }, { timeoutMs: 400 }));
    await collect(trainer.events("run-1"));
    expect(await trainer.status("run-1")).toMatchObject({
      stage: "failed",
      failure: { diagnosis: "timeout" },
    });
    expect(await trainingProcess()).toBeNull();
  });

  it.each(["truncated", "missing"])("does not take a %s model for a result", async (mode) => {
    const trainer = backend();
    await trainer.submit(run({ mode, steps: 1 }));
    await collect(trainer.events("run-1"));
    await expect(trainer.artifact("run-1")).rejects.toMatchObject({ code: "training/artifact-invalid" });
  });

  it("finds the running job again after the host was killed with -9", async () => {
    const child = await startHost("survivor", "continue", { steps: 60, step_ms: 25 });
    child.kill("SIGKILL");
    await once(child, "exit");
    const trainer = backend();
    expect(await trainer.status("survivor")).toMatchObject({ stage: "running" });
    const events = await collect(trainer.events("survivor"));
    expect(kinds(events).filter((kind) => kind === "log")).toHaveLength(60);
    expect(await trainer.status("survivor")).toMatchObject({ stage: "completed" });
  });

  it("leaves nothing behind after kill -9 when the run shall end with its host", async () => {
    const child = await startHost("follower", "stop", { mode: "hang" });
    child.kill("SIGKILL");
    await once(child, "exit");
    await collect(backend().events("follower"));
    expect(await backend().status("follower")).toMatchObject({
      stage: "cancelled",
      message: expect.stringContaining("started it"),
    });
    expect(await trainingProcess()).toBeNull();
  });

  it.each([
    ["SIGINT", "continue"],
    ["SIGINT", "stop"],
    ["SIGTERM", "stop"],
  ] as const)("leaves no orphan when its host gets %s (%s)", async (signal, onHostExit) => {
    const child = await startHost("ended", onHostExit, { mode: "hang" });
    child.kill(signal);
    const [, endedBy] = await once(child, "exit");
    expect(endedBy).toBe(signal);
    expect(await trainingProcess()).toBeNull();
    expect(await backend().status("ended")).toMatchObject({ stage: "cancelled" });
  });

  it("explains an interpreter that cannot be started, and starts again when it can", async () => {
    await expect(backend({ python: "/nowhere/python" }).submit(run())).rejects.toMatchObject({
      code: "training/start-failed",
    });
    const trainer = backend();
    await trainer.submit(run({ steps: 1 }));
    await collect(trainer.events("run-1"));
    expect(await trainer.status("run-1")).toMatchObject({ stage: "completed" });
  });

  it.each(["../escape", "a/b", "", ".hidden", "x".repeat(121)])("refuses the run id %j", async (runId) => {
    await expect(backend().submit(run({}, { runId }))).rejects.toMatchObject({ code: "training/run-id" });
  });

  it("says so when there is no such job", async () => {
    await expect(backend().status("unknown")).rejects.toMatchObject({ code: "training/job-not-found" });
    await expect(collect(backend().events("unknown"))).rejects.toMatchObject({
      code: "training/job-not-found",
    });
  });

  it("refuses options it does not know", () => {
    expect(() => local({ pyton: "3.12" } as never)).toThrow(
      expect.objectContaining({ code: "config/training-backend" }),
    );
  });

  it("offers this machine free of charge", async () => {
    const offers = await backend().hardware();
    expect(offers.at(-1)).toMatchObject({
      id: "local-cpu",
      costUsdPerHour: 0,
      priceSource: { kind: "free" },
    });
    expect(offers.at(-1)?.cpuCores).toBeGreaterThan(0);
  });
});
