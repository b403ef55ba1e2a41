import { z } from "zod";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { LangSmithReader } from "./langsmith-reader.ts";

const RUNS_PER_PAGE = 100;
const HOUR_MS = 3_600_000;

const jsonSchema = z.record(z.string(), z.unknown());
const feedbackSchema = z.record(
  z.string(),
  z.looseObject({ n: z.number().nullish(), avg: z.number().nullish() }),
);
const runSchema = z.looseObject({
  id: z.string(),
  name: z.string().nullish(),
  start_time: z.string().nullish(),
  end_time: z.string().nullish(),
  status: z.string().nullish(),
  error: z.string().nullish(),
  inputs: jsonSchema.nullish(),
  outputs: jsonSchema.nullish(),
  metadata: jsonSchema.nullish(),
  extra: z.looseObject({ metadata: jsonSchema.nullish() }).nullish(),
  tags: z.array(z.string()).nullish(),
  feedback_stats: feedbackSchema.nullish(),
});
const pageV2Schema = z.looseObject({ items: z.array(runSchema), next_cursor: z.string().nullish() });
const pageV1Schema = z.looseObject({
  runs: z.array(runSchema),
  cursors: z.looseObject({ next: z.string().nullish() }).nullish(),
});

/** Fields asked for; version 2 would otherwise send the id alone. */
const FIELDS = [
  "id",
  "name",
  "start_time",
  "end_time",
  "status",
  "error",
  "inputs",
  "outputs",
  "tags",
  "feedback_stats",
];

/** A finished or running root run of a project. */
export interface TracedRun {
  readonly id: string;
  readonly name: string;
  readonly startTime: string | null;
  /** Null while it runs. */
  readonly endTime: string | null;
  readonly status: "success" | "error" | "pending";
  readonly error: string | null;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Feedback keys with the mean of their scores; null where no entry has a score. */
  readonly feedback: Readonly<Record<string, { readonly count: number; readonly mean: number | null }>>;
}

/** A window of start times, ISO 8601. */
export interface RunWindow {
  readonly since: string;
  readonly until: string;
}

export interface TracedRunsQuery {
  readonly project: string;
  /** Default: one hour before the project was made, since clocks differ. */
  readonly since: string | null;
  /** Default: now. */
  readonly until: string | null;
  /** In the service's filter language, such as `has(tags,"prod")`. */
  readonly filter?: string;
  readonly signal?: AbortSignal;
}

/**
 * Root runs of a project in an explicit window, newest first, a page at a time: the second version of the query with the
 * fields named, and the first where a server does not know it.
 * @throws ModelOpsError `langsmith/…`
 */
export async function openTracedRuns(
  reader: LangSmithReader,
  query: TracedRunsQuery,
): Promise<{ readonly window: RunWindow; readonly pages: AsyncIterable<readonly TracedRun[]> }> {
  const project = await reader.find("sessions", query.project, query.signal);
  const startMs = Date.parse(project.start_time ?? "");
  const since = query.since ?? (Number.isNaN(startMs) ? null : new Date(startMs - HOUR_MS).toISOString());
  if (since === null) {
    throw new ModelOpsError({
      code: "langsmith/no-window",
      message: `The project ${query.project} does not say when it was made.`,
      reason: "Without a start the service would answer for the last 24 hours only.",
      fix: "pass since, such as 2026-11-01T00:00:00Z.",
    });
  }
  const window = { since, until: query.until ?? new Date(reader.clock.now()).toISOString() };
  return { window, pages: pagesOf(reader, project.id, window, query) };
}

async function* pagesOf(
  reader: LangSmithReader,
  projectId: string,
  window: RunWindow,
  { filter, signal }: TracedRunsQuery,
): AsyncGenerator<readonly TracedRun[]> {
  let ask: typeof pageV2 = pageV2;
  let cursor: string | null = null;
  for (;;) {
    const shared = { is_root: true, ...(filter && { filter }), ...(cursor !== null && { cursor }) };
    let page: RunPage;
    try {
      page = await ask(reader, projectId, window, shared, signal);
    } catch (error) {
      // Older self-hosted servers have no second version.
      if (ask === pageV1 || cursor !== null || !isMissingRoute(error)) throw error;
      ask = pageV1;
      continue;
    }
    if (page.runs.length > 0) yield page.runs.map(tracedRun);
    if (page.next === null || page.runs.length === 0) return;
    cursor = page.next;
  }
}

interface RunPage {
  readonly runs: readonly z.output<typeof runSchema>[];
  readonly next: string | null;
}

async function pageV2(
  reader: LangSmithReader,
  projectId: string,
  window: RunWindow,
  shared: object,
  signal: AbortSignal | undefined,
): Promise<RunPage> {
  const body = {
    ...shared,
    project_ids: [projectId],
    min_start_time: window.since,
    max_start_time: window.until,
    selects: [...FIELDS, "metadata"].map((field) => field.toUpperCase()),
    page_size: RUNS_PER_PAGE,
  };
  const { items, next_cursor: next } = await reader.postV2("/runs/query", body, pageV2Schema, signal);
  return { runs: items, next: next || null };
}

async function pageV1(
  reader: LangSmithReader,
  projectId: string,
  window: RunWindow,
  shared: object,
  signal: AbortSignal | undefined,
): Promise<RunPage> {
  const body = {
    ...shared,
    session: [projectId],
    start_time: window.since,
    end_time: window.until,
    select: [...FIELDS, "extra"],
    limit: RUNS_PER_PAGE,
  };
  const { runs, cursors } = await reader.post("/runs/query", body, pageV1Schema, signal);
  return { runs, next: cursors?.next || null };
}

function isMissingRoute(error: unknown): boolean {
  return ModelOpsError.isInstance(error) && [404, 405, 501].includes(Number(error.details.status));
}

function tracedRun(run: z.output<typeof runSchema>): TracedRun {
  const status = run.status?.toLowerCase();
  const feedback = Object.entries(run.feedback_stats ?? {}).map(
    ([key, { n, avg }]) => [key, { count: n ?? 0, mean: avg ?? null }] as const,
  );
  return {
    id: run.id,
    name: run.name ?? "",
    startTime: run.start_time ?? null,
    endTime: run.end_time ?? null,
    status:
      run.error || status === "error"
        ? "error"
        : status === "success" || run.end_time
          ? "success"
          : "pending",
    error: run.error ?? null,
    inputs: run.inputs ?? {},
    outputs: run.outputs ?? {},
    tags: run.tags ?? [],
    metadata: run.metadata ?? run.extra?.metadata ?? {},
    feedback: Object.fromEntries(feedback),
  };
}
