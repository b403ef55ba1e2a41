import type { ModelArtifact } from "../model/artifact.ts";
import type { TrainingMethod } from "../model/model-version.ts";

/** A machine one can train on, with its price as read (or as dated). */
export interface HardwareOffer {
  /** The backend's own name, such as `a100-large` or `local-cpu`. */
  readonly id: string;
  readonly title: string;
  readonly accelerator: { readonly model: string; readonly count: number; readonly memoryGiB: number } | null;
  readonly cpuCores: number;
  readonly memoryGiB: number;
  readonly diskGiB: number;
  /** 0 for this machine. */
  readonly costUsdPerHour: number;
  /** `live` when read from the service just now, else the date of the snapshot. */
  readonly priceSource:
    | { readonly kind: "live" }
    | { readonly kind: "snapshot"; readonly date: string }
    | { readonly kind: "free" };
}

/** The values of the training script, passed as one JSON file: see `python/source/common.py` for each field. */
export interface TrainingScriptConfig {
  readonly v: 1;
  readonly run_id: string;
  readonly method: TrainingMethod;
  readonly base_model: string;
  readonly base_model_revision: string | null;
  readonly dataset: {
    readonly train: string | { readonly repo_id: string; readonly revision: string; readonly file: string };
    readonly evaluation:
      | string
      | { readonly repo_id: string; readonly revision: string; readonly file: string }
      | null;
    readonly evaluation_fraction: number | null;
  };
  readonly output_dir: string;
  readonly seed: number;
  readonly adapter: {
    readonly kind: "lora" | "qlora" | "full";
    readonly rank?: number;
    readonly alpha?: number;
    readonly dropout?: number;
    readonly target_modules?: "all-linear" | readonly string[];
  };
  readonly hyperparameters: Readonly<Record<string, number | string | boolean | null>>;
  readonly rewards?: readonly Readonly<Record<string, unknown>>[];
  readonly precision: "auto" | "fp32" | "bf16" | "fp16";
  readonly device: "auto" | "cpu" | "cuda" | "mps";
  readonly threads: number | null;
  readonly resume: boolean;
  readonly hub: {
    readonly push: boolean;
    readonly repo_id: string | null;
    readonly private: boolean;
    readonly strategy: "every_save" | "end";
  };
  readonly tracking: {
    readonly report_to: "none" | "trackio" | "tensorboard";
    readonly run_name: string | null;
    readonly project: string | null;
    /** Trackio: where the curves go; null = they stay on the machine. */
    readonly space_id: string | null;
    /** TensorBoard: whether its files go to the model's repository. */
    readonly push: boolean;
  };
}

/** A tracker for a run's curves. */
export interface RunTracking {
  readonly to: "trackio" | "tensorboard";
  readonly project?: string | null;
  /** Trackio's runs of the same name go on in one line. Default: the run id. */
  readonly runName?: string | null;
  /** The Space (`owner/name`) that Trackio's curves go to. Default: the backend's, where it has one. */
  readonly space?: string | null;
}

/** One run as a backend gets it. Files are local; a remote backend uploads them. */
export interface TrainingRun {
  /** Decides identity: submitting the same run id twice gives the same job. */
  readonly runId: string;
  readonly agent: string;
  readonly method: TrainingMethod;
  readonly baseModel: string;
  readonly baseModelRevision: string | null;
  /** Checked and normalised rows, written by the trainer. */
  readonly trainFile: string;
  readonly evaluationFile: string | null;
  /** Share of the training rows that the script holds out by a seeded draw. */
  readonly evaluationFraction?: number | null;
  /** Where the script writes its curves, beside its own lines. */
  readonly tracking?: RunTracking | null;
  readonly hardwareId: string;
  readonly timeoutMs: number;
  readonly hubRepo: string | null;
  readonly adapter: TrainingScriptConfig["adapter"];
  readonly hyperparameters: TrainingScriptConfig["hyperparameters"];
  readonly rewards?: TrainingScriptConfig["rewards"];
  readonly seed: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** A job as the backend knows it. `backendJobId` finds it again in another process. */
export interface BackendJob {
  readonly backendJobId: string;
  readonly url: string | null;
}

export type BackendJobStage = "queued" | "starting" | "running" | "completed" | "failed" | "cancelled";

export interface BackendJobStatus {
  readonly stage: BackendJobStage;
  /** The backend's own words, when it has any. */
  readonly message: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** Billed so far, null when unknown. */
  readonly costUsd: number | null;
  readonly failure: TrainingFailure | null;
  /** Repository that the result goes to, and pages with the run's curves, where there are such. */
  readonly hubRepo?: string | null;
  readonly trackioUrl?: string | null;
  readonly tensorboardUrl?: string | null;
}

/** Why a run failed, in a form a person can act on. */
export interface TrainingFailure {
  readonly diagnosis: string;
  readonly message: string;
  readonly fix: string;
}

/** One line of a run's story. `index` counts from 0 without gaps, so that a follower can resume. */
export interface BackendEvent {
  readonly index: number;
  readonly time: string;
  readonly body:
    | { readonly kind: "progress"; readonly record: TrainingProgressRecord }
    | { readonly kind: "output"; readonly line: string }
    | { readonly kind: "stage"; readonly status: BackendJobStatus };
}

/** A progress line of the training script (`@@modelops {...}`): loose, since scripts may be newer than the reader. */
export interface TrainingProgressRecord {
  readonly v: number;
  readonly kind: string;
  readonly step?: number;
  readonly max_steps?: number;
  readonly epoch?: number | null;
  /** Seconds since the epoch, as the script's machine saw it. */
  readonly t?: number;
  readonly m?: Readonly<Record<string, number>>;
  readonly [key: string]: unknown;
}

/** A run that a service starts again and again by itself. Times are ISO 8601 UTC. */
export interface BackendSchedule {
  readonly backendScheduleId: string;
  /** As the service has it. */
  readonly cron: string;
  readonly isPaused: boolean;
  /** The service's own words, when it has paused the schedule by itself. */
  readonly pausedReason: string | null;
  /** Null while it is paused. */
  readonly nextRunAt: string | null;
}

/** A job that a schedule has started. */
export interface BackendScheduledJob extends BackendJob {
  readonly createdAt: string;
}

/** Schedules of a backend. Every change resolves when the service shows it. */
export interface BackendSchedules {
  /**
   * Keeps a run's schedule, once: the run id names the schedule, and is looked up before a second one is made. Each of
   * its jobs trains from the beginning; a turn is left out while the one before it runs.
   */
  create(
    run: TrainingRun,
    options: { readonly cron: string; readonly signal?: AbortSignal },
  ): Promise<BackendSchedule>;
  /** What `create` has made, or would find; null when there is none, or one of other settings under its id. */
  ofRun(
    run: TrainingRun,
    options: { readonly cron: string; readonly signal?: AbortSignal },
  ): Promise<BackendSchedule | null>;
  /** Null when the service has no such schedule (any more). */
  find(
    backendScheduleId: string,
    options?: { readonly signal?: AbortSignal },
  ): Promise<BackendSchedule | null>;
  pause(backendScheduleId: string, options?: { readonly signal?: AbortSignal }): Promise<BackendSchedule>;
  resume(backendScheduleId: string, options?: { readonly signal?: AbortSignal }): Promise<BackendSchedule>;
  /** Jobs that run go on. Deleting one that is gone is calm. */
  delete(backendScheduleId: string, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** What it has started, oldest first, also after it was deleted. */
  jobs(
    schedule: { readonly backendScheduleId: string; readonly runId: string },
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly BackendScheduledJob[]>;
}

/**
 * A place that runs the training script. Submitting is idempotent for a run id: the backend looks for the run before
 * it starts one, and never repeats a paid request blindly. The end of the event stream is not the end of the job.
 */
export interface TrainingBackend {
  readonly contract: "training-backend/v1";
  readonly id: string;
  readonly capabilities: {
    /** Runs on this machine, costs nothing, reads and writes local folders. */
    readonly local: boolean;
    readonly methods: readonly TrainingMethod[];
    readonly adapters: readonly TrainingScriptConfig["adapter"]["kind"][];
    /** Starts runs by a clock of its own: see `schedules`. */
    readonly schedule: boolean;
  };
  /** There exactly when `capabilities.schedule` says so. */
  readonly schedules?: BackendSchedules;
  hardware(options?: { readonly signal?: AbortSignal }): Promise<readonly HardwareOffer[]>;
  /** What `prepare` would have to download for a run; null when nothing is missing. No side effects. */
  preparation?(
    run: Pick<TrainingRun, "method" | "adapter" | "hardwareId" | "tracking">,
    options?: { readonly signal?: AbortSignal },
  ): Promise<{ readonly downloadBytes: number; readonly diskBytes: number } | null>;
  /** Readies what a run needs before it can start (installs packages), saying sizes before it downloads. */
  prepare?(
    run: Pick<TrainingRun, "method" | "adapter" | "hardwareId" | "tracking">,
    options?: { readonly signal?: AbortSignal; readonly onMessage?: (message: string) => void },
  ): Promise<void>;
  submit(run: TrainingRun, options?: { readonly signal?: AbortSignal }): Promise<BackendJob>;
  status(backendJobId: string, options?: { readonly signal?: AbortSignal }): Promise<BackendJobStatus>;
  /**
   * Replays events with `index >= since` (default 0), then follows until the job has ended. `keepAlive: false` lets
   * the process exit while it waits (for followers in the background); default true.
   */
  events(
    backendJobId: string,
    options?: { readonly since?: number; readonly signal?: AbortSignal; readonly keepAlive?: boolean },
  ): AsyncIterable<BackendEvent>;
  /** Resolves when the job is seen to have ended. Cancelling an ended job is calm. */
  cancel(backendJobId: string, options?: { readonly signal?: AbortSignal }): Promise<BackendJobStatus>;
  /** Verifies that the files really exist (weights or adapter, config, tokenizer) before it names them. */
  artifact(backendJobId: string, options?: { readonly signal?: AbortSignal }): Promise<ModelArtifact>;
  close?(): Promise<void>;
}
