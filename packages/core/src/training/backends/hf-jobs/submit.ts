import { basename } from "node:path";
import type { HardwareOffer, TrainingRun } from "../../../contract/training-backend.ts";
import { ModelOpsError } from "../../../errors/modelops-error.ts";
import {
  type HubConnection,
  isRepositoryId,
  requireReadableModel,
  requireRepositoryId,
} from "../../../hub/hub-connection.ts";
import { uploadPrivateFiles } from "../../../hub/upload-private-files.ts";
import type { Clock } from "../../../time/clock.ts";
import { sha256File } from "../../artifact-check.ts";
import { jobRequest, RUN_LABEL, remoteScriptConfig } from "./job-request.ts";
import type { WireJob } from "./job-wire.ts";
import type { JobRequest, JobsClient } from "./jobs-client.ts";

const LOOKUPS_AFTER_LOST_REPLY = 6;
const LOOKUP_WAIT_MS = 2000;
const MAX_RATE_LIMIT_WAITS = 3;
const MAX_RATE_LIMIT_WAIT_MS = 5 * 60_000;

export interface SubmitParts {
  readonly client: JobsClient;
  readonly connection: HubConnection;
  readonly clock: Clock;
  readonly datasetRepo: string;
  readonly image: string;
  readonly env: Readonly<Record<string, string>>;
  readonly jobToken: string;
  readonly scriptPath: string;
  readonly hardware: HardwareOffer | null;
  readonly hubRepo: string;
  readonly trackioSpace: string;
}

/**
 * Starts a run's job unless it has one that runs or has completed. The label is looked up before the paid request,
 * after a reply that was lost, and once more at the end, in case another host has started the same run.
 */
export async function submitRun(
  run: TrainingRun,
  parts: SubmitParts,
  signal?: AbortSignal,
): Promise<WireJob> {
  const { client } = parts;
  const known = await findJob(client, run.runId, signal).catch((error: unknown) => {
    throw accessError(error, client.namespace);
  });
  if (known) return known;
  await requireReadiness(run, parts, signal);
  const config = remoteScriptConfig({
    run,
    hubRepo: parts.hubRepo,
    trackioSpace: parts.trackioSpace,
    resume: true,
    data: await uploadData(run, parts, signal),
  });
  const request = await jobRequest({ run, config, ...parts, identity: RUN_LABEL });
  // Uploading takes time: another host may have been faster.
  const meanwhile = await findJob(client, run.runId, signal);
  if (meanwhile) return meanwhile;
  const job = await createOnce(
    { create: () => client.create(request), find: () => findJob(client, run.runId) },
    parts,
    signal,
  );
  await requireTimeout(job, request, client);
  return await resolveRace(job, run.runId, client);
}

/** The job of a run that goes on or has completed; one that ended otherwise does not count. */
async function findJob(client: JobsClient, runId: string, signal?: AbortSignal): Promise<WireJob | null> {
  const jobs = await client.withLabel(RUN_LABEL, runId, signal);
  return jobs.find(isOfUse) ?? null;
}

function isOfUse(job: WireJob): boolean {
  return !["CANCELED", "ERROR", "DELETED"].includes(job.status.stage);
}

/** Everything that would make a paid job fail, asked for free. */
export async function requireReadiness(
  run: TrainingRun,
  parts: SubmitParts,
  signal?: AbortSignal,
): Promise<void> {
  if (!isRepositoryId(run.baseModel)) {
    throw new ModelOpsError({
      code: "training/base-model-not-on-hub",
      message: `The base model ${JSON.stringify(run.baseModel).slice(0, 140)} is not on the Hub.`,
      reason: "A job runs on another machine and can only load models from the Hub.",
      fix: "upload it as a private model and name it as owner/name, or train with local().",
    });
  }
  requireRepositoryId(parts.hubRepo, "The target repository");
  await parts.client.checkAccess(signal).catch((error: unknown) => {
    throw accessError(error, parts.client.namespace);
  });
  await requireReadableModel(
    parts.connection,
    { name: run.baseModel, revision: run.baseModelRevision },
    { signal },
  );
}

export async function uploadData(run: TrainingRun, parts: SubmitParts, signal?: AbortSignal) {
  const place = async (localPath: string) => {
    // The content decides the path: the same rows are sent once, and a path never changes its meaning.
    const digest = await sha256File(localPath, signal);
    return { path: `${digest.slice(0, 32)}/${basename(localPath).replaceAll(/[^\w.-]/g, "-")}`, localPath };
  };
  const train = await place(run.trainFile);
  const evaluation = run.evaluationFile === null ? null : await place(run.evaluationFile);
  const { revision } = await uploadPrivateFiles(parts.connection, {
    repository: parts.datasetRepo,
    files: evaluation ? [train, evaluation] : [train],
    title: `Rows of run ${run.runId}`,
    signal,
  });
  return {
    repository: parts.datasetRepo,
    revision,
    trainPath: train.path,
    evaluationPath: evaluation?.path ?? null,
  };
}

/** A request that costs money, and how to see whether it has arrived. */
interface PaidRequest<Created> {
  readonly create: () => Promise<Created>;
  readonly find: () => Promise<Created | null>;
}

/** One paid request. When its reply is lost, the label tells whether it arrived. */
export async function createOnce<Created>(
  asked: PaidRequest<Created>,
  { client, clock }: Pick<SubmitParts, "client" | "clock">,
  signal?: AbortSignal,
): Promise<Created> {
  for (let waits = 0; ; waits += 1) {
    // Not the caller's signal: an abort between request and reply would leave a job that nobody knows.
    signal?.throwIfAborted();
    try {
      return await asked.create();
    } catch (error) {
      if (!ModelOpsError.isInstance(error)) throw error;
      const status = error.details.status;
      if (status === 429 && waits < MAX_RATE_LIMIT_WAITS) {
        // Refused for certain: asking again is no second job.
        const asked = error.details.retryAfterMs;
        const waitMs = typeof asked === "number" ? asked : LOOKUP_WAIT_MS * 2 ** waits;
        if (waitMs > MAX_RATE_LIMIT_WAIT_MS) throw error;
        await clock.sleep(waitMs, { signal, keepAlive: true });
        continue;
      }
      if (typeof status === "number" && status >= 400 && status < 500) throw refusal(error, client.namespace);
      return await findAfterLostReply(error, asked.find, clock);
    }
  }
}

async function findAfterLostReply<Created>(
  error: ModelOpsError,
  find: () => Promise<Created | null>,
  clock: Clock,
): Promise<Created> {
  for (let lookup = 0; lookup < LOOKUPS_AFTER_LOST_REPLY; lookup += 1) {
    const created = await find();
    if (created) return created;
    await clock.sleep(LOOKUP_WAIT_MS, { keepAlive: true });
  }
  throw new ModelOpsError({
    code: "training/submit-unanswered",
    message: "The request to start the job was not answered, and no job of this run is listed.",
    reason: error.what,
    fix: "submit the run again: it looks for the job first, so that nothing is started twice.",
    isRetryable: true,
    cause: error,
  });
}

/** The service's own limit of 30 minutes would end the run half way. */
async function requireTimeout(job: WireJob, request: JobRequest, client: JobsClient): Promise<void> {
  if (job.timeout === request.timeoutSeconds) return;
  await client.cancel(job.id);
  throw timeoutNotApplied(job, request);
}

export function timeoutNotApplied(
  job: Pick<WireJob, "id" | "timeout">,
  request: Pick<JobRequest, "timeoutSeconds">,
): ModelOpsError {
  return new ModelOpsError({
    code: "training/timeout-not-applied",
    message: `The service took ${String(job.timeout)} s as the job's time limit instead of ${request.timeoutSeconds} s.`,
    reason: "With a shorter limit the run would be stopped and its work lost.",
    fix: "check that this version fits the service; what was started is cancelled.",
    details: { jobId: job.id, asked: request.timeoutSeconds, got: job.timeout },
  });
}

/** Of several hosts that started the same run, all keep the oldest job; each cancels its own when it is younger. */
async function resolveRace(mine: WireJob, runId: string, client: JobsClient): Promise<WireJob> {
  const oldest = (await client.withLabel(RUN_LABEL, runId)).find(isOfUse) ?? mine;
  if (oldest.id === mine.id) return mine;
  await client.cancel(mine.id);
  return oldest;
}

export function accessError(error: unknown, namespace: string): unknown {
  return ModelOpsError.isInstance(error) ? refusal(error, namespace) : error;
}

function refusal(error: ModelOpsError, namespace: string): ModelOpsError {
  const texts: Readonly<Record<number, readonly [slug: string, message: string, fix: string]>> = {
    401: ["unauthorized", "The token was not accepted.", "set HF_TOKEN to a valid token."],
    402: [
      "no-credits",
      `The account ${namespace} has no credit left for Jobs.`,
      "add credit to the account, or give a namespace that has some. Nothing was started.",
    ],
    403: [
      "no-job-permission",
      `The token may not start jobs for ${namespace}.`,
      'use a token with the permission "start and manage Jobs" for this namespace.',
    ],
    404: [
      "namespace-not-found",
      `The service knows no namespace ${namespace} for this token.`,
      "check the spelling; for an organisation, the token's owner must be a member.",
    ],
  };
  const known = texts[Number(error.details.status)];
  if (!known) return error;
  const [slug, message, fix] = known;
  return new ModelOpsError({
    code: `training/${slug}`,
    message,
    ...(error.reason === null ? {} : { reason: error.reason }),
    fix,
    details: error.details,
    cause: error,
  });
}
