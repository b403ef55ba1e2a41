import type { Hono } from "hono";
import { page } from "./dataset-routes.ts";
import { LangSmithRefusal } from "./langsmith-error.ts";
import type { ComparativeRecord, Json, SessionRecord } from "./langsmith-records.ts";
import type { LangSmithState } from "./langsmith-state.ts";
import { feedbackStats, latencySeconds, percentile, statusOf, tokensOf } from "./run-facts.ts";

/** Projects, which are experiments when they refer to a dataset, and comparisons of them. */
export function addSessionRoutes(app: Hono, state: LangSmithState): void {
  app.post("/sessions", async (context) => {
    const body = await context.req.json<Json>();
    if (context.req.query("upsert") === "true") {
      const known = state.sessionNamed(String(body.name));
      if (known) return context.json(sessionBody(state, known));
    }
    return context.json(sessionBody(state, state.addSession(body)));
  });
  app.get("/sessions", (context) => {
    const { name, name_contains: part, reference_dataset: dataset } = context.req.query();
    const ids = context.req.queries("id");
    const all = [...state.sessions.values()].filter(
      (session) =>
        (name === undefined || session.name === name) &&
        (part === undefined || session.name.includes(part)) &&
        (dataset === undefined || session.referenceDatasetId === dataset) &&
        (ids === undefined || ids.includes(session.id)),
    );
    return context.json(page(context, all).map((session) => sessionBody(state, session)));
  });
  app.get("/sessions/:id", (context) =>
    context.json(sessionBody(state, state.session(context.req.param("id")))),
  );
  app.patch("/sessions/:id", async (context) => {
    const session = state.session(context.req.param("id"));
    // Null leaves a value as it is.
    const { name, description, extra, end_time } = await context.req.json<Json>();
    if (typeof name === "string") state.renameSession(session, name);
    if (typeof description === "string") session.description = description;
    if (extra !== null && extra !== undefined) session.extra = extra as Json;
    if (typeof end_time === "string") session.endTime = end_time;
    return context.json(sessionBody(state, session));
  });
  app.delete("/sessions/:id", (context) => {
    state.removeSession(state.session(context.req.param("id")));
    return context.json({ message: "Session deleted." }, 202);
  });

  app.post("/datasets/comparative", async (context) => {
    const fields = await context.req.json<Json>();
    const experiments = Array.isArray(fields.experiment_ids) ? fields.experiment_ids.map(String) : [];
    if (experiments.length < 2)
      throw new LangSmithRefusal(422, "experiment_ids must name at least two experiments");
    for (const id of experiments) state.session(id);
    const record: ComparativeRecord = { id: String(fields.id), fields };
    state.comparatives.set(record.id, record);
    return context.json({ ...fields, tenant_id: state.tenantId, modified_at: state.nowIso() });
  });
  app.get("/datasets/:id/comparative", (context) => {
    const all = [...state.comparatives.values()].filter(
      ({ fields }) => fields.reference_dataset_id === context.req.param("id"),
    );
    return context.json(page(context, all).map(({ fields }) => ({ ...fields, tenant_id: state.tenantId })));
  });
}

function sessionBody(state: LangSmithState, session: SessionRecord): object {
  const runs = state.runsOf([session.id]);
  const roots = runs.filter((run) => run.parentRunId === null);
  const latencies = roots.flatMap((run) => latencySeconds(run) ?? []);
  const tokens = runs.map(tokensOf);
  const feedback = [...state.feedback.values()].filter(({ sessionId }) => sessionId === session.id);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    ...session.fields,
    id: session.id,
    tenant_id: state.tenantId,
    name: session.name,
    description: session.description,
    start_time: session.startTime,
    end_time: session.endTime,
    extra: session.extra,
    reference_dataset_id: session.referenceDatasetId,
    default_dataset_id: null,
    trace_tier: null,
    run_count: roots.length,
    latency_p50: percentile(latencies, 0.5),
    latency_p99: percentile(latencies, 0.99),
    error_rate:
      roots.length === 0 ? null : roots.filter((run) => statusOf(run) === "error").length / roots.length,
    prompt_tokens: sum(tokens.map(({ prompt }) => prompt)),
    completion_tokens: sum(tokens.map(({ completion }) => completion)),
    total_tokens: sum(tokens.map(({ total }) => total)),
    total_cost: null,
    feedback_stats: feedbackStats(feedback.filter(({ runId }) => runId !== null)),
    session_feedback_stats: feedbackStats(feedback.filter(({ runId }) => runId === null)),
    last_run_start_time: runs.at(-1)?.startTime ?? null,
  };
}
