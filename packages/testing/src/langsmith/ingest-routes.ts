import type { Hono } from "hono";
import { page } from "./dataset-routes.ts";
import { LangSmithRefusal, notFound } from "./langsmith-error.ts";
import type { FeedbackRecord, Json } from "./langsmith-records.ts";
import type { LangSmithState } from "./langsmith-state.ts";
import { readParts, unpackedBody } from "./multipart.ts";

/** What arrives from traced programs: runs and feedback. */
export function addIngestRoutes(
  app: Hono,
  state: LangSmithState,
  options: { readonly hasMultipart: boolean },
): void {
  app.post("/runs/multipart", async (context) => {
    if (!options.hasMultipart) return context.json({ detail: "Not Found" }, 404);
    for (const { name, value } of await readParts(context.req.raw)) {
      const [kind, id = "", field, attachment] = name.split(".");
      if (kind === "feedback") state.addFeedback({ id, ...(value as Json) });
      else if (kind === "attachment") noteAttachment(state, id, field ?? attachment ?? "", value);
      else if (kind !== "post" && kind !== "patch") throw new LangSmithRefusal(422, `Unknown part ${name}`);
      else state.mergeRun(id, field === undefined ? (value as Json) : { [field]: value });
    }
    return context.json({ message: "Runs batch ingested" }, 202);
  });
  app.post("/runs/batch", async (context) => {
    const text = new TextDecoder().decode(await unpackedBody(context.req.raw));
    const { post = [], patch = [] } = JSON.parse(text) as { post?: readonly Json[]; patch?: readonly Json[] };
    for (const run of [...post, ...patch]) state.mergeRun(String(run.id), run);
    return context.json({ message: "Runs batch ingested" }, 202);
  });
  app.post("/runs", async (context) => {
    const run = await context.req.json<Json>();
    state.mergeRun(String(run.id), run);
    return context.json({ message: "Run created" }, 202);
  });
  app.patch("/runs/:id", async (context) => {
    const id = context.req.param("id");
    if (!state.runs.has(id)) throw notFound("Run", id);
    state.mergeRun(id, await context.req.json<Json>());
    return context.json({ message: "Run updated" }, 202);
  });

  app.post("/feedback", async (context) => {
    return context.json(feedbackBody(state, state.addFeedback(await context.req.json<Json>())));
  });
  app.get("/feedback", (context) => {
    const runs = context.req.queries("run");
    const keys = context.req.queries("key");
    const sessions = context.req.queries("session");
    const sources = context.req.queries("source");
    const all = [...state.feedback.values()].filter(
      (row) =>
        (runs === undefined || runs.includes(row.runId ?? "")) &&
        (keys === undefined || keys.includes(row.key)) &&
        (sessions === undefined || sessions.includes(row.sessionId ?? "")) &&
        (sources === undefined || sources.includes(sourceOf(row))),
    );
    return context.json(page(context, all).map((row) => feedbackBody(state, row)));
  });
}

function noteAttachment(state: LangSmithState, runId: string, name: string, value: unknown): void {
  const run = state.mergeRun(runId, {});
  run.attachments = { ...run.attachments, [name]: (value as Uint8Array).byteLength };
}

function sourceOf(row: FeedbackRecord): string {
  const source = row.fields.feedback_source as { readonly type?: unknown } | null | undefined;
  return typeof source?.type === "string" ? source.type : "api";
}

function feedbackBody(state: LangSmithState, row: FeedbackRecord): object {
  const { fields } = row;
  return {
    correction: null,
    comment: null,
    value: null,
    feedback_source: { type: "api" },
    ...fields,
    id: row.id,
    run_id: row.runId,
    // Also of feedback that came without one.
    trace_id: fields.trace_id ?? state.runs.get(row.runId ?? "")?.traceId ?? null,
    session_id: row.sessionId,
    key: row.key,
    score: row.score,
    created_at: fields.created_at ?? row.createdAt,
    modified_at: fields.modified_at ?? row.createdAt,
  };
}
