import { type BackendSchedule, type BackendSchedules, ModelOpsError } from "@modelops/core";

/** Schedules of the naive service, by their run. */
export type MemorySchedules = Map<string, BackendSchedule>;

const NEXT = "2027-01-01T00:00:00.000Z";

/** Schedules that are kept as they should be, and never start anything. */
export function memorySchedules(kept: MemorySchedules): BackendSchedules {
  const find = (id: string) =>
    [...kept].find(([, schedule]) => schedule.backendScheduleId === id) ?? [null, null];
  const change = (id: string, isPaused: boolean): BackendSchedule => {
    const [runId, schedule] = find(id);
    if (!schedule)
      throw new ModelOpsError({
        code: "training/schedule-not-found",
        message: `There is no ${id}.`,
        fix: "make it.",
      });
    const changed = { ...schedule, isPaused, nextRunAt: isPaused ? null : NEXT };
    kept.set(runId, changed);
    return changed;
  };
  return {
    async create({ runId }, { cron, signal }) {
      signal?.throwIfAborted();
      const made: BackendSchedule = kept.get(runId) ?? {
        backendScheduleId: `schedule-${kept.size}-${runId}`,
        cron,
        isPaused: false,
        pausedReason: null,
        nextRunAt: NEXT,
      };
      kept.set(runId, made);
      return made;
    },
    async ofRun({ runId }, { cron }) {
      const known = kept.get(runId);
      return known?.cron === cron ? known : null;
    },
    find: async (id) => find(id)[1],
    pause: async (id) => change(id, true),
    resume: async (id) => change(id, false),
    async delete(id) {
      const [runId] = find(id);
      if (runId !== null) kept.delete(runId);
    },
    jobs: async () => [],
  };
}
