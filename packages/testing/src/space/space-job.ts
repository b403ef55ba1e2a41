/** How a job of the Space goes. */
export interface SpaceJobScript {
  /** @default 5_000 */
  readonly pendingMs?: number;
  /** @default 600_000 */
  readonly runningMs?: number;
  /** Fails with this text instead of completing. */
  readonly error?: string;
  /** Never ends: what a Space does that lost its process. */
  readonly isStuck?: boolean;
}

export interface SpaceJob {
  readonly id: string;
  readonly createdAtMs: number;
  readonly repository: string;
  readonly script: SpaceJobScript;
}

/** The reply of `GET /status/{job_id}`: the published server fills neither steps nor loss. */
export function spaceJobStatus(job: SpaceJob, nowMs: number): object {
  const { pendingMs = 5_000, runningMs = 600_000, error, isStuck } = job.script;
  const ageMs = nowMs - job.createdAtMs;
  const isOver = !isStuck && ageMs >= pendingMs + runningMs;
  const status =
    ageMs < pendingMs ? "pending" : !isOver ? "running" : error === undefined ? "completed" : "failed";
  const isDone = status === "completed";
  return {
    job_id: job.id,
    status,
    progress_pct: isDone ? 100 : null,
    current_step: null,
    total_steps: null,
    current_loss: null,
    hub_repo: isDone ? job.repository : null,
    tensorboard_url: isDone ? `https://huggingface.co/${job.repository}/tensorboard` : null,
    error: status === "failed" ? error : null,
  };
}
