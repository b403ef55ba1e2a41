import type {
  BackendJobStatus,
  TrainingFailure,
  TrainingProgressRecord,
} from "../../../contract/training-backend.ts";
import { describeFailure } from "../../diagnosis.ts";
import { parseProgressLine } from "../../progress-line.ts";
import type { Attempt, JobFolder } from "./job-folder.ts";
import { LogReader } from "./read-log.ts";

const SHOWN_LINES = 5;

/** What the process itself said when it ended, as far as somebody was there to hear it. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** Reads from an attempt's log how it ended. The script's own last word counts more than the exit code. */
export async function readOutcome(
  folder: JobFolder,
  attempt: Attempt,
  options: { readonly processEnd: ProcessEnd | null; readonly finishedAt: string; readonly logBytes: number },
): Promise<BackendJobStatus> {
  const { last, output } = await lastWords(folder, attempt.number, options.logBytes);
  const stopped = await folder.stopRequested(attempt.number);
  const common = { startedAt: attempt.startedAt, finishedAt: options.finishedAt, costUsd: 0 };
  if (last?.kind === "result") return { ...common, stage: "completed", message: null, failure: null };
  if (stopped === "timeout") return { ...common, ...failed(timeoutFailure(attempt)) };
  if (stopped === "cancel")
    return { ...common, stage: "cancelled", message: "It was cancelled.", failure: null };
  if (last?.kind === "interrupted") {
    const message =
      last.reason === "parent_exited"
        ? "The process that started it ended."
        : `It got ${String(last.reason)}.`;
    return { ...common, stage: "cancelled", message, failure: null };
  }
  if (last?.kind === "error") return { ...common, ...failed(reportedFailure(last)) };
  return { ...common, ...failed(silentFailure(options.processEnd, output)) };
}

async function lastWords(
  folder: JobFolder,
  attempt: number,
  logBytes: number,
): Promise<{ readonly last: TrainingProgressRecord | null; readonly output: readonly string[] }> {
  const reader = new LogReader(folder.logPath(attempt));
  let last: TrainingProgressRecord | null = null;
  const output: string[] = [];
  const take = (line: string) => {
    const record = parseProgressLine(line);
    if (record) {
      last = record;
      return;
    }
    output.push(line.trim());
    if (output.length > SHOWN_LINES) output.shift();
  };
  try {
    for await (const line of reader.read(logBytes)) take(line);
    for (const line of reader.rest()) take(line);
  } finally {
    await reader.close();
  }
  return { last, output };
}

function failed(failure: TrainingFailure): Pick<BackendJobStatus, "stage" | "message" | "failure"> {
  return { stage: "failed", message: failure.message, failure };
}

function reportedFailure(record: TrainingProgressRecord): TrainingFailure {
  const error = (record.error ?? {}) as { readonly diagnosis?: unknown; readonly message?: unknown };
  const diagnosis = typeof error.diagnosis === "string" ? error.diagnosis : "unknown";
  const message =
    typeof error.message === "string" ? error.message : "The training script failed without a message.";
  return describeFailure(diagnosis, message);
}

function timeoutFailure(attempt: Attempt): TrainingFailure {
  const minutes = Math.round(attempt.timeoutMs / 60_000);
  return describeFailure("timeout", `The run did not end within its ${minutes} minutes and was stopped.`);
}

function silentFailure(end: ProcessEnd | null, output: readonly string[]): TrainingFailure {
  const how = !end
    ? "without a report while nobody watched"
    : end.signal
      ? `by the signal ${end.signal}`
      : `with exit code ${end.exitCode}`;
  const words = output.length > 0 ? ` Its last words: ${output.join(" | ").slice(0, 1000)}` : "";
  const diagnosis = end?.signal === "SIGKILL" || !end ? "killed" : "no_report";
  return describeFailure(diagnosis, `The training process ended ${how}.${words}`);
}
