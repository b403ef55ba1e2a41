import {
  local,
  type ScheduleOptions,
  Trainer,
  type TrainingEvent,
  type TrainingSchedule,
} from "@modelops/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { REHEARSED, rehearsal } from "./__fixtures__/rehearsal.ts";
import { scriptedTraining } from "./scripted-training.ts";

const WEEKLY: ScheduleOptions = { cron: "0 6 * * 1", id: "support-weekly" };
const CREATE = "POST /api/scheduled-jobs/alice";

let played: Awaited<ReturnType<typeof rehearsal>>;
beforeEach(async () => {
  played = await rehearsal({ script: scriptedTraining({ steps: 4, stepMs: 60_000 }) });
});
afterEach(() => played.close());

/** What the service has, by its own account. */
async function listed(): Promise<readonly Record<string, unknown>[]> {
  const response = await fetch(`${played.twin.url}/api/scheduled-jobs/alice`, {
    headers: { authorization: `Bearer ${played.twin.token}` },
  });
  return (await response.json()) as Record<string, unknown>[];
}

async function firstRuns(schedule: TrainingSchedule, count: number) {
  const jobs = [];
  for await (const job of schedule.runs()) {
    jobs.push(job);
    if (jobs.length === count) break;
  }
  return jobs;
}

test("runs that a schedule starts are followed, verified and registered by themselves, each with its own commit", async () => {
  const trainer = played.trainer();
  const ended: TrainingEvent[] = [];
  trainer.events.on("training.completed", (event) => {
    ended.push(event);
  });
  const schedule = await trainer.schedule({ ...REHEARSED, maxCostUsd: 3 }, WEEKLY);
  const jobs = await firstRuns(schedule, 2);
  const results = await Promise.all(jobs.map((job) => job.result()));
  expect(ended.map(({ subject }) => subject)).toEqual(expect.arrayContaining(jobs.map(({ id }) => id)));

  const started = played.twin.jobs.all.slice(0, 2);
  expect(jobs.map(({ id }) => id)).toEqual(started.map(({ id }) => `support-weekly-${id}`));
  for (const { createdAtMs } of started)
    expect(new Date(createdAtMs).toISOString()).toMatch(/^2026-1\d-\d\dT06:00/);
  const commits = results.map(({ artifact }) => artifact.location);
  expect(commits[0]).toMatchObject({ type: "hub", repoId: "alice/support-tuned" });
  expect(commits[1]).not.toEqual(commits[0]);
  const versions = played.added.slice(0, 2);
  expect(versions.map(({ jobId }) => jobId)).toEqual(jobs.map(({ id }) => id));
  expect(versions[1]?.lineage).toEqual(versions[0]?.lineage);
  // Five started minutes at $1.50 an hour.
  expect(results.map(({ costUsd }) => costUsd)).toEqual([0.125, 0.125]);

  const [posted] = played.twin.requests.to(CREATE).json() as {
    jobSpec: { labels: Record<string, string>; timeoutSeconds: number; environment: Record<string, string> };
  }[];
  expect(posted).toMatchObject({ schedule: "0 6 * * 1", suspend: false, concurrency: false });
  expect(posted?.jobSpec.labels).toMatchObject({ "modelops-schedule": "support-weekly" });
  expect(posted?.jobSpec.labels).not.toHaveProperty("modelops-run");
  // $3 at $1.50 an hour: the cap of a run holds without anybody watching.
  expect(posted?.jobSpec.timeoutSeconds).toBe(7200);
  const config = Buffer.from(posted?.jobSpec.environment.MODELOPS_CONFIG_B64 ?? "", "base64").toString();
  expect(JSON.parse(config)).toMatchObject({ resume: false, run_id: "support-weekly" });
});

test("after a restart, what a schedule has started meanwhile is found, registered once, and followed on", async () => {
  const before = played.trainer();
  await before.schedule(REHEARSED, WEEKLY);
  await before.close();
  while (played.twin.jobs.all.filter(({ stage }) => stage === "COMPLETED").length < 2)
    await new Promise((resolve) => setTimeout(resolve, 5));
  expect(played.added).toEqual([]);
  const [one, two] = [played.trainer(), played.trainer()];
  const [first, second] = await Promise.all([
    one.openSchedule("support-weekly").then((schedule) => firstRuns(schedule, 2)),
    two.openSchedule("support-weekly").then((schedule) => firstRuns(schedule, 2)),
  ]);
  expect(second.map(({ id }) => id)).toEqual(first.map(({ id }) => id));
  for (const job of [...first, ...second]) await job.result();
  const registered = played.added.map(({ jobId }) => jobId);
  expect(new Set(registered).size).toBe(registered.length);
  for (const { id } of first) expect(registered).toContain(id);
  const records = await one.jobs({ status: "completed" });
  expect(records.find(({ id }) => id === first[0]?.id)).toMatchObject({ scheduleId: "support-weekly" });
});

test("a run that fails is a failed job, and the next one comes all the same", async () => {
  let runs = 0;
  await played.close();
  const works = scriptedTraining({ steps: 2 });
  const fails = scriptedTraining({ steps: 2, failure: { atStep: 1, exit: 137, reason: "OOMKilled" } });
  played = await rehearsal({
    script: (context) => {
      const script = ++runs === 1 ? fails : works;
      return typeof script === "function" ? script(context) : script;
    },
  });
  const schedule = await played.trainer().schedule(REHEARSED, WEEKLY);
  const [first, second] = await firstRuns(schedule, 2);
  await expect(first?.result()).rejects.toMatchObject({ details: { diagnosis: "out_of_memory" } });
  await second?.result();
  expect(played.added[0]?.jobId).toBe(second?.id);
});

describe("is made once", () => {
  test("asked for again, by two hosts at once, and after a reply that was lost", async () => {
    played.twin.faults.add({ route: CREATE, fault: { kind: "lose-reply" }, nth: 1 });
    const [one, two] = [played.trainer(), played.trainer()];
    await one.schedule(REHEARSED, WEEKLY);
    await Promise.all([one.schedule(REHEARSED, WEEKLY), two.schedule(REHEARSED, WEEKLY)]);
    expect(played.twin.requests.to(CREATE).count).toBe(1);
    expect(await listed()).toHaveLength(1);
    expect(await one.schedules()).toMatchObject([{ id: "support-weekly", status: "active" }]);
  });

  test("of a request that arrives twice one schedule is left", async () => {
    played.twin.faults.add({ route: CREATE, fault: { kind: "duplicate" }, nth: 1 });
    await played.trainer().schedule(REHEARSED, WEEKLY);
    expect(await listed()).toHaveLength(1);
  });

  test("one that could not be made is gone on with by the same call, under the approval it has", async () => {
    const trainer = played.trainer();
    const hourly = { cron: "@hourly", id: "hourly", approve: () => ({ approved: true, by: "ada" }) };
    played.twin.faults.add({
      route: CREATE,
      fault: { kind: "reply", status: 402, body: { error: "none" } },
      nth: 1,
    });
    await expect(trainer.schedule(REHEARSED, hourly)).rejects.toMatchObject({ code: "training/no-credits" });
    expect(await trainer.schedules({ status: "creating" })).toHaveLength(1);
    const schedule = await trainer.schedule(REHEARSED, {
      ...hourly,
      approve: () => expect.fail("asked again"),
    });
    expect(await schedule.status()).toMatchObject({ status: "active" });
  });

  test("its id is not taken for other rows, other times or another cap, here or by a host with another store", async () => {
    const trainer = played.trainer();
    await trainer.schedule(REHEARSED, WEEKLY);
    const other = await rehearsal({}, {});
    try {
      const stranger = other.trainer({ hubUrl: played.twin.url, token: played.twin.token });
      const fewer = { ...REHEARSED, seed: 1 };
      const elsewhen = { ...WEEKLY, cron: "@weekly" };
      for (const [host, spec, options] of [
        [trainer, fewer, WEEKLY],
        [trainer, REHEARSED, elsewhen],
        [trainer, { ...REHEARSED, maxCostUsd: 1 }, WEEKLY],
        [stranger, fewer, WEEKLY],
        [stranger, REHEARSED, elsewhen],
        [stranger, { ...REHEARSED, maxCostUsd: 1 }, WEEKLY],
      ] as const)
        await expect(host.schedule(spec, options)).rejects.toMatchObject({
          code: "training/schedule-id-taken",
        });
      // Nor does the stranger end what is not its own.
      await (await stranger.openSchedule("support-weekly")).delete();
    } finally {
      await other.close();
    }
    expect(await listed()).toHaveLength(1);
  });
});

test("a person approves what it costs by run and by month, once, for these times and rows", async () => {
  const trainer = played.trainer();
  const hourly = { cron: "@hourly", id: "hourly" };
  const asked = await trainer.schedule(REHEARSED, hourly).then(
    () => expect.fail("it was not asked about"),
    (error: { code: string; details: { approvalId: string } }) => error,
  );
  expect(asked.code).toBe("approval/required");
  const question = await played.approvals.get(asked.details.approvalId);
  expect(question.summary).toMatch(
    /again and again: about \$\d.*, 730 times a month \(@hourly, UTC\): about \$\d+\.\d\d a month .*until it is paused or deleted/,
  );
  const plan = await trainer.plan(REHEARSED);
  expect(question.usd).toBeCloseTo(plan.quote.usd.high * 730, 1);
  expect(played.twin.requests.to(CREATE).count).toBe(0);
  await played.approvals.approve(question.id, { by: "ada" });
  // The approval of one schedule opens no other one.
  await expect(trainer.schedule(REHEARSED, { cron: "0 */2 * * *", id: "hourly" })).rejects.toMatchObject({
    code: "approval/required",
  });
  await trainer.schedule(REHEARSED, hourly);
  expect((await played.approvals.get(question.id)).usedBy).toBe("hourly");
  // Weekly costs less than anybody wants to be asked about.
  await trainer.schedule(REHEARSED, WEEKLY);
});

test("pauses, resumes and deletes as the service shows it; a new one may take the id", async () => {
  const trainer = played.trainer();
  const schedule = await trainer.schedule(REHEARSED, WEEKLY);
  expect((await schedule.status()).nextRunAt).toMatch(/T06:00:00/);
  expect(await schedule.pause()).toMatchObject({ status: "paused", nextRunAt: null });
  expect(await listed()).toMatchObject([{ suspend: true }]);
  expect(await schedule.resume()).toMatchObject({ status: "active" });
  expect(await listed()).toMatchObject([{ suspend: false }]);
  await firstRuns(schedule, 1);
  expect(await schedule.delete()).toMatchObject({ status: "deleted", nextRunAt: null });
  expect(await schedule.delete()).toMatchObject({ status: "deleted" });
  expect(await listed()).toEqual([]);
  const kept = await schedule.jobs();
  expect(kept.length).toBeGreaterThan(0);
  await expect(schedule.resume()).rejects.toMatchObject({ code: "training/schedule-not-active" });
  const again = await trainer.schedule({ ...REHEARSED, seed: 1 }, WEEKLY);
  expect(await again.status()).toMatchObject({ status: "active" });
  expect((await again.jobs()).map(({ id }) => id)).toEqual(expect.arrayContaining(kept.map(({ id }) => id)));
});

test("what was paused or deleted on the service shows", async () => {
  const schedule = await played.trainer().schedule(REHEARSED, WEEKLY);
  const [remote] = await listed();
  const call = async (method: string, path = "") =>
    await fetch(`${played.twin.url}/api/scheduled-jobs/alice/${String(remote?.id)}${path}`, {
      method,
      headers: { authorization: `Bearer ${played.twin.token}` },
    });
  await call("POST", "/suspend");
  expect(await schedule.status()).toMatchObject({
    status: "paused",
    message: "It was paused on the service.",
  });
  await call("DELETE");
  expect(await schedule.status()).toMatchObject({
    status: "deleted",
    message: "It was deleted on the service.",
  });
});

test("a schedule that cannot be kept is refused before anything is asked of the service", async () => {
  const trainer = played.trainer();
  for (const [options, code] of [
    [{ cron: "every day" }, "input/training-schedule"],
    [{ cron: "*/5 * * * *" }, "input/training-schedule"],
    [{ cron: "@daily", id: "../up" }, "input/training-schedule"],
  ] as const)
    await expect(trainer.schedule(REHEARSED, options)).rejects.toMatchObject({ code });
  await expect(trainer.schedule({ ...REHEARSED, fallbackHardware: ["l4x1"] }, WEEKLY)).rejects.toMatchObject({
    code: "input/training-schedule",
  });
  await expect(trainer.schedule({ ...REHEARSED, maxCostUsd: 0.0001 }, WEEKLY)).rejects.toMatchObject({
    code: "training/quote-exceeds-cap",
  });
  expect(await listed()).toEqual([]);
  const { runtime, approvals } = played;
  await using onThisMachine = new Trainer(runtime, { backend: local({ home: runtime.home }), approvals });
  await expect(onThisMachine.schedule(REHEARSED, WEEKLY)).rejects.toMatchObject({
    code: "training/schedule-not-offered",
    fix: expect.stringContaining("hfJobs()"),
  });
});
