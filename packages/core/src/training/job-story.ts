import type { BackendEvent, BackendJobStatus, TrainingProgressRecord } from "../contract/training-backend.ts";
import { CurveDoctor } from "./curve-doctor/curve-doctor.ts";
import type { CurveFinding } from "./curve-doctor/curve-finding.ts";
import { findingEvent, progressEvent, type Unstored } from "./job-messages.ts";
import type { JobRecord } from "./job-record.ts";
import { ProgressTracker } from "./progress-tracker.ts";
import type { TrainingProgress } from "./training-events.ts";

/** Follows a job's log line by line: where it stands, what its curves say, and the events that tell it. */
export class JobStory {
  readonly #job: Pick<JobRecord, "id" | "agent" | "backendJobId" | "costUsdPerHour">;
  readonly #tracker = new ProgressTracker();
  readonly #doctor = new CurveDoctor();
  readonly #findings: CurveFinding[] = [];
  #runningSince: string | null = null;
  #places: JobPlaces = {};
  /** Whether it ended because no machine came free. */
  neverScheduled = false;

  constructor(job: Pick<JobRecord, "id" | "agent" | "backendJobId" | "costUsdPerHour">) {
    this.#job = job;
  }

  /** The same line gives the same events, with the same ids, whichever process reads it. None for plain output. */
  take(
    event: BackendEvent,
  ): readonly (Unstored<"training.progress"> | Unstored<"training.finding-raised">)[] {
    const { body } = event;
    if (body.kind === "stage") this.see(body.status);
    if (body.kind !== "progress") return [];
    if (body.record.kind === "begin") this.#places = { ...this.#places, ...trackerPages(body.record) };
    const message = progressEvent(this.#job, event, body.record, this.#tracker);
    const findings = this.#doctor.add(body.record, {
      minutesToGo: message.data.progress.etaMinutes,
      costUsdPerHour: this.#job.costUsdPerHour,
    });
    this.#findings.push(...findings);
    return [message, ...findings.map((finding) => findingEvent(this.#job, event, finding))];
  }

  /** What a status of the backend adds. */
  see(status: BackendJobStatus): void {
    this.#runningSince ??= status.startedAt;
    this.neverScheduled = status.failure?.diagnosis === "not_scheduled";
    this.#places = { ...this.#places, ...placesOf(status) };
  }

  get progress(): TrainingProgress {
    return this.#tracker.progress();
  }

  /** What belongs into the job's record. */
  get facts(): Pick<JobRecord, "progress" | "metrics" | "findings" | "runningSince"> & JobPlaces {
    return {
      progress: this.progress,
      metrics: this.#tracker.metrics(),
      findings: [...this.#findings],
      runningSince: this.#runningSince,
      ...this.#places,
    };
  }
}

type JobPlaces = Partial<Pick<JobRecord, "hubRepo" | "trackioUrl" | "tensorboardUrl">>;

/** Only what the backend names: it may not know a place yet. */
function placesOf({ hubRepo, trackioUrl, tensorboardUrl }: BackendJobStatus): JobPlaces {
  return {
    ...(hubRepo == null ? {} : { hubRepo }),
    ...(trackioUrl == null ? {} : { trackioUrl }),
    ...(tensorboardUrl == null ? {} : { tensorboardUrl }),
  };
}

/** Only the script knows whether its tracker really took the curves. */
function trackerPages(record: TrainingProgressRecord): JobPlaces {
  return {
    ...(isPage(record.trackio_url) ? { trackioUrl: record.trackio_url } : {}),
    ...(isPage(record.tensorboard_url) ? { tensorboardUrl: record.tensorboard_url } : {}),
  };
}

function isPage(value: unknown): value is string {
  return typeof value === "string" && /^https?:\/\//.test(value) && URL.canParse(value);
}
