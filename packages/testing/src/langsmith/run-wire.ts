import type { RunRecord } from "./langsmith-records.ts";
import type { LangSmithState } from "./langsmith-state.ts";
import { feedbackStats, latencySeconds, metadataOf, statusOf, tokensOf } from "./run-facts.ts";

/** A run as `POST /runs/query` and `GET /runs/{id}` show it. */
export function runBodyV1(state: LangSmithState, run: RunRecord): Record<string, unknown> {
  const tokens = tokensOf(run);
  return {
    id: run.id,
    name: run.name,
    run_type: run.runType,
    start_time: run.startTime,
    end_time: run.endTime,
    status: statusOf(run),
    error: run.error,
    inputs: run.inputs,
    outputs: run.outputs,
    extra: run.extra,
    events: run.events,
    serialized: run.serialized,
    tags: run.tags,
    session_id: run.sessionId,
    trace_id: run.traceId,
    dotted_order: run.dottedOrder,
    parent_run_id: run.parentRunId,
    parent_run_ids: parentsOf(run),
    reference_example_id: run.referenceExampleId,
    feedback_stats: feedbackStats(state.feedbackOf(run.id)),
    prompt_tokens: tokens.prompt,
    completion_tokens: tokens.completion,
    total_tokens: tokens.total,
    total_cost: tokens.costUsd,
    app_path: `/o/${state.tenantId}/projects/p/${run.sessionId}/r/${run.id}`,
  };
}

/** A run as `/api/v2/runs/query` shows it: only the selected fields. */
export function runBodyV2(state: LangSmithState, run: RunRecord, selects: readonly string[]): object {
  const tokens = tokensOf(run);
  const session = state.sessions.get(run.sessionId);
  const all: Record<string, unknown> = {
    id: run.id,
    name: run.name,
    run_type: run.runType.toUpperCase(),
    start_time: run.startTime,
    end_time: run.endTime,
    latency_seconds: latencySeconds(run),
    status: statusOf(run).toUpperCase(),
    error: run.error,
    inputs: run.inputs,
    outputs: run.outputs,
    extra: run.extra,
    metadata: metadataOf(run),
    events: run.events,
    tags: run.tags,
    project_id: run.sessionId,
    trace_id: run.traceId,
    dotted_order: run.dottedOrder,
    is_root: run.parentRunId === null,
    parent_run_ids: parentsOf(run),
    reference_example_id: run.referenceExampleId,
    reference_dataset_id: session?.referenceDatasetId ?? null,
    feedback_stats: feedbackStats(state.feedbackOf(run.id)),
    prompt_tokens: tokens.prompt,
    completion_tokens: tokens.completion,
    total_tokens: tokens.total,
    total_cost: tokens.costUsd,
    app_path: `/o/${state.tenantId}/projects/p/${run.sessionId}/r/${run.id}`,
  };
  const wanted = selects.map((name) => name.toLowerCase());
  return Object.fromEntries(
    wanted.flatMap((name) => (all[name] === undefined || all[name] === null ? [] : [[name, all[name]]])),
  );
}

/** Root first. The dotted order names them all. */
function parentsOf(run: RunRecord): readonly string[] {
  if (run.dottedOrder === null) return run.parentRunId === null ? [] : [run.parentRunId];
  return run.dottedOrder
    .split(".")
    .slice(0, -1)
    .map((part) => part.slice(part.indexOf("Z") + 1));
}
