import type {
  BackendJobStatus,
  HardwareOffer,
  TrainingFailure,
  TrainingProgressRecord,
} from "../../../contract/training-backend.ts";
import { describeFailure } from "../../diagnosis.ts";
import { parseProgressLine } from "../../progress-line.ts";
import type { WireJob } from "./job-wire.ts";
import type { LogEntry } from "./log-follower.ts";

const SHOWN_LINES = 5;

/** What a job's end says by itself. `log` holds its last lines, for jobs that failed. */
export function toStatus(
  job: WireJob,
  options: {
    readonly hardware: HardwareOffer | null;
    readonly nowMs: number;
    readonly schedulingTimeoutMs: number;
    readonly log: readonly LogEntry[];
  },
): BackendJobStatus {
  const { stage, message = null } = job.status;
  const common = {
    message,
    startedAt: job.startedAt ?? null,
    finishedAt: job.finishedAt ?? null,
    costUsd: costUsd(job, options.hardware, options.nowMs),
  };
  const failed = (failure: TrainingFailure): BackendJobStatus => ({
    ...common,
    stage: "failed",
    message: failure.message,
    failure,
  });
  switch (stage) {
    case "SCHEDULING":
      return { ...common, stage: "queued", failure: null };
    case "COMPLETED":
      return { ...common, stage: "completed", failure: null };
    case "ERROR":
      return failed(readFailure(job, options.log));
    case "DELETED":
      return failed({
        diagnosis: "deleted",
        message: "The job was deleted on the service.",
        fix: "start the run again.",
      });
    case "CANCELED": {
      const failure = cancelFailure(job, options.schedulingTimeoutMs);
      return failure ? failed(failure) : { ...common, stage: "cancelled", failure: null };
    }
    default:
      // RUNNING, and stages that this version does not know: only a terminal stage ends a job.
      return { ...common, stage: "running", failure: null };
  }
}

/** Every started minute from the start on; null when the price of the hardware is not known. */
function costUsd(job: WireJob, hardware: HardwareOffer | null, nowMs: number): number | null {
  if (!job.startedAt) return 0;
  if (!hardware) return null;
  const endMs = job.finishedAt ? Date.parse(job.finishedAt) : nowMs;
  const minutes = Math.ceil(Math.max(0, endMs - Date.parse(job.startedAt)) / 60_000);
  return Number(((minutes * hardware.costUsdPerHour) / 60).toFixed(6));
}

/** Whether a job has waited for a machine for longer than it may. */
export function isOverdue(
  job: WireJob,
  options: { readonly nowMs: number; readonly schedulingTimeoutMs: number },
): boolean {
  if (job.status.stage !== "SCHEDULING" || job.startedAt) return false;
  return options.nowMs - Date.parse(job.createdAt) >= options.schedulingTimeoutMs;
}

function cancelFailure(job: WireJob, schedulingTimeoutMs: number): TrainingFailure | null {
  const reason = job.status.cancelReason ?? null;
  if (reason === "NO_CREDITS") {
    return {
      diagnosis: "no_credits",
      message: "The service stopped the job: the credit of the account was used up.",
      fix: "add credit to the account (or use a namespace that has some), then start the run again.",
    };
  }
  if (reason !== null && reason !== "") {
    return {
      diagnosis: reason.toLowerCase(),
      message: `The service stopped the job: ${reason}.`,
      fix: "look at the job's page and at the billing settings of the namespace.",
    };
  }
  const waitedMs = Date.parse(job.finishedAt ?? "") - Date.parse(job.createdAt);
  if (job.startedAt || !(waitedMs >= schedulingTimeoutMs)) return null;
  const minutes = Math.round(waitedMs / 60_000);
  return {
    diagnosis: "not_scheduled",
    message: `The job waited ${minutes} minutes for ${job.flavor ?? "its hardware"} and was cancelled. Nothing was billed.`,
    fix: "choose other hardware, name fallbackHardware, or raise schedulingTimeoutMs.",
  };
}

function readFailure(job: WireJob, log: readonly LogEntry[]): TrainingFailure {
  const message = job.status.message ?? "";
  if (/job timeout/i.test(message)) {
    const minutes = job.timeout ? ` of ${Math.round(job.timeout / 60)} minutes` : "";
    return {
      diagnosis: "timeout",
      message: `The job reached its time limit${minutes} and was stopped.`,
      fix: "start the same run again with a larger timeoutMs: it goes on from the last checkpoint that was pushed (last-checkpoint in its repository).",
    };
  }
  // The script's own account counts more than the exit code.
  const said = lastRecord(log);
  if (said?.kind === "error") {
    const error = (said.error ?? {}) as { readonly diagnosis?: unknown; readonly message?: unknown };
    const text = typeof error.message === "string" ? error.message : message;
    return describeFailure(typeof error.diagnosis === "string" ? error.diagnosis : "unknown", text);
  }
  const [, code = null, reason = null] = /exit code: (\d+)(?:\. Reason: (\w+))?/.exec(message) ?? [];
  const words = lastWords(log);
  if (reason === "OOMKilled" || code === "137") {
    return {
      ...describeFailure(
        "out_of_memory",
        `The job's machine ran out of memory (exit code ${code}, ${reason ?? "killed"}).${words}`,
      ),
    };
  }
  if (code === "125" || code === "126" || code === "127" || code === "128") {
    return {
      diagnosis: "start_error",
      message: `The job's command could not be started (exit code ${code}).${words}`,
      fix: "check that the image holds uv and a shell: the default one does.",
    };
  }
  return {
    diagnosis: "no_report",
    message: `${message || "The job failed without a message"}.${words}`.replace("..", "."),
    fix: "read its last words and its log; start the run again when the cause is gone.",
  };
}

function lastRecord(log: readonly LogEntry[]): TrainingProgressRecord | null {
  for (const entry of [...log].reverse()) {
    const record = parseProgressLine(entry.data.slice(Math.max(0, entry.data.indexOf("@@modelops "))));
    if (record) return record;
  }
  return null;
}

function lastWords(log: readonly LogEntry[]): string {
  const lines = log
    .map((entry) => entry.data.trim())
    .filter((line) => line !== "" && !line.startsWith("====="));
  return lines.length === 0 ? "" : ` Its last words: ${lines.slice(-SHOWN_LINES).join(" | ").slice(0, 1000)}`;
}
