import type { Clock } from "@modelops/core";
import { HubFailure } from "../hub/hub-failure.ts";
import type { HubState } from "../hub/hub-state.ts";
import { startProblem } from "./check-spec.ts";
import type { JobFlavor } from "./flavors.ts";
import {
  billedMinutes,
  DEFAULT_TIMEOUT_SECONDS,
  isTerminal,
  type Job,
  type JobSpec,
  type JobStage,
  notify,
} from "./job.ts";
import type { ContainerEnd, JobRunner } from "./job-runner.ts";

export const NO_CREDIT =
  "Pre-paid credit balance is insufficient - add more credits to your account to use Jobs.";

class Stopped extends Error {}

/** The jobs of a twin: starts, times, bills and ends them. */
export class JobsService {
  readonly hub: HubState;
  readonly flavors: readonly JobFlavor[];
  readonly #clock: Clock;
  readonly #jobs: Job[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  /** Plays or runs the jobs that are created from now on. */
  runner: JobRunner;
  hubUrl = "";

  constructor(options: {
    readonly hub: HubState;
    readonly clock: Clock;
    readonly flavors: readonly JobFlavor[];
    readonly runner: JobRunner;
  }) {
    this.hub = options.hub;
    this.#clock = options.clock;
    this.flavors = options.flavors;
    this.runner = options.runner;
  }

  /** Newest last. */
  get jobs(): readonly Job[] {
    return this.#jobs;
  }

  nowMs(): number {
    return this.#clock.now();
  }

  sleep(durationMs: number, signal: AbortSignal): Promise<void> {
    return this.#clock.sleep(durationMs, { signal });
  }

  /** Aborted when the twin closes. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  find(namespace: string, id: string): Job {
    const job = this.#jobs.find((candidate) => candidate.id === id && candidate.namespace === namespace);
    if (!job || job.stage === "DELETED") throw new HubFailure(404, "Job not found");
    return job;
  }

  create(options: {
    readonly namespace: string;
    readonly createdBy: string;
    readonly spec: JobSpec;
    readonly initiator: Job["initiator"];
  }): Job {
    const { namespace, spec } = options;
    if (this.creditLeftUsd(namespace) <= 0) throw new HubFailure(402, NO_CREDIT);
    const job: Job = {
      id: this.#newId(),
      namespace,
      createdBy: options.createdBy,
      initiator: options.initiator,
      spec,
      timeoutSeconds: spec.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS,
      createdAtMs: this.#clock.now(),
      labels: spec.labels ?? {},
      startedAtMs: null,
      finishedAtMs: null,
      stage: "SCHEDULING",
      message: null,
      cancelReason: null,
      failureCount: 0,
      logs: [],
      watchers: new Set(),
      stop: new AbortController(),
    };
    this.#jobs.push(job);
    const running = this.#run(job).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return job;
  }

  /** Cancelling an ended job changes nothing. */
  cancel(job: Job, reason: string | null = null): void {
    this.#end(job, "CANCELED", null, reason);
  }

  creditLeftUsd(namespace: string): number {
    const spent = this.#jobs
      .filter((job) => job.namespace === namespace)
      .reduce((sum, job) => sum + this.costMicroUsd(job), 0);
    return (this.hub.accounts.get(namespace)?.creditUsd ?? 100) - spent / 1e6;
  }

  costMicroUsd(job: Job): number {
    const flavor = this.flavors.find((candidate) => candidate.name === job.spec.flavor);
    return billedMinutes(job, this.#clock.now()) * (flavor?.unitCostMicroUSD ?? 0);
  }

  async close(): Promise<void> {
    this.#closing.abort(new Stopped("the twin closed"));
    for (const job of this.#jobs) job.stop.abort(new Stopped("the twin closed"));
    await Promise.allSettled([...this.#running]);
  }

  async #run(job: Job): Promise<void> {
    const problem = startProblem(job.spec);
    const attempts = job.spec.attempts ?? 1;
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const ended = problem ? { exitCode: 128, reason: "StartError" } : await this.#attempt(job);
      if (ended === null || isTerminal(job)) return;
      if (ended.exitCode === 0) {
        this.#end(job, "COMPLETED", null);
        return;
      }
      job.failureCount += 1;
      if (attempt === attempts) {
        const reason = ended.reason ?? (ended.exitCode === 137 ? "OOMKilled" : "Error");
        this.#end(job, "ERROR", `Job failed with exit code: ${ended.exitCode}. Reason: ${reason}`);
        return;
      }
      job.stage = "SCHEDULING";
      notify(job);
    }
  }

  async #attempt(job: Job): Promise<ContainerEnd | null> {
    const { signal } = job.stop;
    const stopTimer = new AbortController();
    try {
      return await this.runner({
        job,
        hub: this.hub,
        clock: this.#clock,
        hubUrl: this.hubUrl,
        signal,
        start: () => {
          if (job.stage !== "SCHEDULING" || isTerminal(job)) return;
          job.startedAtMs ??= this.#clock.now();
          job.stage = "RUNNING";
          const time = new Date(this.#clock.now()).toISOString();
          this.#log(job, `===== Job started at ${time.slice(0, 19).replace("T", " ")} =====`);
          this.#stopAtTimeout(job, stopTimer.signal);
        },
        log: (...lines) => {
          for (const line of lines) this.#log(job, line);
        },
      });
    } catch (error) {
      if (signal.aborted) return null;
      this.#log(job, error instanceof Error ? (error.stack ?? error.message) : String(error));
      return { exitCode: 1 };
    } finally {
      stopTimer.abort();
    }
  }

  #stopAtTimeout(job: Job, signal: AbortSignal): void {
    this.#clock.sleep(job.timeoutSeconds * 1000, { signal }).then(
      () => this.#end(job, "ERROR", "Job timeout"),
      () => {},
    );
  }

  #log(job: Job, data: string): void {
    if (isTerminal(job)) return;
    job.logs.push({ data, timestamp: new Date(this.#clock.now()).toISOString() });
    notify(job);
  }

  #end(job: Job, stage: JobStage, message: string | null, cancelReason: string | null = null): void {
    if (isTerminal(job)) return;
    job.stage = stage;
    job.message = message;
    job.cancelReason = cancelReason;
    job.finishedAtMs = this.#clock.now();
    notify(job);
    job.stop.abort(new Stopped(stage));
  }

  /** 24 hex characters that grow with time, as the service's ids do. */
  #newId(): string {
    const seconds = Math.floor(this.#clock.now() / 1000);
    return seconds.toString(16).padStart(8, "0") + (this.#jobs.length + 1).toString(16).padStart(16, "0");
  }
}
