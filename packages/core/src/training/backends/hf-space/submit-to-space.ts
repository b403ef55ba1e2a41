import { createHash } from "node:crypto";
import type { TrainingRun } from "../../../contract/training-backend.ts";
import { ModelOpsError } from "../../../errors/modelops-error.ts";
import { type Clock, isoTime } from "../../../time/clock.ts";
import type { SpaceClient } from "./space-client.ts";
import { type SpaceDialect, trainBody } from "./space-dialect.ts";
import type { SpaceJobFolder, SpaceRunFile } from "./space-job-folder.ts";
import { isFinal, latestStatus } from "./space-story.ts";
import { trainingCsv } from "./training-csv.ts";

const WAKE_POLL_MS = 5000;
/** The Space names a job by the second it took it at; its clock may not be ours. */
const CLOCK_SKEW_MS = 5000;
const SEARCHED_MS = 60_000;

export interface SubmitToSpaceParts {
  readonly client: SpaceClient;
  readonly folder: SpaceJobFolder;
  readonly dialect: SpaceDialect;
  readonly clock: Clock;
  readonly wakeTimeoutMs: number;
}

/**
 * Starts a run's job unless it has one that goes on or has completed. The Space has neither labels nor a list, so the
 * folder remembers what was asked for; a request whose answer was lost is looked for by the name that its job must have.
 */
export async function submitToSpace(
  run: TrainingRun,
  parts: SubmitToSpaceParts,
  signal?: AbortSignal,
): Promise<string> {
  const { folder } = parts;
  signal?.throwIfAborted();
  return await folder.lockRun(
    run.runId,
    async () => {
      const known = await folder.run(run.runId);
      if (known?.jobId != null && !(await hasFailed(folder, known.jobId))) return known.jobId;
      const csv = await trainingCsv(run.trainFile);
      await awake(parts, signal);
      if (known && known.jobId === null) {
        const found = await findJob(known, parts);
        if (found !== null) return await remember(run, known, found, folder);
      }
      return await start(run, known, csv, parts, signal);
    },
    signal,
  );
}

async function start(
  run: TrainingRun,
  known: SpaceRunFile | null,
  csv: string,
  parts: SubmitToSpaceParts,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { client, clock, dialect, folder } = parts;
  const attempt = known === null ? 1 : known.attempt + (known.jobId === null ? 0 : 1);
  const name = jobName(run, attempt);
  const asked: SpaceRunFile = { attempt, name, requestedAt: isoTime(clock), jobId: null };
  signal?.throwIfAborted();
  // Written first: a process that dies now has left word of what it asked for.
  await folder.writeRun(run.runId, asked);
  let jobId: string;
  try {
    jobId = (await client.train(trainBody(dialect, { run, name, csv }))).job_id;
  } catch (error) {
    if (!ModelOpsError.isInstance(error)) throw error;
    const { status } = error.details;
    if (typeof status === "number" && status >= 400 && status < 500) throw refusal(error, dialect);
    const found = await findJob(asked, parts).catch(() => null);
    if (found === null) throw unanswered(error);
    jobId = found;
  }
  return await remember(run, asked, jobId, folder);
}

async function remember(
  run: TrainingRun,
  asked: SpaceRunFile,
  jobId: string,
  folder: SpaceJobFolder,
): Promise<string> {
  await folder.createJob(run, jobId, asked.requestedAt);
  await folder.writeRun(run.runId, { ...asked, jobId });
  return jobId;
}

async function hasFailed(folder: SpaceJobFolder, jobId: string): Promise<boolean> {
  const status = latestStatus(await folder.events(jobId));
  return isFinal(status) && status.stage !== "completed";
}

/** Waits for a Space that is waking up: a request to it is what wakes it. */
async function awake(parts: SubmitToSpaceParts, signal: AbortSignal | undefined): Promise<void> {
  const { client, clock, wakeTimeoutMs } = parts;
  const untilMs = clock.now() + wakeTimeoutMs;
  for (;;) {
    const answer = await client.health(signal);
    if (answer.kind === "ok") return;
    if (answer.kind === "lost") {
      throw new ModelOpsError({
        code: "training/unexpected-reply",
        message: "The Space answers, but not as a trainer does: it has no /health.",
        fix: "check that url is the address of a Space that runs one of the two trainers.",
      });
    }
    if (clock.now() >= untilMs) {
      throw new ModelOpsError({
        code: "training/space-asleep",
        message: `The Space did not wake up within ${Math.round(wakeTimeoutMs / 1000)} seconds.`,
        reason: "A page that it is building or starting up came instead of an answer. Nothing was started.",
        fix: "look at the Space's page: its build may have failed, or it may be paused.",
        isRetryable: true,
      });
    }
    await clock.sleep(Math.min(WAKE_POLL_MS, Math.max(1, untilMs - clock.now())), {
      signal,
      keepAlive: true,
    });
  }
}

/** The job of a request whose answer was lost: its id is made of the name, which no other run has, and of the second. */
async function findJob(asked: SpaceRunFile, parts: SubmitToSpaceParts): Promise<string | null> {
  const requestedMs = Date.parse(asked.requestedAt);
  const lastMs = Math.min(parts.clock.now(), requestedMs + SEARCHED_MS) + CLOCK_SKEW_MS;
  for (let second = requestedMs - CLOCK_SKEW_MS; second <= lastMs; second += 1000) {
    const stamp = new Date(second)
      .toISOString()
      .replaceAll(/[-:]|\..*/g, "")
      .replace("T", "_");
    const jobId = `job_${stamp}_${asked.name}`;
    if ((await parts.client.status(jobId)).kind === "ok") return jobId;
  }
  return null;
}

/** Letters, digits and hyphens, at most 50: what AutoTrain takes for a project. No other run or attempt has it. */
function jobName({ agent, runId }: TrainingRun, attempt: number): string {
  const unique = createHash("sha256").update(`${runId}\n${attempt}`).digest("hex").slice(0, 12);
  const shown = agent
    .replaceAll(/[^A-Za-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "")
    .slice(0, 36);
  return `${shown || "agent"}-${unique}`;
}

function refusal(error: ModelOpsError, dialect: SpaceDialect): unknown {
  if (error.details.status !== 422) return error;
  const other = dialect === "app" ? "app-full" : "app";
  return new ModelOpsError({
    code: "training/refused",
    message: `The Space did not understand the request in the dialect "${dialect}". Nothing was started.`,
    reason: error.reason ?? undefined,
    fix: `two incompatible trainers are published under one name: try dialect: "${other}".`,
    details: error.details,
    cause: error,
  });
}

function unanswered(error: ModelOpsError): ModelOpsError {
  return new ModelOpsError({
    code: "training/submit-unanswered",
    message: "The request to start the job was not answered, and the Space knows no job of this run.",
    reason: error.what,
    fix: "submit the run again: it looks for the job first, so that nothing is started twice.",
    isRetryable: true,
    cause: error,
  });
}
