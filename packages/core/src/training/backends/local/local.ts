import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import type {
  BackendEvent,
  BackendJob,
  TrainingBackend,
  TrainingProgressRecord,
  TrainingRun,
} from "../../../contract/training-backend.ts";
import { parseOrThrow } from "../../../errors/from-zod.ts";
import { ModelOpsError } from "../../../errors/modelops-error.ts";
import { packagedScriptPath } from "../../../files/packaged-script.ts";
import type { ArtifactFile } from "../../../model/artifact.ts";
import { type Clock, systemClock } from "../../../time/clock.ts";
import { verifyModelFolder } from "../../artifact-check.ts";
import { extraPackages } from "../extra-packages.ts";
import { missingEnvironment, readyEnvironment } from "./environment.ts";
import { HostSignals } from "./host-signals.ts";
import { followEvents } from "./job-events.ts";
import { LocalJobs } from "./local-jobs.ts";
import { type LocalOptions, localOptionsSchema } from "./local-options.ts";
import { detectHardware } from "./machine.ts";
import { scriptEnvironment } from "./script-config.ts";
import { readScriptHeader } from "./script-header.ts";

const DEFAULT_CANCEL_GRACE_MS = 30_000;

const reportedFilesSchema = z
  .array(z.object({ path: z.string(), size_bytes: z.number(), sha256: z.string().nullish() }))
  .transform((files): ArtifactFile[] =>
    files.map((file) => ({ path: file.path, sizeBytes: file.size_bytes, sha256: file.sha256 ?? null })),
  );

/**
 * Trains on this machine: the packaged script in a private Python environment made by uv, as a child process that
 * another process can find again. CUDA, Apple GPU or CPU. Free of charge.
 * @param options see {@link LocalOptions}
 */
export function local(options: LocalOptions = {}, parts: { readonly clock?: Clock } = {}): TrainingBackend {
  const settings = parseOrThrow(localOptionsSchema, options, {
    code: "config/training-backend",
    subject: "The options of local()",
  });
  const home = resolve(settings.home ?? ".modelops");
  const clock = parts.clock ?? systemClock;
  const stopWithHost = settings.onHostExit === "stop";
  const env = settings.env ?? {};
  const jobs = new LocalJobs({
    home,
    clock,
    env,
    threads: settings.threads ?? null,
    stopWithHost,
    cancelGraceMs: settings.cancelGraceMs ?? DEFAULT_CANCEL_GRACE_MS,
    hostSignals: new HostSignals({ everyEnd: stopWithHost }),
  });
  const scriptPath = settings.scriptPath ?? packagedScriptPath;
  const hardware = (signal?: AbortSignal) => detectHardware({ folder: home, signal });

  const environmentFor = async (
    run: Pick<TrainingRun, "method" | "adapter" | "hardwareId" | "tracking">,
  ): Promise<Parameters<typeof missingEnvironment>[0]> => {
    const path = scriptPath(run.method);
    const header = readScriptHeader(await readFile(path, "utf8"), path);
    return {
      home,
      header: { ...header, dependencies: [...header.dependencies, ...extraPackages(run)] },
      hasAccelerator: run.hardwareId === "local-cuda",
      python: settings.python,
    };
  };

  const ready: NonNullable<TrainingBackend["prepare"]> = async (run, { signal, onMessage } = {}) => {
    if (settings.environment) return;
    const environment = await environmentFor(run);
    await readyEnvironment({
      ...environment,
      uv: settings.uv,
      env: scriptEnvironment({ extra: env, isOffline: false }),
      report: onMessage ?? (() => {}),
      signal,
    });
  };

  return {
    contract: "training-backend/v1",
    id: "local",
    capabilities: {
      local: true,
      methods: ["sft", "dpo", "grpo"],
      adapters: ["lora", "qlora", "full"],
      schedule: false,
    },

    hardware: ({ signal } = {}) => hardware(signal),

    async preparation(run) {
      if (settings.environment) return null;
      return await missingEnvironment(await environmentFor(run));
    },

    prepare: ready,

    async submit(run, { signal } = {}): Promise<BackendJob> {
      const pythonPath = settings.environment
        ? settings.environment.pythonPath
        : await readyEnvironment({
            ...(await environmentFor(run)),
            uv: settings.uv,
            env: scriptEnvironment({ extra: env, isOffline: false }),
            report: () => {},
            signal,
          });
      signal?.throwIfAborted();
      await jobs.start(run, { pythonPath, scriptPath: resolve(scriptPath(run.method)) }, { signal });
      return { backendJobId: run.runId, url: null };
    },

    status: (backendJobId) => jobs.status(backendJobId),

    events: (backendJobId, { since = 0, signal, keepAlive = true } = {}) =>
      followEvents({ jobs, home, runId: backendJobId, since, clock, keepAlive, signal }),

    cancel: (backendJobId) => jobs.stop(backendJobId, "cancel"),

    async artifact(backendJobId, { signal } = {}) {
      const folder = jobs.folder(backendJobId);
      const status = await jobs.status(backendJobId);
      const run = await folder.run();
      if (!run || status.stage !== "completed") {
        throw new ModelOpsError({
          code: "training/not-completed",
          message: `The run ${backendJobId} has no artifact: it is ${status.stage}.`,
          fix: "wait for the run to complete.",
        });
      }
      const result = await lastResult(
        followEvents({ jobs, home, runId: backendJobId, since: 0, clock, keepAlive: true, signal }),
      );
      const reported = reportedFilesSchema.safeParse(result?.files);
      return await verifyModelFolder({
        path: folder.outputPath,
        baseModel: run.baseModel,
        baseModelRevision: run.baseModelRevision,
        reported: reported.success ? reported.data : null,
        signal,
      });
    },
  };
}

async function lastResult(events: AsyncIterable<BackendEvent>): Promise<TrainingProgressRecord | null> {
  let result: TrainingProgressRecord | null = null;
  for await (const event of events) {
    if (event.body.kind === "progress" && event.body.record.kind === "result") result = event.body.record;
  }
  return result;
}
