import { z } from "zod";
import type {
  BackendJob,
  BackendJobStatus,
  HardwareOffer,
  TrainingBackend,
  TrainingProgressRecord,
  TrainingRun,
} from "../../../contract/training-backend.ts";
import { hardwareSnapshot } from "../../../cost/hardware-catalogue.ts";
import { parseOrThrow } from "../../../errors/from-zod.ts";
import { ModelOpsError } from "../../../errors/modelops-error.ts";
import { packagedScriptPath } from "../../../files/packaged-script.ts";
import { redact } from "../../../http/redact.ts";
import { defaultHubUrl, requireRepositoryId } from "../../../hub/hub-connection.ts";
import type { ArtifactFile } from "../../../model/artifact.ts";
import { Secret } from "../../../model/secret.ts";
import { type Clock, systemClock } from "../../../time/clock.ts";
import { openPushedModel, verifyModelRepository } from "../hub-artifact.ts";
import { backgroundFetch } from "./background-fetch.ts";
import { toOffers } from "./hardware-offers.ts";
import { DEFAULT_IMAGE, type HfJobsOptions, hfJobsOptionsSchema } from "./hf-jobs-options.ts";
import { jobEvents } from "./job-events.ts";
import { configOfJob } from "./job-request.ts";
import { isOverdue, toStatus } from "./job-status.ts";
import { hasEnded, type WireJob } from "./job-wire.ts";
import { JobsClient } from "./jobs-client.ts";
import { followLog, type LogEntry, readLogTail } from "./log-follower.ts";
import { ownId } from "./own-id.ts";
import { hfSchedules } from "./schedules.ts";
import { type SubmitParts, submitRun } from "./submit.ts";

export type { HfJobsOptions } from "./hf-jobs-options.ts";

const CANCEL_POLL_MS = 1000;
const FAILURE_LINES = 200;
const PRICE_AGE_MS = 3_600_000;

const reportedFilesSchema = z
  .array(z.object({ path: z.string(), size_bytes: z.number(), sha256: z.string().nullish() }))
  .transform((files): ArtifactFile[] =>
    files.map((file) => ({ path: file.path, sizeBytes: file.size_bytes, sha256: file.sha256 ?? null })),
  );

/**
 * Trains on Hugging Face Jobs: the packaged script, run by uv on rented hardware, its rows in a private dataset
 * repository pinned by commit, its result in a private model repository. Billed by the service per started minute.
 * @param options see {@link HfJobsOptions}
 * @throws ModelOpsError `config/training-backend` for options that are not valid, or without a token
 */
export function hfJobs(
  options: HfJobsOptions,
  parts: { readonly clock?: Clock; readonly fetch?: typeof globalThis.fetch } = {},
): TrainingBackend {
  const settings = parseOrThrow(hfJobsOptionsSchema, options, {
    code: "config/training-backend",
    subject: "The options of hfJobs()",
  });
  const { namespace } = settings;
  const token = new Secret(settings.token ?? process.env.HF_TOKEN ?? missingToken());
  const jobToken = new Secret(settings.jobToken ?? token.reveal());
  const secrets = () => [token.reveal(), jobToken.reveal()];
  const clock = parts.clock ?? systemClock;
  const fetch = parts.fetch ?? globalThis.fetch;
  const hubUrl = (settings.hubUrl ?? defaultHubUrl()).replace(/\/+$/, "");
  const datasetRepo = requireRepositoryId(
    settings.datasetRepo ?? `${namespace}/modelops-datasets`,
    "The dataset repository",
  );
  const schedulingTimeoutMs = settings.schedulingTimeoutMs ?? 30 * 60_000;
  const silenceMs = settings.logSilenceMs ?? 120_000;
  const scriptPath = settings.scriptPath ?? packagedScriptPath;

  const connectionWith = (used: typeof globalThis.fetch) => ({
    hubUrl,
    fetch: used,
    // Revealed when it is used: the object may be inspected or printed.
    get token() {
      return token.reveal();
    },
  });
  const connection = connectionWith(fetch);
  const clientWith = (used: typeof globalThis.fetch) =>
    new JobsClient({
      connection: connectionWith(used),
      clock,
      timeoutMs: settings.requestTimeoutMs ?? 30_000,
      namespace,
    });
  const client = clientWith(fetch);
  const backgroundClient = clientWith(parts.fetch ?? backgroundFetch);

  let prices: { readonly offers: readonly HardwareOffer[]; readonly atMs: number } | null = null;
  const hardware = async (signal?: AbortSignal): Promise<readonly HardwareOffer[]> => {
    try {
      const offers = toOffers(await client.hardware(signal));
      if (offers.length === 0) return hardwareSnapshot();
      prices = { offers, atMs: clock.now() };
      return offers;
    } catch (error) {
      signal?.throwIfAborted();
      if (!ModelOpsError.isInstance(error)) throw error;
      // Each offer of the snapshot says what it is and from when.
      return hardwareSnapshot();
    }
  };
  const offerFor = async (flavor: string | null, signal?: AbortSignal): Promise<HardwareOffer | null> => {
    const isFresh = prices !== null && clock.now() - prices.atMs < PRICE_AGE_MS;
    const offers = isFresh && prices ? prices.offers : await hardware(signal);
    return offers.find((offer) => offer.id === flavor) ?? null;
  };

  const cancelOverdue = async (job: WireJob): Promise<boolean> => {
    if (!isOverdue(job, { nowMs: clock.now(), schedulingTimeoutMs })) return false;
    await client.cancel(job.id);
    return true;
  };

  /** Logs of jobs that failed do not change: their last lines are read once. */
  const failureLogs = new Map<string, readonly LogEntry[]>();
  const statusOf = async (job: WireJob, signal?: AbortSignal): Promise<BackendJobStatus> => {
    let log: readonly LogEntry[] = [];
    if (job.status.stage === "ERROR") {
      log =
        failureLogs.get(job.id) ??
        (await readLogTail(client, job.id, { lines: FAILURE_LINES, silenceMs: 10_000, signal }));
      failureLogs.set(job.id, log);
    }
    const offer = await offerFor(job.flavor ?? null, signal);
    const status = toStatus(job, { hardware: offer, nowMs: clock.now(), schedulingTimeoutMs, log });
    return redactStatus(status, secrets());
  };
  const currentStatus = async (id: string, signal?: AbortSignal): Promise<BackendJobStatus> => {
    let job = await client.get(id, signal);
    if (await cancelOverdue(job)) job = await client.get(id, signal);
    return await statusOf(job, signal);
  };

  const events: TrainingBackend["events"] = async function* (
    backendJobId,
    { since = 0, signal, keepAlive = true } = {},
  ) {
    const id = ownId(backendJobId, namespace, "job");
    const used = keepAlive ? client : backgroundClient;
    const created = await used.get(id, signal);
    const entries = followLog({
      client: used,
      jobId: id,
      clock,
      keepAlive,
      silenceMs,
      signal,
      onJob: async (job) => {
        await cancelOverdue(job);
      },
    });
    try {
      yield* jobEvents({
        created,
        entries,
        since,
        secrets: secrets(),
        finalStatus: (job) => statusOf(job, signal),
      });
    } finally {
      await entries.return(created);
    }
  };

  const partsFor = async (run: TrainingRun, signal?: AbortSignal): Promise<SubmitParts> => ({
    client,
    connection,
    clock,
    datasetRepo,
    image: settings.image ?? DEFAULT_IMAGE,
    env: settings.env ?? {},
    jobToken: jobToken.reveal(),
    scriptPath: scriptPath(run.method),
    hardware: await offerFor(run.hardwareId, signal),
    trackioSpace: `${namespace}/trackio`,
    hubRepo: run.hubRepo ?? defaultModelRepo(namespace, run.agent, run.runId),
  });

  return {
    contract: "training-backend/v1",
    id: "hf-jobs",
    capabilities: {
      local: false,
      methods: ["sft", "dpo", "grpo"],
      adapters: ["lora", "qlora", "full"],
      schedule: true,
    },

    hardware: ({ signal } = {}) => hardware(signal),

    schedules: hfSchedules({ client, clock }, partsFor),

    async submit(run, { signal } = {}): Promise<BackendJob> {
      const job = await submitRun(run, await partsFor(run, signal), signal);
      return { backendJobId: `${namespace}/${job.id}`, url: client.url(job.id) };
    },

    async status(backendJobId, { signal } = {}) {
      return await currentStatus(ownId(backendJobId, namespace, "job"), signal);
    },

    events,

    async cancel(backendJobId, { signal } = {}) {
      const id = ownId(backendJobId, namespace, "job");
      let job = await client.get(id, signal);
      if (!hasEnded(job)) await client.cancel(id, signal);
      // Done when the service shows it, not when it was asked.
      for (;;) {
        job = await client.get(id, signal);
        if (hasEnded(job)) return await statusOf(job, signal);
        await clock.sleep(CANCEL_POLL_MS, { signal, keepAlive: true });
      }
    },

    async artifact(backendJobId, { signal } = {}) {
      const job = await client.get(ownId(backendJobId, namespace, "job"), signal);
      const config = configOfJob(job.environment ?? {});
      if (job.status.stage !== "COMPLETED" || !config?.hub.repo_id) {
        throw new ModelOpsError({
          code: "training/not-completed",
          message: `The job ${backendJobId} has no artifact: it is ${job.status.stage}.`,
          fix: "wait for the job to complete.",
        });
      }
      const result = await lastResult(events(backendJobId, { signal }));
      const pushed = z.looseObject({ revision: z.string() }).safeParse(result?.hub);
      if (!pushed.success && job.initiator?.type === "scheduled-job") {
        throw new ModelOpsError({
          code: "training/artifact-invalid",
          message: `The job ${backendJobId} does not say which commit of ${config.hub.repo_id} is its result.`,
          reason: "The repository is that of a schedule, whose next run may have pushed since.",
          fix: "look at the job's log; its schedule goes on.",
        });
      }
      const model = await openPushedModel(
        connection,
        { repository: config.hub.repo_id, ...(pushed.success ? { revision: pushed.data.revision } : {}) },
        signal,
      );
      const reported = reportedFilesSchema.safeParse(result?.files);
      return await verifyModelRepository({
        model,
        baseModel: config.base_model,
        baseModelRevision: config.base_model_revision,
        reported: reported.success ? reported.data : null,
      });
    },
  };
}

async function lastResult(
  events: ReturnType<TrainingBackend["events"]>,
): Promise<TrainingProgressRecord | null> {
  let result: TrainingProgressRecord | null = null;
  for await (const event of events)
    if (event.body.kind === "progress" && event.body.record.kind === "result") result = event.body.record;
  return result;
}

function defaultModelRepo(namespace: string, agent: string, runId: string): string {
  const clean = `${agent}-${runId}`.replaceAll(/[^A-Za-z0-9]+/g, "-").replaceAll(/^-|-$/g, "");
  return `${namespace}/${clean.slice(0, 90).replace(/-$/, "")}`;
}

function redactStatus(status: BackendJobStatus, secrets: readonly string[]): BackendJobStatus {
  const clean = (text: string) => redact(text, secrets);
  return {
    ...status,
    message: status.message === null ? null : clean(status.message),
    failure: status.failure && { ...status.failure, message: clean(status.failure.message) },
  };
}

function missingToken(): never {
  throw new ModelOpsError({
    code: "config/training-backend",
    message: "hfJobs() has no token.",
    reason: "Neither the option token nor HF_TOKEN is set.",
    fix: "set HF_TOKEN to a token that may write repositories and start jobs.",
  });
}
