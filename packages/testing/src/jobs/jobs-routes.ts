import type { Clock } from "@modelops/core";
import type { Context, Hono } from "hono";
import { avatarOf, type HubCaller, stableId } from "../hub/hub-accounts.ts";
import { badRequest, HubFailure, refusing } from "../hub/hub-failure.ts";
import { page } from "../hub/paging.ts";
import { checkLabels, checkSpec } from "./check-spec.ts";
import { billedMinutes, isTerminal, type Job, type JobStage } from "./job.ts";
import { logStream, metricStream, stageStream } from "./job-streams.ts";
import type { JobsService } from "./jobs-service.ts";
import { wireJob } from "./wire-job.ts";

const STAGES = new Set<string>(["SCHEDULING", "RUNNING", "COMPLETED", "CANCELED", "ERROR", "DELETED"]);

/** `/api/jobs/…` on the Hub's origin. */
export function addJobsRoutes(app: Hono, service: JobsService, clock: Clock): void {
  const { accounts } = service.hub;
  const flavorNames = new Set(service.flavors.map((flavor) => flavor.name));
  const wire = (job: Job) => wireJob(job, accounts, service.nowMs());

  /** Refuses as the service does: 404 for a namespace that is not the caller's, 403 for a token without the right. */
  const callerFor = (context: Context, access: "read" | "write"): HubCaller => {
    const caller = accounts.requiredCallerOf(context);
    const namespace = context.req.param("namespace") ?? "";
    if (!accounts.isMember(caller, namespace)) throw new HubFailure(404, "Namespace not found");
    if (access === "write" && !caller.token.canRunJobs) {
      throw new HubFailure(403, `Forbidden: missing permissions: job.write (namespace: ${namespace})`);
    }
    return caller;
  };
  const jobOf = (context: Context, access: "read" | "write" = "read") => {
    callerFor(context, access);
    return service.find(context.req.param("namespace") ?? "", context.req.param("id") ?? "");
  };

  app.get("/api/jobs/hardware", (context) => context.json(service.flavors));
  app.get(
    "/api/settings/billing/usage/jobs",
    refusing((context) => {
      const caller = accounts.requiredCallerOf(context);
      const jobs = service.jobs.filter(
        (job) => job.namespace === caller.user.name && job.startedAtMs !== null,
      );
      return context.json({ usage: usage(jobs, service), hasAccess: true });
    }),
  );
  for (const path of [
    "/api/jobs/:namespace/auth-check/:access",
    "/api/jobs/:namespace/:id/auth-check/:access",
  ]) {
    app.post(
      path,
      refusing((context) => {
        const caller = callerFor(context, context.req.param("access") === "write" ? "write" : "read");
        const namespace = context.req.param("namespace") ?? "";
        if (context.req.param("id") !== undefined) service.find(namespace, context.req.param("id") ?? "");
        return context.json({
          namespace: { id: stableId(namespace), name: namespace },
          user: { id: stableId(caller.user.name), name: caller.user.name },
        });
      }),
    );
  }
  app.post(
    "/api/jobs/:namespace",
    refusing(async (context) => {
      const caller = callerFor(context, "write");
      const spec = checkSpec(await context.req.json().catch(() => null), flavorNames);
      const { name } = caller.user;
      const initiator = { type: "user", id: stableId(name), name, avatarUrl: avatarOf(name) };
      const namespace = context.req.param("namespace") ?? "";
      return context.json(wire(service.create({ namespace, createdBy: name, spec, initiator })));
    }),
  );
  app.get(
    "/api/jobs/:namespace",
    refusing((context) => {
      callerFor(context, "read");
      const found = listed(context, service);
      const shown = page(context, found, {
        defaultLimit: 100,
        maxLimit: 1000,
        hubUrl: new URL(context.req.url).origin,
      });
      return context.json(shown.items.map(wire), 200, shown.headers);
    }),
  );
  app.get(
    "/api/jobs/:namespace/count",
    refusing((context) => {
      callerFor(context, "read");
      return context.json({ count: listed(context, service).length });
    }),
  );
  app.get(
    "/api/jobs/:namespace/:id",
    refusing((context) => context.json(wire(jobOf(context)))),
  );
  app.get(
    "/api/jobs/:namespace/:id/logs",
    refusing((context) => {
      const tail = context.req.query("tail");
      const job = jobOf(context);
      return logStream(job, {
        clock,
        closing: service.closing,
        tail: tail === undefined ? null : Number(tail),
      });
    }),
  );
  app.get(
    "/api/jobs/:namespace/:id/events",
    refusing((context) => stageStream(jobOf(context), { clock, closing: service.closing })),
  );
  app.get(
    "/api/jobs/:namespace/:id/metrics",
    refusing((context) => {
      const job = jobOf(context);
      if (isTerminal(job)) throw new HubFailure(406, "The job is not running");
      return metricStream(job, { clock, closing: service.closing });
    }),
  );
  app.post(
    "/api/jobs/:namespace/:id/cancel",
    refusing((context) => {
      const job = jobOf(context, "write");
      service.cancel(job);
      return context.json(wire(job));
    }),
  );
  app.post(
    "/api/jobs/:namespace/:id/duplicate",
    refusing((context) => {
      const job = jobOf(context, "write");
      const caller = accounts.requiredCallerOf(context);
      const initiator = { type: "duplicated-job", id: job.id };
      return context.json(
        wire(
          service.create({
            namespace: job.namespace,
            createdBy: caller.user.name,
            spec: job.spec,
            initiator,
          }),
        ),
      );
    }),
  );
  app.put(
    "/api/jobs/:namespace/:id/labels",
    refusing(async (context) => {
      const job = jobOf(context, "write");
      const body = (await context.req.json()) as { labels?: unknown };
      job.labels = checkLabels(body.labels ?? {});
      return context.json(wire(job));
    }),
  );
}

function listed(context: Context, service: JobsService): Job[] {
  const namespace = context.req.param("namespace") ?? "";
  const stages = context.req.queries("stage") ?? [];
  for (const stage of stages) if (!STAGES.has(stage)) throw badRequest(`Invalid stage: ${stage}`);
  const labels = (context.req.queries("label") ?? []).map((label) => {
    const at = label.indexOf("=");
    return at === -1 ? { key: label, value: null } : { key: label.slice(0, at), value: label.slice(at + 1) };
  });
  return service.jobs
    .filter(
      (job) =>
        job.namespace === namespace &&
        (stages.length === 0 || stages.includes(job.stage satisfies JobStage)) &&
        labels.every(({ key, value }) => (value === null ? key in job.labels : job.labels[key] === value)),
    )
    .reverse();
}

function usage(jobs: readonly Job[], service: JobsService): Record<string, unknown> {
  const nowMs = service.nowMs();
  return {
    usedMicroUsd: jobs.reduce((sum, job) => sum + service.costMicroUsd(job), 0),
    totalMinutes: jobs.reduce((sum, job) => sum + billedMinutes(job, nowMs), 0),
    periodStart: new Date(Math.min(nowMs, ...jobs.map((job) => job.createdAtMs))).toISOString(),
    periodEnd: new Date(nowMs).toISOString(),
    jobDetails: jobs.map((job) => ({
      jobId: job.id,
      hardwareFlavor: job.spec.flavor,
      totalMinutes: billedMinutes(job, nowMs),
      totalCostMicroUsd: service.costMicroUsd(job),
      startedAt: new Date(job.startedAtMs ?? nowMs).toISOString(),
      ...(job.finishedAtMs === null ? {} : { completedAt: new Date(job.finishedAtMs).toISOString() }),
    })),
  };
}
