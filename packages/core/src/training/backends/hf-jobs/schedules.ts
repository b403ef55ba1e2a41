import type { BackendSchedule, BackendSchedules, TrainingRun } from "../../../contract/training-backend.ts";
import { ModelOpsError } from "../../../errors/modelops-error.ts";
import { jobLabels, jobRequest, remoteScriptConfig, SCHEDULE_LABEL } from "./job-request.ts";
import type { WireScheduledJob } from "./job-wire.ts";
import type { ScheduleRequest } from "./jobs-client.ts";
import { ownId } from "./own-id.ts";
import {
  accessError,
  createOnce,
  requireReadiness,
  type SubmitParts,
  timeoutNotApplied,
  uploadData,
} from "./submit.ts";

const CHANGE_POLL_MS = 1000;

/**
 * Runs that the service starts by its own clock, as scheduled jobs. Each is made once: its label is looked up before
 * the request, after a reply that was lost, and at the end, in case another host has made the same.
 */
export function hfSchedules(
  base: Pick<SubmitParts, "client" | "clock">,
  partsFor: (run: TrainingRun, signal?: AbortSignal) => Promise<SubmitParts>,
): BackendSchedules {
  const { client, clock } = base;
  const idOf = (backendScheduleId: string) => ownId(backendScheduleId, client.namespace, "schedule");
  const toSchedule = (wire: WireScheduledJob): BackendSchedule => ({
    backendScheduleId: `${client.namespace}/${wire.id}`,
    cron: wire.schedule,
    isPaused: wire.suspend === true,
    pausedReason: wire.suspendReason ?? null,
    nextRunAt: wire.suspend === true ? null : (wire.status?.nextJobRunAt ?? null),
  });
  const find = async (id: string, signal?: AbortSignal): Promise<WireScheduledJob | null> => {
    const found = await client.findSchedule(id, signal);
    // A token that has lost its place in the namespace is told the same as of a schedule that is gone.
    if (!found) await client.checkAccess(signal);
    return found;
  };
  const labelled = async (runId: string, signal?: AbortSignal) =>
    (await client.schedulesWithLabel(SCHEDULE_LABEL, runId, signal))[0] ?? null;
  const suspend = async (backendScheduleId: string, isPaused: boolean, signal?: AbortSignal) => {
    const id = idOf(backendScheduleId);
    await client.changeSchedule(id, isPaused ? "suspend" : "resume", signal);
    // Done when the service shows it, not when it was asked.
    for (;;) {
      const found = await find(id, signal);
      if (!found) throw notFound(backendScheduleId);
      if ((found.suspend === true) === isPaused) return toSchedule(found);
      await clock.sleep(CHANGE_POLL_MS, { signal, keepAlive: true });
    }
  };
  const remove = async (id: string, signal?: AbortSignal) => {
    await client.changeSchedule(id, "delete", signal).catch((error: unknown) => {
      if (!ModelOpsError.isInstance(error) || error.details.status !== 404) throw error;
    });
    while ((await find(id, signal)) !== null) await clock.sleep(CHANGE_POLL_MS, { signal, keepAlive: true });
  };

  return {
    async create(run, { cron, signal }) {
      signal?.throwIfAborted();
      const known = await labelled(run.runId, signal).catch((error: unknown) => {
        throw accessError(error, client.namespace);
      });
      if (known) return toSchedule(requireSame(known, run, cron));
      const parts = await partsFor(run, signal);
      await requireReadiness(run, parts, signal);
      const data = await uploadData(run, parts, signal);
      // Each of its runs is a new one: none goes on from the checkpoint of the run before.
      const config = remoteScriptConfig({ run, ...parts, resume: false, data });
      const jobSpec = await jobRequest({ run, config, ...parts, identity: SCHEDULE_LABEL });
      const request: ScheduleRequest = { jobSpec, schedule: cron, suspend: false, concurrency: false };
      // Uploading takes time: another host may have been faster.
      const meanwhile = await labelled(run.runId, signal);
      if (meanwhile) return toSchedule(requireSame(meanwhile, run, cron));
      const mine = await createOnce(
        { create: () => client.createSchedule(request), find: () => labelled(run.runId) },
        base,
        signal,
      );
      if (mine.jobSpec.timeout !== jobSpec.timeoutSeconds) {
        await remove(mine.id);
        throw timeoutNotApplied({ id: mine.id, timeout: mine.jobSpec.timeout }, jobSpec);
      }
      // Of several that were made at once, by another host or by a request that arrived twice, the oldest stays.
      const [oldest = mine, ...younger] = await client.schedulesWithLabel(SCHEDULE_LABEL, run.runId);
      for (const { id } of younger) await remove(id);
      return toSchedule(requireSame(oldest, run, cron));
    },

    async ofRun(run, { cron, signal }) {
      const found = await labelled(run.runId, signal);
      return found && differenceOf(found, run, cron) === null ? toSchedule(found) : null;
    },

    async find(backendScheduleId, { signal } = {}) {
      const found = await find(idOf(backendScheduleId), signal);
      return found && toSchedule(found);
    },

    pause: async (backendScheduleId, { signal } = {}) => await suspend(backendScheduleId, true, signal),

    resume: async (backendScheduleId, { signal } = {}) => await suspend(backendScheduleId, false, signal),

    async delete(backendScheduleId, { signal } = {}) {
      await remove(idOf(backendScheduleId), signal);
    },

    async jobs({ backendScheduleId, runId }, { signal } = {}) {
      const id = idOf(backendScheduleId);
      const jobs = await client.withLabel(SCHEDULE_LABEL, runId, signal);
      // Labels can be copied; who has started a job cannot.
      return jobs
        .filter(({ initiator }) => initiator?.type === "scheduled-job" && initiator.id === id)
        .map((job) => ({
          backendJobId: `${client.namespace}/${job.id}`,
          url: client.url(job.id),
          createdAt: job.createdAt,
        }));
    },
  };
}

/** Another host may have taken the name for other rows, or other times. */
function requireSame(found: WireScheduledJob, run: TrainingRun, cron: string): WireScheduledJob {
  const difference = differenceOf(found, run, cron);
  if (difference === null) return found;
  throw new ModelOpsError({
    code: "training/schedule-id-taken",
    message: `The service has another schedule of the id ${run.runId}.`,
    reason: difference,
    fix: "choose another id, or delete that one first.",
  });
}

function differenceOf(found: WireScheduledJob, run: TrainingRun, cron: string): string | null {
  if (found.schedule !== cron) return `It runs at ${found.schedule}, not at ${cron}.`;
  const labels = Object.entries(jobLabels(run, SCHEDULE_LABEL));
  const other = labels.find(([key, value]) => found.jobSpec.labels?.[key] !== value);
  return other ? `Its label ${other[0]} is not this one's: it trains something else.` : null;
}

function notFound(backendScheduleId: string): ModelOpsError {
  return new ModelOpsError({
    code: "training/schedule-not-found",
    message: `The service has no schedule ${backendScheduleId} any more.`,
    fix: "make it again with trainer.schedule(…).",
  });
}
