import type { BackendEvent, BackendJobStatus, TrainingFailure } from "../../../contract/training-backend.ts";
import { redact } from "../../../http/redact.ts";
import { describeFailure } from "../../diagnosis.ts";
import type { SpaceAnswer, SpaceJobStatus } from "./space-client.ts";
import type { SpaceJobFile } from "./space-job-folder.ts";

const NEVER_BEGAN: BackendJobStatus = {
  stage: "queued",
  message: null,
  startedAt: null,
  finishedAt: null,
  costUsd: 0,
  failure: null,
};

/** Where a story has come to: the stage it told last. */
export function latestStatus(events: readonly BackendEvent[]): BackendJobStatus {
  for (const { body } of [...events].reverse()) if (body.kind === "stage") return body.status;
  return NEVER_BEGAN;
}

export function isFinal({ stage }: BackendJobStatus): boolean {
  return stage === "completed" || stage === "failed" || stage === "cancelled";
}

/** Says what a Space's hardware costs for a time; null when that is not known. */
export type PriceOf = (fromMs: number, toMs: number) => number | null;

/** The events that an answer of the Space adds to a job's story. None when it says nothing new. */
export function nextEvents(
  known: readonly BackendEvent[],
  answer: SpaceAnswer<SpaceJobStatus>,
  context: {
    readonly job: SpaceJobFile;
    readonly nowMs: number;
    readonly wakeTimeoutMs: number;
    readonly priceOf: PriceOf;
    readonly secrets: readonly string[];
  },
): readonly BackendEvent[] {
  const before = latestStatus(known);
  if (isFinal(before)) return [];
  const { job, nowMs } = context;
  const time = new Date(Math.max(nowMs, Date.parse(known.at(-1)?.time ?? job.submittedAt))).toISOString();
  const bodies: BackendEvent["body"][] = [];
  let startedAt = before.startedAt;
  const begin = () => {
    if (startedAt !== null) return;
    startedAt = time;
    bodies.push({ kind: "stage", status: { ...NEVER_BEGAN, stage: "running", startedAt, costUsd: null } });
  };
  const end = (
    stage: "completed" | "failed",
    failure: TrainingFailure | null,
    places: Pick<BackendJobStatus, "hubRepo" | "tensorboardUrl"> = {},
  ) => {
    const costUsd = startedAt === null ? 0 : context.priceOf(Date.parse(startedAt), Date.parse(time));
    const message = failure?.message ?? null;
    const status = { stage, message, startedAt, finishedAt: time, costUsd, failure, ...places };
    bodies.push({ kind: "stage", status });
  };
  if (answer.kind === "lost") end("failed", lost(job));
  else if (answer.kind === "ok") {
    const { body } = answer;
    if (body.status !== "pending") begin();
    if (startedAt !== null) bodies.push(...progressBodies(known, body, nowMs));
    if (body.status === "completed")
      end("completed", null, {
        hubRepo: body.hub_repo ?? null,
        tensorboardUrl: body.tensorboard_url ?? null,
      });
    else if (body.status === "failed") end("failed", failureOf(body, context.secrets));
  }
  const isOpen = !bodies.some((body) => body.kind === "stage" && isFinal(body.status));
  const asleepMs = job.asleepSince === null ? 0 : nowMs - Date.parse(job.asleepSince);
  if (isOpen && answer.kind === "asleep" && asleepMs >= context.wakeTimeoutMs)
    end("failed", asleep(asleepMs));
  else if (isOpen && nowMs - Date.parse(job.submittedAt) >= job.timeoutMs) end("failed", stuck(job));
  return bodies.map((body, offset) => ({ index: known.length + offset, time, body }));
}

/** The published servers fill neither steps nor loss; what another one fills is passed on. */
function progressBodies(
  known: readonly BackendEvent[],
  body: SpaceJobStatus,
  nowMs: number,
): readonly BackendEvent["body"][] {
  const record = {
    v: 1,
    kind: "status",
    ...(body.current_step == null ? {} : { step: body.current_step }),
    ...(body.total_steps == null ? {} : { max_steps: body.total_steps }),
    ...(body.current_loss == null ? {} : { m: { loss: body.current_loss } }),
    ...(body.progress_pct == null || body.status === "completed" ? {} : { progress_pct: body.progress_pct }),
  };
  const last = known.findLast((event) => event.body.kind === "progress");
  const lastRecord = last?.body.kind === "progress" ? last.body.record : null;
  if (lastRecord !== null) {
    const { t: _time, ...rest } = lastRecord;
    if (JSON.stringify(rest) === JSON.stringify(record)) return [];
  }
  return [{ kind: "progress", record: { ...record, t: nowMs / 1000 } }];
}

function failureOf(body: SpaceJobStatus, secrets: readonly string[]): TrainingFailure {
  // It answers with the last bytes of its log, which can hold its owner's token.
  const said = redact(body.error?.trim() || "The Space gave no reason.", secrets).slice(0, 2000);
  if (/out of memory|OutOfMemoryError/i.test(said)) return describeFailure("out_of_memory", said);
  if (/gated repo|GatedRepoError|awaiting a review/i.test(said)) return describeFailure("gated_model", said);
  if (/No space left on device/i.test(said)) return describeFailure("no_disk_space", said);
  if (/KeyError: 'data'|unrecognized arguments|the following arguments are required/.test(said)) {
    return {
      diagnosis: "trainer_broken",
      message: said,
      fix: "the trainer in the Space does not fit the AutoTrain it calls: repair the Space, or train with hfJobs().",
    };
  }
  return describeFailure("unknown", said);
}

function lost(job: SpaceJobFile): TrainingFailure {
  return describeFailure(
    "lost_on_restart",
    `The Space no longer knows the job ${job.jobId}: it was restarted, rebuilt or asleep, and its jobs went with its process.`,
  );
}

function asleep(forMs: number): TrainingFailure {
  return describeFailure(
    "space_asleep",
    `The Space has not answered for ${Math.round(forMs / 60_000)} minutes: a page that it is starting up came instead.`,
  );
}

function stuck(job: SpaceJobFile): TrainingFailure {
  return describeFailure(
    "space_stuck",
    `The job had not ended after its time limit of ${Math.round(job.timeoutMs / 60_000)} minutes. The Space cannot be told to stop it: its hardware is billed until it is paused.`,
  );
}
