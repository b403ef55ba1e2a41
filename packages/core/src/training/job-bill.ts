import { ModelOpsError } from "../errors/modelops-error.ts";
import type { JobRecord } from "./job-record.ts";

type Billed = Pick<
  JobRecord,
  "runningSince" | "finishedAt" | "costUsdPerHour" | "earlierCostUsd" | "costUsd"
>;

/**
 * What a job has cost so far over all its attempts, by the price of its hardware for every started minute that it has
 * run; waiting for a machine is free. The backend's own figure, once it is known, counts instead.
 */
export function costSoFarUsd(job: Billed, nowMs: number): number {
  return job.earlierCostUsd + (job.costUsd ?? priceOf(Math.ceil(minutesRun(job, nowMs)), job));
}

/** What it will have cost at its end, at the present rate; null while that cannot be known. */
export function projectedCostUsd(job: Billed & Pick<JobRecord, "progress">, nowMs: number): number | null {
  const etaMinutes = job.progress?.etaMinutes ?? null;
  if (etaMinutes === null) return null;
  return job.earlierCostUsd + priceOf(minutesRun(job, nowMs) + etaMinutes, job);
}

/** Why a job must be stopped to stay within what its owner allowed; null while it does. */
export function overCap(
  job: Billed & Pick<JobRecord, "progress" | "maxCostUsd">,
  nowMs: number,
): string | null {
  const { maxCostUsd } = job;
  if (maxCostUsd === null) return null;
  const cap = `maxCostUsd = $${maxCostUsd.toFixed(2)}`;
  const spent = costSoFarUsd(job, nowMs);
  if (spent > maxCostUsd) return `It has cost $${spent.toFixed(2)}, above ${cap}.`;
  const projected = projectedCostUsd(job, nowMs);
  if (projected === null || projected <= maxCostUsd) return null;
  return `It is heading for $${projected.toFixed(2)}, above ${cap}.`;
}

/**
 * A run's time limit, cut to the whole minutes that its cap still pays for: the service then ends the job even when no
 * process of ours is there to do it.
 * @throws ModelOpsError `training/cap-reached` when nothing is left
 */
export function timeoutWithinCap(run: {
  readonly timeoutMs: number;
  readonly maxCostUsd: number | null;
  readonly costUsdPerHour: number;
  readonly earlierCostUsd: number;
}): number {
  if (run.maxCostUsd === null || run.costUsdPerHour === 0) return run.timeoutMs;
  const leftUsd = run.maxCostUsd - run.earlierCostUsd;
  const paidMinutes = Math.floor((leftUsd / run.costUsdPerHour) * 60);
  if (paidMinutes >= 1) return Math.min(run.timeoutMs, paidMinutes * 60_000);
  throw new ModelOpsError({
    code: "training/cap-reached",
    message: `maxCostUsd = $${run.maxCostUsd.toFixed(2)} pays for no further minute of this run.`,
    reason: `Its earlier attempts cost $${run.earlierCostUsd.toFixed(2)}, and its hardware costs $${run.costUsdPerHour.toFixed(2)} an hour.`,
    fix: "raise maxCostUsd, or choose cheaper hardware.",
    details: { maxCostUsd: run.maxCostUsd, earlierCostUsd: run.earlierCostUsd },
  });
}

/** Minutes that this attempt has run for, waiting for a machine left out. */
export function minutesRun(job: Pick<Billed, "runningSince" | "finishedAt">, nowMs: number): number {
  if (job.runningSince === null) return 0;
  const endMs = job.finishedAt === null ? nowMs : Date.parse(job.finishedAt);
  return Math.max(0, endMs - Date.parse(job.runningSince)) / 60_000;
}

function priceOf(minutes: number, { costUsdPerHour }: Billed): number {
  return (minutes / 60) * costUsdPerHour;
}
