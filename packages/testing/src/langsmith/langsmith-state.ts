import { randomUUID } from "node:crypto";
import type { Clock } from "@modelops/core";
import { LangSmithRefusal, notFound } from "./langsmith-error.ts";
import type {
  ComparativeRecord,
  DatasetRecord,
  ExampleRecord,
  FeedbackRecord,
  Json,
  RunRecord,
  SessionRecord,
} from "./langsmith-records.ts";

/** Everything one workspace holds, in memory. */
export class LangSmithState {
  readonly tenantId = randomUUID();
  readonly datasets = new Map<string, DatasetRecord>();
  readonly examples = new Map<string, ExampleRecord>();
  readonly sessions = new Map<string, SessionRecord>();
  readonly runs = new Map<string, RunRecord>();
  readonly feedback = new Map<string, FeedbackRecord>();
  readonly comparatives = new Map<string, ComparativeRecord>();
  readonly #clock: Clock;
  readonly #ingestDelayMs: number;
  readonly #feedbackByRun = new Map<string, FeedbackRecord[]>();
  readonly #sessionsByName = new Map<string, string>();

  constructor(clock: Clock, ingestDelayMs: number) {
    this.#clock = clock;
    this.#ingestDelayMs = ingestDelayMs;
    // Every workspace has one.
    this.addSession({ name: "default" });
  }

  get nowMs(): number {
    return this.#clock.now();
  }

  nowIso(): string {
    return new Date(this.nowMs).toISOString();
  }

  addSession(body: Json): SessionRecord {
    const name = String(body.name ?? "");
    if (!name) throw new LangSmithRefusal(422, "name is required");
    if (this.#sessionsByName.has(name)) throw new LangSmithRefusal(409, "Session already exists.");
    const { id, start_time, description, extra, reference_dataset_id, name: _, ...fields } = body;
    const session: SessionRecord = {
      id: typeof id === "string" ? id : randomUUID(),
      startTime: typeof start_time === "string" ? start_time : this.nowIso(),
      name,
      description: typeof description === "string" ? description : null,
      extra: (extra ?? {}) as Json,
      endTime: null,
      referenceDatasetId: typeof reference_dataset_id === "string" ? reference_dataset_id : null,
      fields,
    };
    this.sessions.set(session.id, session);
    this.#sessionsByName.set(name, session.id);
    return session;
  }

  renameSession(session: SessionRecord, name: string): void {
    this.#sessionsByName.delete(session.name);
    session.name = name;
    this.#sessionsByName.set(name, session.id);
  }

  removeSession(session: SessionRecord): void {
    this.sessions.delete(session.id);
    this.#sessionsByName.delete(session.name);
    for (const run of this.runsOf([session.id])) this.runs.delete(run.id);
  }

  session(id: string): SessionRecord {
    const found = this.sessions.get(id);
    if (!found) throw notFound("Session", id);
    return found;
  }

  sessionNamed(name: string): SessionRecord | null {
    return this.sessions.get(this.#sessionsByName.get(name) ?? "") ?? null;
  }

  dataset(id: string): DatasetRecord {
    const found = this.datasets.get(id);
    if (!found) throw notFound("Dataset", id);
    return found;
  }

  /** Runs that can be seen by now; all sessions when none are named. */
  runsOf(sessionIds: readonly string[] | null): readonly RunRecord[] {
    const wanted = sessionIds && new Set(sessionIds);
    return [...this.runs.values()].filter(
      (run) => run.visibleAtMs <= this.nowMs && (!wanted || wanted.has(run.sessionId)),
    );
  }

  feedbackOf(runId: string): readonly FeedbackRecord[] {
    return this.#feedbackByRun.get(runId) ?? [];
  }

  addFeedback(body: Json): FeedbackRecord {
    if (typeof body.key !== "string") throw new LangSmithRefusal(422, "key is required");
    const text = (value: unknown) => (typeof value === "string" ? value : null);
    const runId = text(body.run_id);
    const score = typeof body.score === "number" || typeof body.score === "boolean" ? body.score : null;
    const record: FeedbackRecord = {
      id: text(body.id) ?? randomUUID(),
      runId,
      sessionId: text(body.session_id) ?? this.runs.get(runId ?? "")?.sessionId ?? null,
      key: body.key,
      score,
      createdAt: this.nowIso(),
      fields: body,
    };
    this.feedback.set(record.id, record);
    if (runId !== null) {
      this.#feedbackByRun.set(runId, [
        ...this.feedbackOf(runId).filter(({ id }) => id !== record.id),
        record,
      ]);
    }
    return record;
  }

  /** Adds a run or changes one: only the given fields. */
  mergeRun(id: string, changes: Json): RunRecord {
    const known = this.runs.get(id);
    const run = known ?? this.#newRun(id, changes);
    for (const [field, value] of Object.entries(changes)) {
      if (value !== undefined) applyRunField(run, field, value);
    }
    this.runs.set(id, run);
    return run;
  }

  #newRun(id: string, body: Json): RunRecord {
    const name = typeof body.session_name === "string" ? body.session_name : "default";
    const given = typeof body.session_id === "string" ? this.sessions.get(body.session_id) : undefined;
    // A project that is named for the first time is made.
    const session = given ?? this.sessionNamed(name) ?? this.addSession({ name });
    return {
      id,
      sessionId: session.id,
      visibleAtMs: this.nowMs + this.#ingestDelayMs,
      name: "",
      runType: "chain",
      startTime: null,
      endTime: null,
      traceId: id,
      parentRunId: null,
      dottedOrder: null,
      referenceExampleId: null,
      error: null,
      tags: [],
      inputs: {},
      outputs: null,
      extra: {},
      events: [],
      serialized: null,
      attachments: {},
    };
  }
}

function applyRunField(run: RunRecord, field: string, value: unknown): void {
  const text = typeof value === "string" ? value : null;
  switch (field) {
    case "name":
      run.name = text ?? run.name;
      break;
    case "run_type":
      run.runType = text ?? run.runType;
      break;
    case "start_time":
      run.startTime = isoOf(value) ?? run.startTime;
      break;
    case "end_time":
      run.endTime = isoOf(value) ?? run.endTime;
      break;
    case "trace_id":
      run.traceId = text ?? run.traceId;
      break;
    case "parent_run_id":
      run.parentRunId = text;
      break;
    case "dotted_order":
      run.dottedOrder = text ?? run.dottedOrder;
      break;
    case "reference_example_id":
      run.referenceExampleId = text ?? run.referenceExampleId;
      break;
    case "error":
      run.error = text;
      break;
    case "tags":
      if (Array.isArray(value)) run.tags = value.map(String);
      break;
    case "inputs":
      run.inputs = (value ?? {}) as Json;
      break;
    case "outputs":
      run.outputs = value as Json | null;
      break;
    case "extra":
      run.extra = (value ?? {}) as Json;
      break;
    case "events":
      if (Array.isArray(value)) run.events = value;
      break;
    case "serialized":
      run.serialized = value;
  }
}

/** Clients send ISO times or milliseconds since the epoch. */
function isoOf(value: unknown): string | null {
  if (typeof value !== "string" && typeof value !== "number") return null;
  const time = new Date(value);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}
