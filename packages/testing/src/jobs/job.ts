/** What `POST /api/jobs/{namespace}` takes. */
export interface JobSpec {
  readonly flavor: string;
  readonly dockerImage?: string;
  readonly spaceId?: string;
  readonly command?: readonly string[];
  readonly arguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly arch?: string;
  readonly timeoutSeconds?: number | null;
  readonly attempts?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly volumes?: readonly JobVolume[];
  readonly expose?: { readonly ports: readonly number[]; readonly portsPublic?: readonly number[] };
  readonly network?: { readonly group: string; readonly aliases?: readonly string[] };
}

export interface JobVolume {
  readonly type: "bucket" | "model" | "dataset" | "space";
  readonly source: string;
  readonly mountPath: string;
  readonly path?: string;
  readonly revision?: string;
  readonly readOnly?: boolean;
}

export type JobStage = "SCHEDULING" | "RUNNING" | "COMPLETED" | "CANCELED" | "ERROR" | "DELETED";

export interface JobLogLine {
  readonly data: string;
  readonly timestamp: string;
}

export const TERMINAL_STAGES: ReadonlySet<JobStage> = new Set(["COMPLETED", "CANCELED", "ERROR", "DELETED"]);
/** The service's own default: what is not pushed by then is gone. */
export const DEFAULT_TIMEOUT_SECONDS = 1800;

/** A job of the twin. Secrets stay here; only their names are ever answered. */
export interface Job {
  readonly id: string;
  readonly namespace: string;
  readonly createdBy: string;
  readonly initiator: { readonly type: string; readonly id: string; readonly name?: string };
  readonly spec: JobSpec;
  readonly timeoutSeconds: number;
  readonly createdAtMs: number;
  labels: Readonly<Record<string, string>>;
  startedAtMs: number | null;
  finishedAtMs: number | null;
  stage: JobStage;
  message: string | null;
  cancelReason: string | null;
  failureCount: number;
  readonly logs: JobLogLine[];
  /** Told of each new log line and stage. */
  readonly watchers: Set<() => void>;
  /** Ends the runner. */
  readonly stop: AbortController;
}

export function isTerminal(job: Job): boolean {
  return TERMINAL_STAGES.has(job.stage);
}

export function notify(job: Job): void {
  for (const watcher of [...job.watchers]) watcher();
}

/** Resolves with the next log line or stage change. */
export function nextChange(job: Job, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      job.watchers.delete(done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    if (signal.aborted) return resolve();
    job.watchers.add(done);
    signal.addEventListener("abort", done, { once: true });
  });
}

/** Seconds and money so far: every started minute while running. */
export function billedMinutes(job: Job, nowMs: number): number {
  if (job.startedAtMs === null) return 0;
  return Math.ceil(((job.finishedAtMs ?? nowMs) - job.startedAtMs) / 60_000);
}
