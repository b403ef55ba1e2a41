import type { Clock } from "@modelops/core";
import type { HubState } from "../hub/hub-state.ts";
import type { Job } from "./job.ts";

/** How a container ended. */
export interface ContainerEnd {
  readonly exitCode: number;
  /** The platform's word for it: `Error`, `OOMKilled`. @default "Error" */
  readonly reason?: string;
}

/** What a runner may do with its job. */
export interface RunnerContext {
  readonly job: Job;
  readonly hub: HubState;
  readonly clock: Clock;
  readonly hubUrl: string;
  /** Aborted when the job is cancelled, times out, or the twin closes. */
  readonly signal: AbortSignal;
  /** The container has started: billing and the time limit begin. */
  start(): void;
  /** Adds lines to the log, as the container's output. */
  log(...lines: readonly string[]): void;
}

/** Plays or runs a job until its container ends. Rejects with the signal's reason when aborted. */
export type JobRunner = (context: RunnerContext) => Promise<ContainerEnd>;
