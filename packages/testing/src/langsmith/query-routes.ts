import type { Hono } from "hono";
import { z } from "zod";
import { LangSmithRefusal, notFound } from "./langsmith-error.ts";
import type { RunRecord } from "./langsmith-records.ts";
import type { LangSmithState } from "./langsmith-state.ts";
import { latencySeconds, percentile, statusOf, tokensOf } from "./run-facts.ts";
import { runFilter } from "./run-filter.ts";
import { runBodyV1, runBodyV2 } from "./run-wire.ts";

const texts = z.array(z.string()).nullish();

/** Conditions both versions share, under the names of version 2. */
const conditionsSchema = z.looseObject({
  ids: texts,
  trace_id: z.string().nullish(),
  reference_examples: texts,
  is_root: z.boolean().nullish(),
  run_type: z.string().nullish(),
  has_error: z.boolean().nullish(),
  filter: z.string().nullish(),
  trace_filter: z.string().nullish(),
  tree_filter: z.string().nullish(),
});
type Conditions = z.infer<typeof conditionsSchema>;

const v1Schema = z.looseObject({
  session: texts,
  id: texts,
  trace: z.string().nullish(),
  parent_run: z.string().nullish(),
  reference_example: texts,
  execution_order: z.number().nullish(),
  is_root: z.boolean().nullish(),
  run_type: z.string().nullish(),
  error: z.boolean().nullish(),
  start_time: z.string().nullish(),
  end_time: z.string().nullish(),
  filter: z.string().nullish(),
  trace_filter: z.string().nullish(),
  tree_filter: z.string().nullish(),
  select: texts,
  limit: z.int().positive().nullish(),
  cursor: z.string().nullish(),
  order: z.enum(["asc", "desc"]).nullish(),
});

const v2Schema = conditionsSchema.extend({
  project_ids: texts,
  reference_dataset_id: z.string().nullish(),
  min_start_time: z.string().nullish(),
  max_start_time: z.string().nullish(),
  selects: texts,
  page_size: z.int().positive().nullish(),
  cursor: z.string().nullish(),
});

const DAY_MS = 86_400_000;

/** Questions about runs, in both versions of the interface. */
export function addQueryRoutes(app: Hono, state: LangSmithState): void {
  app.post("/runs/query", async (context) => {
    const body = read(v1Schema, await context.req.json());
    const limit = body.limit ?? 100;
    if (limit > 100) throw new LangSmithRefusal(400, "Limit exceeds maximum allowed value of 100");
    const runs = matching(state, state.runsOf(body.session ?? null), {
      ids: body.id,
      trace_id: body.trace,
      reference_examples: body.reference_example,
      is_root: body.execution_order === 1 ? true : body.is_root,
      run_type: body.run_type,
      has_error: body.error,
      filter: body.filter,
      trace_filter: body.trace_filter,
      tree_filter: body.tree_filter,
    }).filter(
      (run) =>
        startedWithin(run, body.start_time, body.end_time) &&
        (body.parent_run === undefined || body.parent_run === null || run.parentRunId === body.parent_run),
    );
    const sorted = body.order === "asc" ? runs.toReversed() : runs;
    const offset = cursorOffset(body.cursor);
    const shown = sorted.slice(offset, offset + limit).map((run) => runBodyV1(state, run));
    const next = offset + limit < sorted.length ? cursorAt(offset + limit) : null;
    const chosen = body.select
      ? shown.map((run) =>
          Object.fromEntries(Object.entries(run).filter(([key]) => body.select?.includes(key))),
        )
      : shown;
    return context.json({ runs: chosen, cursors: { next }, search_cursors: null, parsed_query: null });
  });
  app.get("/runs/:id", (context) =>
    context.json(runBodyV1(state, visibleRun(state, context.req.param("id")))),
  );
  app.post("/runs/stats", async (context) => {
    const body = read(v1Schema, await context.req.json());
    const runs = matching(state, state.runsOf(body.session ?? null), {
      filter: body.filter,
      is_root: body.is_root,
      run_type: body.run_type,
      has_error: body.error,
    }).filter((run) => startedWithin(run, body.start_time, body.end_time));
    const latencies = runs.flatMap((run) => latencySeconds(run) ?? []);
    return context.json({
      run_count: runs.length,
      latency_p50: percentile(latencies, 0.5),
      latency_p99: percentile(latencies, 0.99),
      error_rate:
        runs.length === 0 ? null : runs.filter((run) => statusOf(run) === "error").length / runs.length,
      total_tokens: runs.reduce((sum, run) => sum + tokensOf(run).total, 0),
    });
  });
}

/** Version 2, whose paths start at the host. */
export function addQueryRoutesV2(app: Hono, state: LangSmithState): void {
  app.post("/api/v2/runs/query", async (context) => {
    const body = read(v2Schema, await context.req.json());
    const pageSize = body.page_size ?? 100;
    if (pageSize > 1000) throw new LangSmithRefusal(422, "page_size must be at most 1000");
    const byDataset = body.reference_dataset_id ?? null;
    if ((body.project_ids ? 1 : 0) + (byDataset === null ? 0 : 1) !== 1) {
      throw new LangSmithRefusal(422, "exactly one of project_ids and reference_dataset_id is required");
    }
    const sessions =
      byDataset === null
        ? (body.project_ids ?? [])
        : [...state.sessions.values()]
            .filter((session) => session.referenceDatasetId === byDataset)
            .map(({ id }) => id);
    const defaultStart = byDataset === null ? new Date(state.nowMs - DAY_MS).toISOString() : null;
    const runs = matching(state, state.runsOf(sessions), body).filter((run) =>
      startedWithin(run, body.min_start_time ?? defaultStart, body.max_start_time),
    );
    const offset = cursorOffset(body.cursor);
    const items = runs
      .slice(offset, offset + pageSize)
      .map((run) => runBodyV2(state, run, body.selects ?? ["ID"]));
    const next = offset + pageSize < runs.length ? cursorAt(offset + pageSize) : "";
    return context.json({ items, next_cursor: next });
  });
  app.get("/api/v2/runs/:id", (context) => {
    const run = visibleRun(state, context.req.param("id"));
    return context.json(runBodyV2(state, run, context.req.queries("selects") ?? ["ID"]));
  });
  app.get("/api/v2/runs/:id/url", (context) => {
    const run = visibleRun(state, context.req.param("id"));
    const { origin } = new URL(context.req.url);
    return context.json({
      url: `${origin}/o/${state.tenantId}/projects/p/${run.sessionId}/r/${run.id}?poll=true`,
    });
  });
}

function read<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new LangSmithRefusal(422, z.prettifyError(result.error));
}

/** Newest first. */
function matching(
  state: LangSmithState,
  runs: readonly RunRecord[],
  conditions: Conditions,
): readonly RunRecord[] {
  const { ids, trace_id, reference_examples, is_root, run_type, has_error } = conditions;
  const filter = conditions.filter ? runFilter(conditions.filter) : null;
  const traceFilter = conditions.trace_filter ? runFilter(conditions.trace_filter) : null;
  const treeFilter = conditions.tree_filter ? runFilter(conditions.tree_filter) : null;
  const passes = (run: RunRecord, predicate: ReturnType<typeof runFilter>) =>
    predicate(run, state.feedbackOf(run.id));
  return runs
    .filter(
      (run) =>
        (!ids || ids.includes(run.id)) &&
        (!trace_id || run.traceId === trace_id) &&
        (!reference_examples || reference_examples.includes(run.referenceExampleId ?? "")) &&
        (typeof is_root !== "boolean" || (run.parentRunId === null) === is_root) &&
        (!run_type || run.runType === run_type.toLowerCase()) &&
        (typeof has_error !== "boolean" || (statusOf(run) === "error") === has_error) &&
        (!filter || passes(run, filter)) &&
        (!traceFilter || runs.some((root) => root.id === run.traceId && passes(root, traceFilter))) &&
        (!treeFilter || runs.some((other) => other.traceId === run.traceId && passes(other, treeFilter))),
    )
    .toSorted((left, right) => (right.startTime ?? "").localeCompare(left.startTime ?? ""));
}

function startedWithin(
  run: RunRecord,
  from: string | null | undefined,
  until: string | null | undefined,
): boolean {
  const startMs = Date.parse(run.startTime ?? "");
  return (!from || startMs >= Date.parse(from)) && (!until || startMs <= Date.parse(until));
}

function visibleRun(state: LangSmithState, id: string): RunRecord {
  const run = state.runs.get(id);
  if (!run || run.visibleAtMs > state.nowMs) throw notFound("Run", id);
  return run;
}

const cursorAt = (offset: number) => Buffer.from(String(offset)).toString("base64url");

function cursorOffset(cursor: string | null | undefined): number {
  if (!cursor) return 0;
  const offset = Number(Buffer.from(cursor, "base64url").toString());
  if (!Number.isInteger(offset)) throw new LangSmithRefusal(400, "Invalid cursor");
  return offset;
}
