import type { TrainingEvent, TrainingSpec } from "@modelops/core";
import { afterEach, expect, test } from "vitest";
import { REHEARSED, rehearsal } from "./__fixtures__/rehearsal.ts";
import type { JobScript } from "./scripted-runner.ts";
import { scriptedTraining } from "./scripted-training.ts";

let played: Awaited<ReturnType<typeof rehearsal>>;
afterEach(() => played.close());

test("the trainer rehearses three hours on rented hardware in seconds, and registers a verified model", async () => {
  played = await rehearsal({ script: scriptedTraining({ steps: 36, stepMs: 300_000 }) });
  const job = await played.trainer().train(REHEARSED);
  const steps: (number | null)[] = [];
  for await (const event of job.events())
    if (event.type === "training.progress") steps.push(event.data.progress.currentStep);
  const result = await job.result();
  expect(steps.filter((step, index) => step !== steps[index - 1]).at(-1)).toBe(36);
  expect(result.artifact).toMatchObject({ location: { type: "hub", repoId: "alice/support-tuned" } });
  expect(played.added).toHaveLength(1);
  // 40 s of waiting are free; 3 h and 6 s are 181 started minutes at $1.50 an hour.
  expect((await job.status()).costUsd).toBeCloseTo(4.525, 2);
  expect(result.minutes).toBeCloseTo(180.1, 1);
  expect(played.twin.requests.to("POST /api/jobs/alice").count).toBe(1);
});

test("a job that heads for more than its cap is cancelled there, and its time limit holds the cap by itself", async () => {
  played = await rehearsal({ script: scriptedTraining({ steps: 36, stepMs: 300_000 }) });
  const job = await played.trainer().train({ ...REHEARSED, maxCostUsd: 3 });
  await expect(job.result()).rejects.toMatchObject({
    code: "training/cancelled",
    reason: expect.stringMatching(/heading for \$4\.\d\d, above maxCostUsd = \$3\.00/),
  });
  expect(played.twin.jobs.all[0]?.stage).toBe("CANCELED");
  const [posted] = played.twin.requests.to("POST /api/jobs/alice").json();
  // $3 at $1.50 an hour.
  expect(posted).toMatchObject({ timeoutSeconds: 7200 });
  expect((await job.status()).costUsd).toBeLessThan(1);
});

test("a machine that never comes free costs nothing, and the run goes on with the next one that was quoted", async () => {
  const trains = scriptedTraining({ steps: 4, stepMs: 60_000, schedulingMs: 4000 });
  const script: JobScript = (context) => {
    if (context.job.spec.flavor === "a10g-large") return [{ afterMs: 90 * 3_600_000, start: true }];
    return typeof trains === "function" ? trains(context) : trains;
  };
  // Time must not run on to the ninetieth hour while an answer is under way.
  played = await rehearsal({ script }, { quietMs: 20 });
  const trainer = played.trainer({ schedulingTimeoutMs: 20_000 });
  const spec = { ...REHEARSED, fallbackHardware: ["l4x1", "t4-small"] };
  const plan = await trainer.plan(spec);
  expect(plan.fallbacks?.map(({ hardwareId }) => hardwareId)).toEqual(["l4x1", "t4-small"]);
  const job = await trainer.train(plan);
  const started: string[] = [];
  for await (const event of job.events())
    if (event.type === "training.started") started.push(event.data.hardwareId);
  await job.result();
  expect(started).toEqual(["a10g-large", "l4x1"]);
  expect(played.twin.jobs.all.map(({ spec: { flavor }, stage }) => [flavor, stage])).toEqual([
    ["a10g-large", "CANCELED"],
    ["l4x1", "COMPLETED"],
  ]);
  // Five started minutes at $0.80 an hour: the wait was free.
  expect((await job.status()).costUsd).toBeCloseTo((5 * 0.8) / 60, 3);
  expect(played.added).toHaveLength(1);
});

test("an approval covers every machine that a run may end up on, at the dearest quote", async () => {
  played = await rehearsal({ script: scriptedTraining() });
  const trainer = played.trainer();
  const big = { ...REHEARSED, hyperparameters: { epochs: 300_000 }, timeoutMs: 40 * 3_600_000, runId: "big" };
  const refused = async (spec: TrainingSpec) =>
    await trainer.train(spec).then(
      () => expect.fail("it was not asked about"),
      (error: { details: { hash: string; approvalId: string } }) => error.details,
    );
  const alone = await refused(big);
  const both = await refused({ ...big, fallbackHardware: ["h200x8"] });
  expect(both.hash).not.toBe(alone.hash);
  const [cheap, dear] = await Promise.all(
    [alone, both].map(({ approvalId }) => played.approvals.get(approvalId)),
  );
  expect(dear?.usd).toBeGreaterThan(cheap?.usd ?? Number.POSITIVE_INFINITY);
  expect(dear?.summary).toContain("if no such machine comes free, h200x8: ");
  // An approval of the cheaper question opens nothing for the other one.
  await played.approvals.approve(alone.approvalId, { by: "ada" });
  await refused({ ...big, fallbackHardware: ["h200x8"] });
  expect(played.twin.requests.to("POST /api/jobs/alice").count).toBe(0);
});

test("the log of a job can be read before it is submitted, and by another host after its end", async () => {
  played = await rehearsal({
    script: scriptedTraining({ steps: 3, chatter: (step) => [`row ${step}`] }),
  });
  const job = await played.trainer().train(REHEARSED);
  const rowsOf = async (log: ReturnType<typeof job.log>) => {
    const rows: string[] = [];
    for await (const { body } of log)
      if (body.kind === "output" && body.line.startsWith("row")) rows.push(body.line);
    return rows;
  };
  expect(await rowsOf(job.log())).toEqual(["row 1", "row 2", "row 3"]);
  await job.result();
  expect(await rowsOf((await played.trainer().job(job.id)).log())).toEqual(["row 1", "row 2", "row 3"]);
});

test("a run that learns nothing is told so while it runs, once, with what going on would cost", async () => {
  played = await rehearsal({
    script: scriptedTraining({ steps: 100, stepMs: 60_000, loss: [2, 2] }),
  });
  const job = await played.trainer().train(REHEARSED);
  const findings: Extract<TrainingEvent, { type: "training.finding-raised" }>[] = [];
  for await (const event of job.events()) if (event.type === "training.finding-raised") findings.push(event);
  expect(findings).toHaveLength(1);
  const [first] = findings;
  expect(first?.data.finding).toMatchObject({ kind: "no-signal", advice: "watch" });
  // About 70 minutes at $1.50 an hour.
  expect(first?.data.finding.costToGoUsd).toBeCloseTo(1.75, 1);
  await job.result();
  const other = await played.trainer().job(job.id);
  expect((await other.status()).findings).toEqual([first?.data.finding]);
});

test.each([
  [{ to: "trackio" }, "/spaces/alice/trackio", null],
  [{ to: "trackio", space: "acme/curves", project: "support" }, "/spaces/acme/curves", null],
  [{ to: "tensorboard" }, null, "/alice/support-tuned/tensorboard"],
  [null, null, null],
] as const)(
  "tracking %o has its page once the script says that it is on",
  async (tracking, trackio, tensorboard) => {
    played = await rehearsal({ script: scriptedTraining({ steps: 2 }) });
    const job = await played.trainer().train({ ...REHEARSED, tracking });
    await job.result();
    const page = (path: string | null) => (path === null ? null : `${played.twin.url}${path}`);
    for (const seen of [job, await played.trainer().job(job.id)])
      expect(await seen.status()).toMatchObject({
        trackioUrl: page(trackio),
        tensorboardUrl: page(tensorboard),
      });
  },
);
