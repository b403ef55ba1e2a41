import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import type { BackendJobStatus, TrainingRun } from "../../../contract/training-backend.ts";
import { ModelOpsError } from "../../../errors/modelops-error.ts";
import { type Clock, isoTime } from "../../../time/clock.ts";
import { withExclusiveLock } from "./exclusive-lock.ts";
import type { HostSignals } from "./host-signals.ts";
import { type Attempt, type AttemptEnd, JobFolder } from "./job-folder.ts";
import { type ProcessEnd, readOutcome } from "./outcome.ts";
import {
  findProcessByCommand,
  identifyProcess,
  isProcessAlive,
  signalGroup,
  stopProcessGroup,
} from "./processes.ts";
import { localModelPath, scriptConfig, scriptEnvironment } from "./script-config.ts";

const POLL_MS = 50;

export interface LocalJobsOptions {
  readonly home: string;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string>>;
  readonly threads: number | null;
  readonly stopWithHost: boolean;
  readonly cancelGraceMs: number;
  readonly hostSignals: HostSignals;
}

/** Starts, finds and ends the script's processes; all of its memory is in the job folders. */
export class LocalJobs {
  readonly #options: LocalJobsOptions;
  /** How the children of this very process ended: only their parent is told the exit code. */
  readonly #ends = new Map<string, Promise<ProcessEnd>>();

  constructor(options: LocalJobsOptions) {
    this.#options = options;
  }

  folder(runId: string): JobFolder {
    return new JobFolder(this.#options.home, runId);
  }

  /** Starts a run unless it is running or completed; a run that ended otherwise goes on in a new attempt. */
  async start(
    run: TrainingRun,
    program: { readonly pythonPath: string; readonly scriptPath: string },
    options: { readonly signal?: AbortSignal },
  ): Promise<void> {
    const folder = this.folder(run.runId);
    await folder.create(run);
    await withExclusiveLock(
      folder.lockPath,
      async () => {
        const latest = await folder.latestAttempt();
        const end = latest ? await this.#settle(folder, latest) : null;
        if (latest && (!end || end.status.stage === "completed")) return;
        await this.#spawn(folder, run, (latest?.number ?? 0) + 1, program);
      },
      { signal: options.signal, clock: this.#options.clock },
    );
  }

  /** How an attempt ended; null while it goes on. The first observer of an end writes it down. */
  async settle(folder: JobFolder, attempt: Attempt): Promise<AttemptEnd | null> {
    const known = await folder.end(attempt.number);
    if (known) return known;
    if (attempt.process) return await this.#settle(folder, attempt);
    // Somebody is starting it just now, or died while doing so: the lock tells which.
    return await withExclusiveLock(folder.lockPath, async () => {
      const again = await folder.attempt(attempt.number);
      return again ? await this.#settle(folder, again) : null;
    });
  }

  async status(runId: string): Promise<BackendJobStatus> {
    const folder = this.folder(runId);
    const attempt = await folder.latestAttempt();
    if (!attempt) {
      if (!(await folder.run())) throw jobNotFound(runId, this.#options.home);
      return { stage: "queued", message: null, startedAt: null, finishedAt: null, costUsd: 0, failure: null };
    }
    const end = await this.settle(folder, attempt);
    if (end) return end.status;
    return {
      stage: "running",
      message: null,
      startedAt: attempt.startedAt,
      finishedAt: null,
      costUsd: 0,
      failure: null,
    };
  }

  /** Ends the newest attempt and waits until its processes are seen to be gone. */
  async stop(runId: string, why: "cancel" | "timeout"): Promise<BackendJobStatus> {
    const folder = this.folder(runId);
    const attempt = await folder.latestAttempt();
    if (!attempt || (await this.settle(folder, attempt))) return await this.status(runId);
    await folder.markStopRequested(attempt.number, why);
    const { clock, cancelGraceMs } = this.#options;
    const leader = attempt.process ?? (await findProcessByCommand(folder.configPath(attempt.number)));
    if (leader) await stopProcessGroup(leader, { graceMs: cancelGraceMs, clock });
    for (;;) {
      const end = await this.settle(folder, attempt);
      if (end) return end.status;
      await clock.sleep(POLL_MS, { keepAlive: true });
    }
  }

  async #settle(folder: JobFolder, attempt: Attempt): Promise<AttemptEnd | null> {
    const known = await folder.end(attempt.number);
    if (known) return known;
    const process = attempt.process ?? (await findProcessByCommand(folder.configPath(attempt.number)));
    if (process && (await isProcessAlive(process))) return null;
    const processEnd = await whileAwake(this.#ends.get(key(folder, attempt.number)) ?? null);
    const logBytes = await folder.logBytes(attempt.number);
    const finishedAt = isoTime(this.#options.clock);
    const status = await readOutcome(folder, attempt, { processEnd, finishedAt, logBytes });
    return await folder.writeEnd(attempt.number, { status, logBytes });
  }

  async #spawn(
    folder: JobFolder,
    run: TrainingRun,
    number: number,
    program: { readonly pythonPath: string; readonly scriptPath: string },
  ): Promise<void> {
    const { clock, env, threads, stopWithHost } = this.#options;
    const config = scriptConfig({
      run,
      outputPath: folder.outputPath,
      threads,
      parentPid: stopWithHost ? process.pid : null,
    });
    await folder.writeConfig(number, config);
    const attempt = { number, startedAt: isoTime(clock), timeoutMs: run.timeoutMs, process: null };
    await folder.writeAttempt(attempt);
    const log = await open(folder.logPath(number), "a");
    let child: ChildProcess;
    try {
      child = spawn(program.pythonPath, [program.scriptPath, "--config", folder.configPath(number)], {
        cwd: folder.path,
        // Its own group and session: the terminal's Ctrl-C reaches this process only, which then ends the job in order.
        detached: true,
        stdio: ["ignore", log.fd, log.fd],
        env: scriptEnvironment({
          extra: env,
          isOffline: localModelPath(run.baseModel) !== null && !run.hubRepo,
        }),
        windowsHide: true,
      });
      this.#watch(folder, attempt, child);
      await once(child, "spawn");
    } catch (error) {
      await log.appendFile(`The script could not be started: ${String(error)}\n`);
      throw new ModelOpsError({
        code: "training/start-failed",
        message: `The training script could not be started with ${program.pythonPath}.`,
        reason: error instanceof Error ? error.message : String(error),
        fix: "check that this interpreter exists and may be executed.",
        cause: error,
      });
    } finally {
      await log.close();
    }
    const { pid } = child;
    const identity = pid === undefined ? null : await identifyProcess(pid);
    await folder.writeAttempt({ ...attempt, process: identity ?? { pid: pid ?? 0, started: "ended" } });
    child.unref();
  }

  #watch(folder: JobFolder, attempt: Attempt, child: ChildProcess): void {
    const removeFromHost = this.#options.hostSignals.add({
      stop: async () => {
        await this.stop(folder.runId, "cancel");
      },
      stopNow: () => {
        if (child.pid !== undefined) signalGroup(child.pid, "SIGTERM");
      },
    });
    const ended = new Promise<ProcessEnd>((resolve) => {
      child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
      child.once("error", () => resolve({ exitCode: null, signal: null }));
    }).then((end) => {
      removeFromHost();
      // Whatever the script started and left behind goes with it.
      if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
      return end;
    });
    this.#ends.set(key(folder, attempt.number), ended);
  }
}

/** The child is not allowed to hold this process open, but the moment between its death and the news of it is. */
async function whileAwake<Value>(value: Value | Promise<Value>): Promise<Value> {
  const hold = setInterval(() => {}, 60_000);
  try {
    return await value;
  } finally {
    clearInterval(hold);
  }
}

function key(folder: JobFolder, attempt: number): string {
  return `${folder.path}#${attempt}`;
}

export function jobNotFound(runId: string, home: string): ModelOpsError {
  return new ModelOpsError({
    code: "training/job-not-found",
    message: `There is no local training run ${runId}.`,
    reason: `${home} holds no folder of that name.`,
    fix: "check the run id and the home folder.",
  });
}
