import type { TrainingFailure } from "../contract/training-backend.ts";
import type { EventOf } from "../events/event.ts";
import type { CurveFinding } from "./curve-doctor/curve-finding.ts";

/** Where a run stands. */
export interface TrainingProgress {
  readonly currentStep: number;
  /** Null until the script has said it. */
  readonly totalSteps: number | null;
  /** `100 × currentStep ÷ totalSteps`; null until the total is known. */
  readonly progressPct: number | null;
  readonly currentLoss: number | null;
  readonly learningRate: number | null;
  /** Null until enough steps were seen to tell. */
  readonly etaMinutes: number | null;
}

/** Events of training jobs. Exactly one of completed, failed and cancelled ends an attempt. */
export type TrainingEvents = {
  /** The machine is being readied; `message` says what is downloaded. Not stored. */
  "training.preparing": { readonly jobId: string; readonly message: string };
  "training.started": {
    readonly jobId: string;
    readonly attempt: number;
    readonly backend: string;
    readonly backendJobId: string;
    readonly url: string | null;
    readonly hardwareId: string;
  };
  "training.progress": {
    readonly jobId: string;
    /** Position in the job's log: a follower goes on from here. */
    readonly index: number;
    /** What the script reported: `loading`, `begin`, `log`, `eval`, `save`, `end`, `pushed`, `result` … */
    readonly kind: string;
    readonly progress: TrainingProgress;
    /** As the script named them. */
    readonly metrics: Readonly<Record<string, number>>;
    /** `save`: the checkpoint's name; `loading`: what is loaded. */
    readonly note: string | null;
  };
  /** The curves say that something is wrong, while the run goes on. */
  "training.finding-raised": {
    readonly jobId: string;
    /** Position in the job's log of the line that showed it. */
    readonly index: number;
    readonly finding: CurveFinding;
  };
  "training.completed": {
    readonly jobId: string;
    /** Null when the trainer has no registry. */
    readonly version: string | null;
    readonly modelId: string;
    readonly minutes: number;
    readonly costUsd: number | null;
    readonly metrics: Readonly<Record<string, number>>;
  };
  "training.failed": { readonly jobId: string; readonly failure: TrainingFailure };
  "training.cancelled": { readonly jobId: string; readonly message: string | null };
};

/** Any event of a training job. */
export type TrainingEvent = EventOf<TrainingEvents>;
