import { link, mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type {
  BackendJobStatus,
  TrainingRun,
  TrainingScriptConfig,
} from "../../../contract/training-backend.ts";
import { ModelOpsError } from "../../../errors/modelops-error.ts";
import { writeFileAtomically } from "../../../files/atomic-write.ts";
import type { ProcessIdentity } from "./processes.ts";

/** One start of the script. A run that is continued after an end gets another one. */
export interface Attempt {
  readonly number: number;
  readonly startedAt: string;
  readonly timeoutMs: number;
  /** Null while the process is being started. */
  readonly process: ProcessIdentity | null;
}

/** How an attempt ended, and how much of its log counts. Written once. */
export interface AttemptEnd {
  readonly status: BackendJobStatus;
  readonly logBytes: number;
}

const RUN_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$/;

/**
 * Files of one run: `run.json`, `attempt-N.json` (process), `attempt-N.config.json` (for the script), `attempt-N.log`,
 * `attempt-N.end.json` and `output/`. Everything another process needs to find the job is here.
 */
export class JobFolder {
  readonly path: string;
  readonly runId: string;

  constructor(home: string, runId: string) {
    if (!RUN_ID.test(runId)) {
      throw new ModelOpsError({
        code: "training/run-id",
        message: `The run id ${JSON.stringify(runId).slice(0, 140)} cannot name a folder.`,
        reason: "It becomes part of a path.",
        fix: "use at most 120 letters, digits, dots, hyphens and underscores, starting with a letter or digit.",
      });
    }
    this.runId = runId;
    this.path = join(home, "training", runId);
  }

  get outputPath(): string {
    return join(this.path, "output");
  }

  get lockPath(): string {
    return join(this.path, "job.lock");
  }

  configPath(attempt: number): string {
    return join(this.path, `attempt-${attempt}.config.json`);
  }

  logPath(attempt: number): string {
    return join(this.path, `attempt-${attempt}.log`);
  }

  async create(run: TrainingRun): Promise<void> {
    await mkdir(this.path, { recursive: true });
    await writeJson(join(this.path, "run.json"), run);
  }

  async run(): Promise<TrainingRun | null> {
    return (await readJson(join(this.path, "run.json"))) as TrainingRun | null;
  }

  async writeConfig(attempt: number, config: TrainingScriptConfig): Promise<void> {
    await writeJson(this.configPath(attempt), config);
  }

  async attempt(number: number): Promise<Attempt | null> {
    return (await readJson(join(this.path, `attempt-${number}.json`))) as Attempt | null;
  }

  async writeAttempt(attempt: Attempt): Promise<void> {
    await writeJson(join(this.path, `attempt-${attempt.number}.json`), attempt);
  }

  /** The newest attempt; null when there was none. */
  async latestAttempt(): Promise<Attempt | null> {
    let latest: Attempt | null = null;
    for (let number = 1; ; number += 1) {
      const attempt = await this.attempt(number);
      if (!attempt) return latest;
      latest = attempt;
    }
  }

  async end(attempt: number): Promise<AttemptEnd | null> {
    return (await readJson(this.#endPath(attempt))) as AttemptEnd | null;
  }

  /** Writes how an attempt ended; when two processes see the end at once, the first one's account stands. */
  async writeEnd(attempt: number, end: AttemptEnd): Promise<AttemptEnd> {
    const draft = `${this.#endPath(attempt)}.${process.pid}-${Math.random().toString(36).slice(2)}`;
    await writeJson(draft, end);
    try {
      await link(draft, this.#endPath(attempt));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    } finally {
      await rm(draft, { force: true });
    }
    return (await this.end(attempt)) ?? end;
  }

  async logBytes(attempt: number): Promise<number> {
    return await stat(this.logPath(attempt)).then(
      (found) => found.size,
      () => 0,
    );
  }

  /** Remembers that somebody asked for the end, so that the end is read as a cancellation. */
  async markStopRequested(attempt: number, why: "cancel" | "timeout"): Promise<void> {
    await writeJson(join(this.path, `attempt-${attempt}.stop.json`), { why });
  }

  async stopRequested(attempt: number): Promise<"cancel" | "timeout" | null> {
    const value = (await readJson(join(this.path, `attempt-${attempt}.stop.json`))) as {
      why?: string;
    } | null;
    return value?.why === "cancel" || value?.why === "timeout" ? value.why : null;
  }

  #endPath(attempt: number): string {
    return join(this.path, `attempt-${attempt}.end.json`);
  }
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(value, null, 2)}\n`);
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new ModelOpsError({
      code: "training/job-folder",
      message: `The job file ${path} cannot be read.`,
      reason: error instanceof Error ? error.message : String(error),
      fix: "restore it, or start the run under a new run id.",
      cause: error,
    });
  }
}
