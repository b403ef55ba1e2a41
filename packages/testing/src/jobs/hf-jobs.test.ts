import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { type HubTwin, type HubTwinOptions, startHubTwin } from "../hub/start-hub-twin.ts";
import { BASE_MODEL, backendOf, collect, trainingRun } from "./__fixtures__/training-run.ts";
import { hubFaults } from "./fault-presets.ts";
import { scriptedTraining } from "./scripted-training.ts";

let twin: HubTwin;

async function start(options: HubTwinOptions = {}): Promise<HubTwin> {
  twin = await startHubTwin({
    clock: new VirtualClock({ startAtMs: Date.UTC(2026, 10, 23, 10) }),
    repositories: [BASE_MODEL, { name: "acme/gated", gated: "manual", files: { "config.json": "{}" } }],
    jobs: { script: scriptedTraining() },
    ...options,
  });
  return twin;
}

afterEach(async () => {
  // Fails when a token was seen outside the authorization header and the job's secrets.
  await twin.close();
});

describe("a run on Hugging Face Jobs", () => {
  test("from private rows to a verified model, with the bill", async () => {
    await start();
    const backend = backendOf(twin);
    const run = await trainingRun();
    const job = await backend.submit(run);
    expect(job.url).toBe(`${twin.url}/jobs/${job.backendJobId}`);

    const [posted] = twin.requests.to("POST /api/jobs/alice").json() as [Record<string, unknown>];
    expect(posted).toMatchObject({
      flavor: "a10g-large",
      timeoutSeconds: 3600,
      labels: { "modelops-run": "run-1", "modelops-agent": "support" },
      secrets: { HF_TOKEN: twin.token },
    });
    expect(JSON.stringify({ ...posted, secrets: null })).not.toContain(twin.token);
    expect(twin.isPrivate("alice/modelops-datasets", "dataset")).toBe(true);

    const events = await collect(backend.events(job.backendJobId));
    expect(events.map((event) => event.index)).toEqual(events.map((_, index) => index));
    expect(events[0]?.body).toMatchObject({ kind: "stage", status: { stage: "queued" } });
    expect(events[1]?.body).toMatchObject({ kind: "stage", status: { stage: "running" } });
    const losses = events.flatMap(({ body }) =>
      body.kind === "progress" && body.record.kind === "log" ? [body.record.m?.loss] : [],
    );
    expect(losses).toHaveLength(20);
    expect(events.some(({ body }) => body.kind === "output" && body.line.includes("====="))).toBe(false);

    const status = await backend.status(job.backendJobId);
    // 206 s from start to end = 4 started minutes at $1.50 an hour.
    expect(status).toMatchObject({ stage: "completed", costUsd: 0.1, failure: null });
    expect(twin.jobs.costUsd(job.backendJobId.slice("alice/".length))).toBeCloseTo(0.1, 6);

    const artifact = await backend.artifact(job.backendJobId);
    expect(artifact).toMatchObject({
      kind: "adapter",
      baseModel: "acme/base",
      location: { type: "hub", repoId: "alice/support-run-1" },
    });
    expect(artifact.files.map((file) => file.path).sort()).toEqual(twin.files("alice/support-run-1"));
    expect(artifact.files.every((file) => file.sha256 !== null)).toBe(true);
    expect(twin.isPrivate("alice/support-run-1")).toBe(true);
  });

  test("is found again under its run id, and its story is the same from any index", async () => {
    await start();
    const run = await trainingRun();
    const job = await backendOf(twin).submit(run);
    const whole = await collect(backendOf(twin).events(job.backendJobId));
    expect(await backendOf(twin).submit(run)).toEqual(job);
    expect(twin.requests.to("POST /api/jobs/alice").count).toBe(1);
    const rest = await collect(backendOf(twin).events(job.backendJobId, { since: 9 }));
    expect(rest).toEqual(whole.slice(9));
  });

  test("a log that is cut 50 times delivers each line once", async () => {
    await start({
      jobs: { script: scriptedTraining({ steps: 100, stepMs: 2000, chatter: (step) => [`row ${step}`] }) },
    });
    twin.faults.add(...hubFaults.logStreamCut({ times: 50 }));
    const backend = backendOf(twin);
    const job = await backend.submit(await trainingRun());
    const events = await collect(backend.events(job.backendJobId));
    expect(twin.faults.allPlayed).toBe(true);
    const lines = events.flatMap(({ body }) => (body.kind === "output" ? [body.line] : []));
    expect(lines.slice(1)).toEqual(Array.from({ length: 100 }, (_, index) => `row ${index + 1}`));
    const steps = events.flatMap(({ body }) =>
      body.kind === "progress" && body.record.kind === "log" ? [body.record.step] : [],
    );
    expect(steps).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(events.map((event) => event.index)).toEqual(events.map((_, index) => index));
  });

  test("a log stream that ends early, or falls silent, does not end the story", async () => {
    await start();
    twin.faults.add(
      { route: "GET /api/jobs/*/*/logs", nth: 1, fault: { kind: "reply", status: 200, body: "" } },
      { route: "GET /api/jobs/*/*/logs", nth: 2, fault: { kind: "hang" } },
      { route: "GET /api/jobs/*/*/logs", nth: 3, fault: { kind: "reply", status: 500 } },
    );
    const backend = backendOf(twin, { logSilenceMs: 200 });
    const job = await backend.submit(await trainingRun());
    const events = await collect(backend.events(job.backendJobId));
    expect(twin.faults.allPlayed).toBe(true);
    expect(events.at(-1)?.body).toMatchObject({ kind: "stage", status: { stage: "completed" } });
    expect(events.filter(({ body }) => body.kind === "progress").length).toBe(25);
  });
});

describe("submitting", () => {
  test("a reply that was lost starts nothing twice", async () => {
    await start();
    twin.faults.add({ route: "POST /api/jobs/alice", fault: { kind: "lose-reply" }, nth: 1 });
    const job = await backendOf(twin).submit(await trainingRun());
    expect(twin.requests.to("POST /api/jobs/alice").count).toBe(1);
    expect(twin.jobs.all.map((entry) => `alice/${entry.id}`)).toEqual([job.backendJobId]);
  });

  test("a request that never arrived is reported, and the next submit starts the one job", async () => {
    await start();
    twin.faults.add({ route: "POST /api/jobs/alice", fault: { kind: "reset" }, nth: 1 });
    const run = await trainingRun();
    await expect(backendOf(twin).submit(run)).rejects.toMatchObject({
      code: "training/submit-unanswered",
      isRetryable: true,
    });
    expect(twin.jobs.all).toHaveLength(0);
    await backendOf(twin).submit(run);
    expect(twin.jobs.all).toHaveLength(1);
  });

  test("a server error after the job was made starts nothing twice", async () => {
    await start();
    twin.faults.add({ route: "POST /api/jobs/alice", fault: { kind: "duplicate" }, nth: 1 });
    const job = await backendOf(twin).submit(await trainingRun());
    const live = twin.jobs.all.filter((entry) => entry.stage !== "CANCELED");
    expect(live.map((entry) => `alice/${entry.id}`)).toEqual([job.backendJobId]);
  });

  test("two hosts that submit the same run share one job", async () => {
    await start();
    const run = await trainingRun();
    const [first, second] = await Promise.all([backendOf(twin).submit(run), backendOf(twin).submit(run)]);
    expect(second).toEqual(first);
    expect(twin.jobs.all.filter((job) => job.stage !== "CANCELED")).toHaveLength(1);
  });

  test("a run whose job failed starts another one", async () => {
    await start({ jobs: { script: [{ start: true }, { exit: 1 }] } });
    const run = await trainingRun();
    const backend = backendOf(twin);
    const first = await backend.submit(run);
    await collect(backend.events(first.backendJobId));
    const second = await backend.submit(run);
    expect(second.backendJobId).not.toBe(first.backendJobId);
  });

  test("without credit, permission, membership or a valid token nothing is started", async () => {
    await start({
      accounts: [
        { name: "alice", creditUsd: 0, tokens: [{ token: "hf_twinAlice0123456789" }] },
        {
          name: "bob",
          tokens: [{ token: "hf_twinBob000123456789", role: "fineGrained", canRunJobs: false }],
        },
      ],
    });
    const run = await trainingRun();
    await expect(backendOf(twin).submit(run)).rejects.toMatchObject({ code: "training/no-credits" });
    const bob = { namespace: "bob", token: "hf_twinBob000123456789" };
    await expect(backendOf(twin, bob).submit(run)).rejects.toMatchObject({
      code: "training/no-job-permission",
    });
    await expect(backendOf(twin, { ...bob, namespace: "alice" }).submit(run)).rejects.toMatchObject({
      code: "training/namespace-not-found",
    });
    await expect(backendOf(twin, { token: "hf_unknown0123456789" }).submit(run)).rejects.toMatchObject({
      code: "training/unauthorized",
    });
    expect(twin.jobs.all).toHaveLength(0);
  });

  test("waits as long as a rate limit asks, then starts the one job", async () => {
    await start();
    twin.faults.add(...hubFaults.rateLimited("POST /api/jobs/alice"));
    await backendOf(twin).submit(await trainingRun());
    const [refused, accepted] = twin.requests.to("POST /api/jobs/alice").all;
    expect((accepted?.atMs ?? 0) - (refused?.atMs ?? 0)).toBeGreaterThanOrEqual(55_000);
    expect(twin.jobs.all).toHaveLength(1);
  });

  test("refuses what could only fail on the paid machine", async () => {
    await start();
    const backend = backendOf(twin);
    const refused = async (changes: Parameters<typeof trainingRun>[0]) =>
      await backend.submit(await trainingRun(changes)).then(
        () => "accepted",
        (error: { code: string }) => error.code,
      );
    expect(await refused({ baseModel: "/models/tiny" })).toBe("training/base-model-not-on-hub");
    expect(await refused({ baseModel: "acme/nothing" })).toBe("hub/not-found");
    expect(await refused({ baseModel: "acme/gated" })).toBe("hub/no-access");
    expect(await refused({ runId: "run 1/../x" })).toBe("training/run-id");
    expect(await refused({ hubRepo: "alice/../bob/x" })).toBe("hub/invalid-repository");
    expect(await refused({ hardwareId: "a100-gigantic" })).toBe("training/refused");
    expect(twin.jobs.all).toHaveLength(0);
  });

  test("never puts rows into a public repository", async () => {
    await start({ repositories: [BASE_MODEL, { type: "dataset", name: "alice/modelops-datasets" }] });
    await expect(backendOf(twin).submit(await trainingRun())).rejects.toMatchObject({
      code: "hub/not-private",
    });
    expect(twin.requests.to("POST /api/jobs/alice").count).toBe(0);
  });

  test("cancels a job whose time limit is not the one that was asked for", async () => {
    await start();
    const shortened: typeof globalThis.fetch = async (input, init) => {
      if (init?.method === "POST" && String(input).endsWith("/api/jobs/alice")) {
        const { timeoutSeconds: _dropped, ...body } = JSON.parse(String(init.body));
        return await fetch(input, { ...init, body: JSON.stringify(body) });
      }
      return await fetch(input, init);
    };
    await expect(backendOf(twin, {}, shortened).submit(await trainingRun())).rejects.toMatchObject({
      code: "training/timeout-not-applied",
      details: { asked: 3600, got: 1800 },
    });
    expect(twin.jobs.all.map((job) => job.stage)).toEqual(["CANCELED"]);
  });
});

describe("a job that fails", () => {
  const ending = async (options: HubTwinOptions, changes: Parameters<typeof trainingRun>[0] = {}) => {
    await start(options);
    const backend = backendOf(twin);
    const job = await backend.submit(await trainingRun(changes));
    const events = await collect(backend.events(job.backendJobId));
    const last = events.at(-1)?.body;
    const status = await backend.status(job.backendJobId);
    expect(last).toEqual({ kind: "stage", status });
    return { backend, job, status };
  };

  test("for lack of memory is told as such", async () => {
    const { status } = await ending({
      jobs: { script: scriptedTraining({ failure: { atStep: 3, exit: 137 } }) },
    });
    expect(status).toMatchObject({ stage: "failed", failure: { diagnosis: "out_of_memory" } });
    expect(status.failure?.fix).toMatch(/QLoRA/);
  });

  test("at its time limit is told as such, and costs what ran", async () => {
    const { status } = await ending({ jobs: { script: scriptedTraining({ stepMs: 600_000 }) } });
    expect(status).toMatchObject({ stage: "failed", failure: { diagnosis: "timeout" }, costUsd: 1.5 });
  });

  test("with an account by the script keeps that account, without tokens", async () => {
    const log = `@@modelops ${JSON.stringify({ v: 1, kind: "error", error: { diagnosis: "nan_loss", message: "The loss of step 3 is NaN (hf_abcdefghijklmnopqrstuv)." } })}`;
    const { status } = await ending({
      jobs: { script: scriptedTraining({ failure: { atStep: 3, exit: 1, log } }) },
    });
    expect(status.failure).toMatchObject({ diagnosis: "nan_loss" });
    expect(JSON.stringify(status)).not.toContain("hf_abc");
  });

  test("because the credit ran out is told as such", async () => {
    await start({ jobs: { script: scriptedTraining({ stepMs: 300_000 }) } });
    const backend = backendOf(twin);
    const { backendJobId } = await backend.submit(await trainingRun());
    for await (const { body } of backend.events(backendJobId)) {
      if (body.kind === "progress" && body.record.step === 1)
        twin.jobs.cancel(backendJobId.slice("alice/".length), "NO_CREDITS");
    }
    expect(await backend.status(backendJobId)).toMatchObject({
      stage: "failed",
      failure: { diagnosis: "no_credits" },
    });
  });

  test("to find a machine is cancelled in time, free of charge", async () => {
    await start({
      // Time must not run on while an answer is under way.
      clock: new VirtualClock({ quietMs: 20 }),
      jobs: { script: [{ afterMs: 9 * 3_600_000, start: true }] },
    });
    const backend = backendOf(twin, { schedulingTimeoutMs: 40_000 });
    const { backendJobId } = await backend.submit(await trainingRun());
    await collect(backend.events(backendJobId));
    const status = await backend.status(backendJobId);
    expect(status).toMatchObject({ stage: "failed", costUsd: 0, failure: { diagnosis: "not_scheduled" } });
    expect(twin.jobs.all[0]?.stage).toBe("CANCELED");
  });

  test("to push its weights whole has no artifact", async () => {
    await start({ jobs: { script: scriptedTraining({ cutsWeights: true }) } });
    const backend = backendOf(twin);
    const { backendJobId } = await backend.submit(await trainingRun());
    await collect(backend.events(backendJobId));
    const refused = expect(backend.artifact(backendJobId)).rejects;
    await refused.toMatchObject({
      code: "training/artifact-invalid",
      reason: expect.stringContaining("adapter_model.safetensors is damaged"),
    });
  });

  test("silently to push its model has no artifact", async () => {
    await start({ jobs: { script: scriptedTraining({ pushes: false }) } });
    const backend = backendOf(twin);
    const { backendJobId } = await backend.submit(await trainingRun());
    await collect(backend.events(backendJobId));
    expect(await backend.status(backendJobId)).toMatchObject({ stage: "completed" });
    await expect(backend.artifact(backendJobId)).rejects.toMatchObject({ code: "training/artifact-invalid" });
  });
});

test("cancelling resolves when the service shows it, and is calm about an ended job", async () => {
  await start({ jobs: { script: scriptedTraining({ steps: 10_000 }) } });
  const backend = backendOf(twin);
  const { backendJobId } = await backend.submit(await trainingRun({ timeoutMs: 90_000_000 }));
  expect(await backend.cancel(backendJobId)).toMatchObject({ stage: "cancelled", failure: null });
  expect(twin.jobs.all[0]?.stage).toBe("CANCELED");
  expect(await backend.cancel(backendJobId)).toMatchObject({ stage: "cancelled" });
});

test("hardware is live with its prices, and a dated snapshot when the service is down", async () => {
  await start();
  const backend = backendOf(twin);
  const live = await backend.hardware();
  expect(live.find((offer) => offer.id === "a10g-largex4")).toEqual({
    id: "a10g-largex4",
    title: "4 × Nvidia A10G (a10g-largex4)",
    accelerator: { model: "Nvidia A10G", count: 4, memoryGiB: 24 },
    cpuCores: 48,
    memoryGiB: 184,
    diskGiB: 2000,
    // 83,333 millionths of a dollar per minute.
    costUsdPerHour: 4.99998,
    priceSource: { kind: "live" },
  });
  twin.faults.add({ route: "GET /api/jobs/hardware", fault: { kind: "reply", status: 503 } });
  const fallback = await backend.hardware();
  expect(fallback.map((offer) => offer.priceSource.kind)).toEqual(fallback.map(() => "snapshot"));
});

test("leaving the events early closes the connection", async () => {
  await start({
    clock: undefined,
    jobs: { script: [{ start: true }, { log: "one" }, { afterMs: 60_000, log: "two" }] },
  });
  const backend = backendOf(twin);
  const { backendJobId } = await backend.submit(await trainingRun());
  for await (const { body } of backend.events(backendJobId)) if (body.kind === "output") break;
  await expect.poll(() => twin.jobs.all[0]?.watchers.size).toBe(0);
});

test("a follower in the background does not keep its process alive", async () => {
  await start({
    clock: undefined,
    jobs: { script: [{ start: true }, { log: "one" }, { afterMs: 60_000, log: "two" }] },
  });
  const { backendJobId } = await backendOf(twin).submit(await trainingRun());
  const module = fileURLToPath(
    new URL("../../../core/src/training/backends/hf-jobs/hf-jobs.ts", import.meta.url),
  );
  const source = `
    import { hfJobs } from ${JSON.stringify(module)};
    setTimeout(() => {}, 1500);
    const backend = hfJobs({ namespace: "alice", hubUrl: ${JSON.stringify(twin.url)} });
    for await (const event of backend.events(${JSON.stringify(backendJobId)}, { keepAlive: false })) {
      if (event.body.kind === "output") console.log(event.body.line);
    }`;
  const child = spawn(
    process.execPath,
    ["--input-type=module", "--disable-warning=ExperimentalWarning", "-e", source],
    {
      env: { ...process.env, HF_TOKEN: twin.token },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  const code = await new Promise((resolve) => child.once("exit", resolve));
  // 13: its top-level await had not settled when nothing was left to wait for.
  expect(code).toBe(13);
  expect(output).toBe("one\n");
});
