import assert from "node:assert/strict";
import type { BackendEvent, BackendJob, BackendJobStatus, TrainingBackend } from "@modelops/core";
import type { RunEnding, TrainingBackendPlace } from "./training-backend-place.ts";

export const BACKEND_AREAS = ["training", "hub"];
export const TERMINAL_STAGES = ["completed", "failed", "cancelled"];

export async function collect(events: AsyncIterable<BackendEvent>): Promise<readonly BackendEvent[]> {
  const all: BackendEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

export async function start(place: TrainingBackendPlace, ending: RunEnding) {
  const run = place.run(ending);
  return { run, job: await place.backend.submit(run) };
}

/** Follows a job to its end, opening the stream again where it ends before the job does. */
export async function finished(
  backend: TrainingBackend,
  job: BackendJob,
): Promise<{ readonly status: BackendJobStatus; readonly events: readonly BackendEvent[] }> {
  const events: BackendEvent[] = [];
  for (let opened = 0; opened < 1000; opened += 1) {
    for await (const event of backend.events(job.backendJobId, { since: events.length })) events.push(event);
    const status = await backend.status(job.backendJobId);
    if (TERMINAL_STAGES.includes(status.stage)) return { status, events };
  }
  return assert.fail("the job does not end");
}

/** Stages in the order they were told. */
export function stages(events: readonly BackendEvent[]): readonly string[] {
  return events.flatMap(({ body }) => (body.kind === "stage" ? [body.status.stage] : []));
}

/** Waits until the job has said something. */
export async function hasBegun(backend: TrainingBackend, job: BackendJob): Promise<void> {
  for await (const { body } of backend.events(job.backendJobId)) {
    if (body.kind !== "stage" || body.status.stage === "running") return;
  }
  assert.fail("the job ended without a word");
}
