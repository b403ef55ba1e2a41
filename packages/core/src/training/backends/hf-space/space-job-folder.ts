import { createHash } from "node:crypto";
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { BackendEvent, TrainingRun } from "../../../contract/training-backend.ts";
import { ModelOpsError } from "../../../errors/modelops-error.ts";
import { writeFileAtomically } from "../../../files/atomic-write.ts";
import { withFileLock } from "../../../files/file-lock.ts";

const LOCK_TIMEOUT_MS = 10 * 60_000;

const runFileSchema = z.object({
  attempt: z.int().positive(),
  /** Name the job was asked for with; the Space makes its id of it and of the second. */
  name: z.string(),
  requestedAt: z.string(),
  /** Null while the answer to the request is open. */
  jobId: z.string().nullable(),
});

/** Which job of the Space a run has. */
export type SpaceRunFile = z.infer<typeof runFileSchema>;

const jobFileSchema = z.object({
  jobId: z.string(),
  baseModel: z.string(),
  baseModelRevision: z.string().nullable(),
  submittedAt: z.string(),
  timeoutMs: z.number(),
  /** Since when the Space has not answered for itself. */
  asleepSince: z.string().nullable(),
});

/** What is known of a job beside its story. */
export type SpaceJobFile = z.infer<typeof jobFileSchema>;

/**
 * What the Space does not keep: which job a run has, and how each job went. One story per job, written under a lock, so
 * that every follower in every process of this machine reads the same.
 */
export class SpaceJobFolder {
  readonly #path: string;

  constructor(home: string, spaceUrl: string) {
    const space = new URL(spaceUrl).host.replaceAll(/[^A-Za-z0-9.-]/g, "-");
    this.#path = join(home, "space-jobs", space);
  }

  async lockRun<Result>(runId: string, action: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    return await this.#locked(join(this.#path, "runs", `${digest(runId)}.lock`), action, signal);
  }

  async run(runId: string): Promise<SpaceRunFile | null> {
    return await readRecord(this.#runPath(runId), runFileSchema);
  }

  async writeRun(runId: string, run: SpaceRunFile): Promise<void> {
    await mkdir(join(this.#path, "runs"), { recursive: true });
    await writeFileAtomically(this.#runPath(runId), `${JSON.stringify(run)}\n`);
  }

  async lockJob<Result>(jobId: string, action: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    await this.job(jobId);
    return await this.#locked(join(this.#jobPath(jobId), "job.lock"), action, signal);
  }

  /** @throws ModelOpsError `training/job-not-found` */
  async job(jobId: string): Promise<SpaceJobFile> {
    const found = await readRecord(join(this.#jobPath(jobId), "job.json"), jobFileSchema);
    if (found) return found;
    throw new ModelOpsError({
      code: "training/job-not-found",
      message: `No job ${JSON.stringify(jobId).slice(0, 140)} of this Space was started from here.`,
      fix: "use the home folder that the job was started with: the Space keeps no list.",
    });
  }

  async createJob(run: TrainingRun, jobId: string, submittedAt: string): Promise<void> {
    await mkdir(this.#jobPath(jobId), { recursive: true });
    const { baseModel, baseModelRevision, timeoutMs } = run;
    await this.writeJob({ jobId, baseModel, baseModelRevision, submittedAt, timeoutMs, asleepSince: null });
  }

  async writeJob(job: SpaceJobFile): Promise<void> {
    await writeFileAtomically(join(this.#jobPath(job.jobId), "job.json"), `${JSON.stringify(job)}\n`);
  }

  async events(jobId: string): Promise<readonly BackendEvent[]> {
    const text = await readText(join(this.#jobPath(jobId), "events.jsonl"));
    // A line without its end was being written when the process died; it is written again.
    const lines = (text ?? "").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as BackendEvent);
  }

  /** Only under the job's lock. */
  async append(jobId: string, events: readonly BackendEvent[]): Promise<void> {
    if (events.length === 0) return;
    const path = join(this.#jobPath(jobId), "events.jsonl");
    const text = (await readText(path)) ?? "";
    const lines = events.map((event) => `${JSON.stringify(event)}\n`).join("");
    if (text === "" || text.endsWith("\n")) await appendFile(path, lines, { flush: true });
    else await writeFileAtomically(path, text.slice(0, text.lastIndexOf("\n") + 1) + lines);
  }

  async #locked<Result>(path: string, action: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    return await withFileLock({ path, timeoutMs: LOCK_TIMEOUT_MS, ...(signal ? { signal } : {}) }, action);
  }

  #runPath(runId: string): string {
    return join(this.#path, "runs", `${digest(runId)}.json`);
  }

  /** The Space's id becomes no path: it is a stranger's text. */
  #jobPath(jobId: string): string {
    return join(this.#path, "jobs", digest(jobId));
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

async function readRecord<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
): Promise<z.output<Schema> | null> {
  const text = await readText(path);
  if (text === null) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new ModelOpsError({
      code: "training/job-folder",
      message: `The file ${path} cannot be read.`,
      fix: "restore it, or start the run under a new run id.",
      cause,
    });
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
