import { resolve } from "node:path";
import type {
  BackendEvent,
  BackendJobStatus,
  HardwareOffer,
  TrainingBackend,
} from "../../../contract/training-backend.ts";
import { hardwareSnapshot } from "../../../cost/hardware-catalogue.ts";
import { parseOrThrow } from "../../../errors/from-zod.ts";
import { ModelOpsError } from "../../../errors/modelops-error.ts";
import { defaultHubUrl } from "../../../hub/hub-connection.ts";
import { Secret } from "../../../model/secret.ts";
import { type Clock, isoTime, systemClock } from "../../../time/clock.ts";
import { openPushedModel, verifyModelRepository } from "../hub-artifact.ts";
import { type HfSpaceOptions, hfSpaceOptionsSchema } from "./hf-space-options.ts";
import { SpaceClient } from "./space-client.ts";
import { SpaceJobFolder } from "./space-job-folder.ts";
import { isFinal, latestStatus, nextEvents } from "./space-story.ts";
import { submitToSpace } from "./submit-to-space.ts";

export type { HfSpaceOptions } from "./hf-space-options.ts";

const MAX_FAILURES = 5;
const NOT_STOPPED =
  "It is no longer followed. The Space offers no way to stop a job: its hardware is billed until the Space is paused.";

/**
 * Trains by the REST trainer of a Space, in either of its two published dialects. For what already runs there: the Space
 * tells no steps and no loss, cannot stop a job, and forgets its jobs when it restarts. Prefer `hfJobs()`.
 * @param options see {@link HfSpaceOptions}
 * @throws ModelOpsError `config/training-backend`
 */
export function hfSpace(
  options: HfSpaceOptions,
  parts: { readonly clock?: Clock; readonly fetch?: typeof globalThis.fetch } = {},
): TrainingBackend {
  const settings = parseOrThrow(hfSpaceOptionsSchema, options, {
    code: "config/training-backend",
    subject: "The options of hfSpace()",
  });
  const { dialect, wakeTimeoutMs, pollMs } = settings;
  const url = settings.url.replace(/\/+$/, "");
  const clock = parts.clock ?? systemClock;
  const fetch = parts.fetch ?? globalThis.fetch;
  const token = settings.token === undefined ? null : new Secret(settings.token);
  const hubToken = new Secret(settings.hubToken ?? process.env.HF_TOKEN ?? missingToken());
  const secrets = () => [...(token ? [token.reveal()] : []), hubToken.reveal()];
  const offer = offerOf(settings.hardware);
  const folder = new SpaceJobFolder(resolve(settings.home), url);
  const client = new SpaceClient({
    ...{ url, fetch, clock, timeoutMs: settings.requestTimeoutMs },
    // Revealed when it is used: the object may be inspected or printed.
    get token() {
      return token?.reveal() ?? null;
    },
  });
  const priceOf = (fromMs: number, toMs: number) =>
    Number(((Math.ceil(Math.max(0, toMs - fromMs) / 60_000) * offer.costUsdPerHour) / 60).toFixed(6));

  /** Asks the Space, and writes down what is new. */
  const advance = async (jobId: string, signal?: AbortSignal): Promise<readonly BackendEvent[]> => {
    return await folder.lockJob(
      jobId,
      async () => {
        let job = await folder.job(jobId);
        const known = [...(await folder.events(jobId))];
        if (known.length === 0) {
          const first = queuedEvent(job.submittedAt);
          await folder.append(jobId, [first]);
          known.push(first);
        }
        if (isFinal(latestStatus(known))) return known;
        const answer = await client.status(jobId, signal);
        const asleepSince = answer.kind === "asleep" ? (job.asleepSince ?? isoTime(clock)) : null;
        if (asleepSince !== job.asleepSince) {
          job = { ...job, asleepSince };
          await folder.writeJob(job);
        }
        const context = { job, nowMs: clock.now(), wakeTimeoutMs, priceOf, secrets: secrets() };
        const news = nextEvents(known, answer, context);
        await folder.append(jobId, news);
        return [...known, ...news];
      },
      signal,
    );
  };

  const statusOf = async (jobId: string, events: readonly BackendEvent[]): Promise<BackendJobStatus> => {
    const latest = latestStatus(events);
    if (isFinal(latest)) return latest;
    const { asleepSince } = await folder.job(jobId);
    return {
      ...latest,
      message: asleepSince === null ? null : "The Space is asleep or starting up.",
      costUsd: latest.startedAt === null ? 0 : priceOf(Date.parse(latest.startedAt), clock.now()),
    };
  };

  return {
    contract: "training-backend/v1",
    id: "hf-space",
    capabilities: { local: false, methods: ["sft"], adapters: ["lora", "qlora"], schedule: false },

    async hardware() {
      return [offer];
    },

    async submit(run, { signal } = {}) {
      if (run.method !== "sft") {
        throw new ModelOpsError({
          code: "training/method-not-offered",
          message: `The trainer of the Space does not train by ${run.method}.`,
          reason: "It takes a method and ignores it.",
          fix: "use hfJobs() or local().",
        });
      }
      const submitted = await submitToSpace(run, { client, folder, dialect, clock, wakeTimeoutMs }, signal);
      return { backendJobId: submitted, url: `${url}/status/${encodeURIComponent(submitted)}` };
    },

    async status(backendJobId, { signal } = {}) {
      return await statusOf(backendJobId, await advance(backendJobId, signal));
    },

    async *events(backendJobId, { since = 0, signal, keepAlive = true } = {}) {
      let next = since;
      let failures = 0;
      for (;;) {
        signal?.throwIfAborted();
        let events: readonly BackendEvent[];
        try {
          events = await advance(backendJobId, signal);
          failures = 0;
        } catch (error) {
          signal?.throwIfAborted();
          failures += 1;
          const isPassing = ModelOpsError.isInstance(error) && error.isRetryable && failures < MAX_FAILURES;
          if (!isPassing) throw error;
          events = await folder.events(backendJobId);
        }
        for (const event of events.slice(next)) yield event;
        next = Math.max(next, events.length);
        if (isFinal(latestStatus(events))) return;
        await clock.sleep(pollMs, { signal, keepAlive });
      }
    },

    async cancel(backendJobId, { signal } = {}) {
      const events = await advance(backendJobId, signal).catch(async (error: unknown) => {
        // It can be left alone even when the Space does not answer.
        if (ModelOpsError.isInstance(error) && error.isRetryable) return await folder.events(backendJobId);
        throw error;
      });
      const current = await statusOf(backendJobId, events);
      if (isFinal(current)) return current;
      return await folder.lockJob(backendJobId, async () => {
        const known = await folder.events(backendJobId);
        const latest = latestStatus(known);
        if (isFinal(latest)) return latest;
        const lastMs = Date.parse(known.at(-1)?.time ?? isoTime(clock));
        const time = new Date(Math.max(clock.now(), lastMs)).toISOString();
        const status = { ...current, stage: "cancelled" as const, message: NOT_STOPPED, finishedAt: time };
        await folder.append(backendJobId, [{ index: known.length, time, body: { kind: "stage", status } }]);
        return status;
      });
    },

    async artifact(backendJobId, { signal } = {}) {
      const job = await folder.job(backendJobId);
      const status = latestStatus(await advance(backendJobId, signal));
      if (status.stage !== "completed" || !status.hubRepo) {
        throw new ModelOpsError({
          code: "training/not-completed",
          message: `The job ${backendJobId} has no artifact: it is ${status.stage}${status.stage === "completed" ? ", and the Space names no repository" : ""}.`,
          fix: "wait for the job to complete.",
        });
      }
      const hubUrl = (settings.hubUrl ?? defaultHubUrl()).replace(/\/+$/, "");
      const connection = { hubUrl, fetch, token: hubToken.reveal() };
      return await verifyModelRepository({
        model: await openPushedModel(connection, { repository: status.hubRepo }, signal),
        baseModel: job.baseModel,
        baseModelRevision: job.baseModelRevision,
        reported: null,
      });
    },
  };
}

function queuedEvent(submittedAt: string): BackendEvent {
  const status: BackendJobStatus = {
    stage: "queued",
    message: null,
    startedAt: null,
    finishedAt: null,
    costUsd: 0,
    failure: null,
  };
  return { index: 0, time: submittedAt, body: { kind: "stage", status } };
}

/** A Space has one machine, at the price of the dated list. */
function offerOf(hardware: string): HardwareOffer {
  const listed = hardwareSnapshot();
  const found = listed.find((offer) => offer.id === hardware);
  if (found) return found;
  throw new ModelOpsError({
    code: "config/training-backend",
    message: `hfSpace() knows no hardware ${JSON.stringify(hardware).slice(0, 100)}.`,
    reason: "Its memory and price decide what can be trained and what it costs.",
    fix: `name one of ${listed.map((offer) => offer.id).join(", ")}.`,
  });
}

function missingToken(): never {
  throw new ModelOpsError({
    code: "config/training-backend",
    message: "hfSpace() has no token for the Hub.",
    reason: "The result is checked there. Neither the option hubToken nor HF_TOKEN is set.",
    fix: "set HF_TOKEN to a token that may read the repositories that the Space pushes to.",
  });
}
