import type { Context, Hono } from "hono";
import { avatarOf, stableId } from "../hub/hub-accounts.ts";
import { badRequest, HubFailure, refusing } from "../hub/hub-failure.ts";
import { checkLabels, checkSpec } from "./check-spec.ts";
import { nextRunMs } from "./cron.ts";
import { isTerminal, type JobSpec } from "./job.ts";
import type { JobsService } from "./jobs-service.ts";
import { wireJob } from "./wire-job.ts";

interface ScheduledJob {
  readonly id: string;
  readonly namespace: string;
  readonly createdBy: string;
  readonly createdAtMs: number;
  spec: JobSpec;
  schedule: string;
  isSuspended: boolean;
  readonly concurrency: boolean;
  lastJob: { readonly id: string; readonly at: string } | null;
  /** Replaced when the schedule changes; aborted when it ends. */
  timer: AbortController;
}

/** `/api/scheduled-jobs/…`: jobs that start by the twin's clock. */
export function addScheduledJobsRoutes(app: Hono, service: JobsService): void {
  const { accounts } = service.hub;
  const all: ScheduledJob[] = [];
  const flavorNames = new Set(service.flavors.map((flavor) => flavor.name));

  const wire = (scheduled: ScheduledJob) => ({
    type: "scheduled-job",
    id: scheduled.id,
    createdAt: new Date(scheduled.createdAtMs).toISOString(),
    schedule: scheduled.schedule,
    suspend: scheduled.isSuspended,
    concurrency: scheduled.concurrency,
    status: {
      lastJob: scheduled.lastJob,
      // A string in the published interface; of a schedule that is suspended, when it would run.
      nextJobRunAt: new Date(nextRunMs(scheduled.schedule, service.nowMs())).toISOString(),
    },
    owner: {
      id: stableId(scheduled.namespace),
      name: scheduled.namespace,
      type: accounts.get(scheduled.namespace)?.type ?? "user",
      avatarUrl: avatarOf(scheduled.namespace),
    },
    initiator: {
      type: "user",
      id: stableId(scheduled.createdBy),
      name: scheduled.createdBy,
      avatarUrl: avatarOf(scheduled.createdBy),
    },
    jobSpec: wireSpec(scheduled.spec),
  });

  const memberOf = (context: Context) => {
    const caller = accounts.requiredCallerOf(context);
    if (!accounts.isMember(caller, context.req.param("namespace") ?? ""))
      throw new HubFailure(404, "Namespace not found");
    return caller;
  };
  const find = (context: Context): ScheduledJob => {
    memberOf(context);
    const namespace = context.req.param("namespace");
    const found = all.find((one) => one.id === context.req.param("id") && one.namespace === namespace);
    if (!found) throw new HubFailure(404, "Scheduled Job not found");
    return found;
  };

  const run = (scheduled: ScheduledJob) => {
    const last = service.jobs.find((job) => job.id === scheduled.lastJob?.id);
    if (last && !isTerminal(last) && !scheduled.concurrency) {
      throw new HubFailure(
        409,
        "Another job is already running at the same time, set `concurrency` to allow multiple instances of scheduled jobs to run concurrently",
      );
    }
    const job = service.create({
      namespace: scheduled.namespace,
      createdBy: scheduled.createdBy,
      spec: scheduled.spec,
      initiator: { type: "scheduled-job", id: scheduled.id },
    });
    scheduled.lastJob = { id: job.id, at: new Date(service.nowMs()).toISOString() };
    return job;
  };
  const arm = (scheduled: ScheduledJob) => {
    scheduled.timer.abort();
    scheduled.timer = new AbortController();
    const signal = AbortSignal.any([scheduled.timer.signal, service.closing]);
    const loop = async () => {
      while (!scheduled.isSuspended) {
        await service.sleep(nextRunMs(scheduled.schedule, service.nowMs()) - service.nowMs(), signal);
        try {
          run(scheduled);
        } catch (error) {
          // One that still runs, or no credit: this turn is left out.
          if (!(error instanceof HubFailure)) throw error;
        }
      }
    };
    void loop().catch(() => {});
  };

  app.post(
    "/api/scheduled-jobs/:namespace",
    refusing(async (context) => {
      const caller = memberOf(context);
      if (!caller.token.canRunJobs) throw new HubFailure(403, "Forbidden: missing permissions: job.write");
      const body = (await context.req.json()) as {
        jobSpec?: unknown;
        schedule?: unknown;
        suspend?: boolean;
        concurrency?: boolean;
      };
      const scheduled: ScheduledJob = {
        id: stableId(`scheduled:${all.length}:${service.nowMs()}`),
        namespace: context.req.param("namespace") ?? "",
        createdBy: caller.user.name,
        createdAtMs: service.nowMs(),
        spec: checkSpec(body.jobSpec, flavorNames),
        schedule: checkSchedule(body.schedule),
        isSuspended: body.suspend ?? false,
        concurrency: body.concurrency ?? false,
        lastJob: null,
        timer: new AbortController(),
      };
      all.push(scheduled);
      arm(scheduled);
      return context.json(wire(scheduled));
    }),
  );
  app.get(
    "/api/scheduled-jobs/:namespace",
    refusing((context) => {
      memberOf(context);
      return context.json(all.filter((one) => one.namespace === context.req.param("namespace")).map(wire));
    }),
  );
  app.get(
    "/api/scheduled-jobs/:namespace/:id",
    refusing((context) => context.json(wire(find(context)))),
  );
  app.delete(
    "/api/scheduled-jobs/:namespace/:id",
    refusing((context) => {
      const scheduled = find(context);
      scheduled.timer.abort();
      all.splice(all.indexOf(scheduled), 1);
      return context.body(null, 200);
    }),
  );
  for (const [verb, isSuspended] of [
    ["suspend", true],
    ["resume", false],
  ] as const) {
    app.post(
      `/api/scheduled-jobs/:namespace/:id/${verb}`,
      refusing((context) => {
        const scheduled = find(context);
        scheduled.isSuspended = isSuspended;
        arm(scheduled);
        return context.body(null, 200);
      }),
    );
  }
  app.post(
    "/api/scheduled-jobs/:namespace/:id/run",
    refusing((context) => context.json(wireJob(run(find(context)), accounts, service.nowMs()))),
  );
  app.post(
    "/api/scheduled-jobs/:namespace/:id/schedule",
    refusing(async (context) => {
      const scheduled = find(context);
      scheduled.schedule = checkSchedule(((await context.req.json()) as { schedule?: unknown }).schedule);
      arm(scheduled);
      return context.json(wire(scheduled));
    }),
  );
  app.put(
    "/api/scheduled-jobs/:namespace/:id/labels",
    refusing(async (context) => {
      const scheduled = find(context);
      const labels = checkLabels(((await context.req.json()) as { labels?: unknown }).labels ?? {});
      scheduled.spec = { ...scheduled.spec, labels };
      return context.json(wire(scheduled));
    }),
  );
}

function checkSchedule(value: unknown): string {
  if (typeof value !== "string") throw badRequest('"schedule" is required');
  try {
    nextRunMs(value, 0);
  } catch {
    throw badRequest(`Invalid schedule: ${value}`);
  }
  return value;
}

function wireSpec(spec: JobSpec): Record<string, unknown> {
  const { secrets, timeoutSeconds, attempts, ...rest } = spec;
  return {
    ...rest,
    arguments: spec.arguments ?? [],
    environment: spec.environment ?? {},
    ...(secrets ? { secrets: Object.keys(secrets) } : {}),
    ...(timeoutSeconds == null ? {} : { timeout: timeoutSeconds }),
    ...(attempts === undefined ? {} : { retry: attempts - 1 }),
  };
}
