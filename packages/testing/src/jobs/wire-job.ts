import { avatarOf, type HubAccounts, stableId } from "../hub/hub-accounts.ts";
import { isTerminal, type Job } from "./job.ts";

const iso = (ms: number) => new Date(ms).toISOString();

/** A job as the API answers it. */
export function wireJob(job: Job, accounts: HubAccounts, nowMs: number): Record<string, unknown> {
  const { spec } = job;
  const endMs = job.finishedAtMs ?? nowMs;
  const seconds = (fromMs: number, toMs: number) => Math.floor((toMs - fromMs) / 1000);
  return {
    type: "job",
    id: job.id,
    createdAt: iso(job.createdAtMs),
    ...(job.startedAtMs === null ? {} : { startedAt: iso(job.startedAtMs) }),
    ...(job.finishedAtMs === null ? {} : { finishedAt: iso(job.finishedAtMs) }),
    ...(spec.dockerImage === undefined ? {} : { dockerImage: spec.dockerImage }),
    ...(spec.spaceId === undefined ? {} : { spaceId: spec.spaceId }),
    command: spec.command ?? [],
    arguments: spec.arguments ?? [],
    environment: spec.environment ?? {},
    secrets: Object.keys(spec.secrets ?? {}),
    flavor: spec.flavor,
    ...(spec.arch === undefined ? {} : { arch: spec.arch }),
    timeout: job.timeoutSeconds,
    ...(spec.attempts === undefined ? {} : { retry: spec.attempts - 1 }),
    labels: job.labels,
    ...(spec.volumes === undefined ? {} : { volumes: spec.volumes }),
    ...(spec.expose === undefined ? {} : { expose: spec.expose }),
    ...(spec.network === undefined ? {} : { network: spec.network }),
    createdBy: { id: stableId(job.createdBy), name: job.createdBy },
    owner: {
      id: stableId(job.namespace),
      name: job.namespace,
      type: accounts.get(job.namespace)?.type ?? "user",
      avatarUrl: avatarOf(job.namespace),
    },
    initiator: job.initiator,
    durations: {
      ...(job.startedAtMs === null
        ? {}
        : {
            schedulingSecs: seconds(job.createdAtMs, job.startedAtMs),
            runningSecs: seconds(job.startedAtMs, endMs),
          }),
      totalSecs: seconds(job.createdAtMs, endMs),
    },
    status: {
      stage: job.stage,
      message: job.message,
      ...(job.cancelReason === null ? {} : { cancelReason: job.cancelReason }),
      ...(isTerminal(job) ? { failureCount: job.failureCount } : {}),
    },
  };
}
