import type { DatasetRecord, ExampleRecord, Json } from "./langsmith-records.ts";
import type { LangSmithState } from "./langsmith-state.ts";

/** The state of an example at a time; null when there was none, or it had been removed. */
export function exampleAt(example: ExampleRecord, atMs: number): ExampleRecord["versions"][number] | null {
  const version = example.versions.findLast((candidate) => candidate.atMs <= atMs);
  return version?.value ? version : null;
}

export function examplesOf(state: LangSmithState, datasetId: string, atMs: number): readonly ExampleRecord[] {
  return [...state.examples.values()].filter(
    (example) => example.datasetId === datasetId && exampleAt(example, atMs) !== null,
  );
}

export function datasetBody(state: LangSmithState, dataset: DatasetRecord): object {
  const examples = [...state.examples.values()].filter(({ datasetId }) => datasetId === dataset.id);
  const latest = Math.max(...examples.flatMap(({ versions }) => versions.map(({ atMs }) => atMs)));
  const sessions = [...state.sessions.values()].filter(
    ({ referenceDatasetId }) => referenceDatasetId === dataset.id,
  );
  return {
    ...dataset.fields,
    id: dataset.id,
    tenant_id: state.tenantId,
    name: dataset.name,
    description: dataset.description,
    data_type: dataset.dataType,
    extra: dataset.extra,
    created_at: dataset.createdAt,
    modified_at: Number.isFinite(latest) ? new Date(latest).toISOString() : dataset.createdAt,
    example_count: examplesOf(state, dataset.id, state.nowMs).length,
    session_count: sessions.length,
    last_session_start_time: sessions.at(-1)?.startTime ?? null,
  };
}

export function exampleBody(example: ExampleRecord, atMs: number): Json | null {
  const version = exampleAt(example, atMs);
  if (!version?.value) return null;
  const { inputs, outputs, metadata } = version.value;
  return {
    id: example.id,
    dataset_id: example.datasetId,
    source_run_id: example.sourceRunId,
    created_at: example.createdAt,
    modified_at: new Date(version.atMs).toISOString(),
    inputs,
    outputs,
    metadata,
    attachment_urls: null,
  };
}
