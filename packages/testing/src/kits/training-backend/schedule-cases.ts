import assert from "node:assert/strict";
import type { BackendSchedule, BackendSchedules, TrainingRun } from "@modelops/core";
import { aborted, holdsNoSecret, rejectsWithReason, survivesJson } from "../kit-assertions.ts";
import type { TrainingBackendCase, TrainingBackendPlace } from "./training-backend-place.ts";

/** Once a year, so that nothing starts while the kit looks. */
const CRON = "0 0 1 1 *";

/** The next run is left out: time may have passed. */
function isSame(found: BackendSchedule | null | undefined, wanted: BackendSchedule): void {
  assert.ok(found, "the schedule is not found");
  assert.deepEqual({ ...found, nextRunAt: null }, { ...wanted, nextRunAt: null });
}

/** Runs `check` with a schedule, which is gone afterwards. Nothing where the backend keeps none. */
async function withSchedules(
  { backend, run }: TrainingBackendPlace,
  check: (schedules: BackendSchedules, run: TrainingRun) => Promise<void>,
): Promise<void> {
  const { schedules } = backend;
  if (!schedules) return;
  const scheduled = run("completes");
  try {
    await check(schedules, scheduled);
  } finally {
    const left = await schedules.ofRun(scheduled, { cron: CRON });
    if (left) await schedules.delete(left.backendScheduleId);
  }
}

/** Runs that the service starts by its own clock, where it does. */
export const SCHEDULE_CASES: readonly TrainingBackendCase[] = [
  {
    name: "has schedules exactly when it declares them",
    async run({ backend }) {
      assert.equal(backend.schedules !== undefined, backend.capabilities.schedule);
    },
  },
  {
    name: "keeps a schedule once, however often it is made, and shows it without a secret",
    run: async (place) =>
      await withSchedules(place, async (schedules, run) => {
        assert.equal(await schedules.ofRun(run, { cron: CRON }), null);
        const first = await schedules.create(run, { cron: CRON });
        assert.equal(first.cron, CRON);
        assert.equal(first.isPaused, false);
        assert.ok(first.nextRunAt !== null && !Number.isNaN(Date.parse(first.nextRunAt)), "no next run");
        survivesJson(first, "a schedule");
        holdsNoSecret(first, place.secrets, "the schedule");
        const other = await place.reopen();
        for (const again of [schedules, schedules, other.schedules])
          isSame(await again?.create(run, { cron: CRON }), first);
        isSame(await other.schedules?.find(first.backendScheduleId), first);
        isSame(await schedules.ofRun(run, { cron: CRON }), first);
        assert.equal(await schedules.ofRun(run, { cron: "0 0 2 1 *" }), null);
        // A schedule is no run: nothing was started under the run's own id.
        assert.equal(await place.starts(run.runId), 0);
        await other.close?.();
      }),
  },
  {
    name: "pauses, resumes and deletes a schedule, each time calmly when it is so already",
    run: async (place) =>
      await withSchedules(place, async (schedules, run) => {
        const { backendScheduleId: id } = await schedules.create(run, { cron: CRON });
        for (const isPaused of [true, true, false, false]) {
          const changed = isPaused ? await schedules.pause(id) : await schedules.resume(id);
          assert.equal(changed.isPaused, isPaused);
          assert.equal(changed.nextRunAt === null, isPaused);
          isSame(await schedules.find(id), changed);
        }
        await schedules.delete(id);
        assert.equal(await schedules.find(id), null);
        await schedules.delete(id);
      }),
  },
  {
    name: "makes no schedule for a caller that has given up already",
    run: async (place) =>
      await withSchedules(place, async (schedules, run) => {
        const { signal, reason } = aborted();
        await rejectsWithReason(schedules.create(run, { cron: CRON, signal }), reason);
        assert.equal(await schedules.ofRun(run, { cron: CRON }), null);
      }),
  },
];
