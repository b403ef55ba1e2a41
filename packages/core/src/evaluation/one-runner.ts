import { hostname } from "node:os";
import { join } from "node:path";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { type FileLock, tryFileLock } from "../files/file-lock.ts";
import type { Runtime } from "../runtime.ts";
import { isoTime } from "../time/clock.ts";
import type { EvaluationOwner, EvaluationRecord, EvaluationRecords } from "./evaluation-records.ts";

/** Two that try in the same instant may refuse each other: both try again, at different times. */
const SECOND_TRY_WITHIN_MS = 50;

/**
 * Takes the right to run an evaluation: two runners would ask, and pay, for the same answers. The kernel gives the
 * lock back when its process dies, so that a resume after kill -9 waits for nothing.
 * @throws ModelOpsError `evaluation/in-progress`
 */
export async function holdEvaluation(
  { home }: Pick<Runtime, "home">,
  records: EvaluationRecords,
  { agent, evaluationId }: { readonly agent: string; readonly evaluationId: string },
): Promise<FileLock> {
  const path = join(home, "evaluation", "locks", agent, `${encodeURIComponent(evaluationId)}.lock`);
  let lock: FileLock | null;
  try {
    lock = tryFileLock(path) ?? (await secondTry(path));
  } catch (error) {
    if (!ModelOpsError.isInstance(error) || error.code !== "storage/no-sqlite") throw error;
    // Such a host has a store of its own, where the count of starts still lets only the latest one go on.
    return { release() {} };
  }
  if (lock) return lock;
  throw inProgress(agent, evaluationId, await records.find(agent, evaluationId));
}

async function secondTry(path: string): Promise<FileLock | null> {
  await new Promise((resolve) => setTimeout(resolve, Math.random() * SECOND_TRY_WITHIN_MS));
  return tryFileLock(path);
}

export function ownerFromNow({ clock }: Pick<Runtime, "clock">): EvaluationOwner {
  return { pid: process.pid, hostname: hostname(), since: isoTime(clock) };
}

export function inProgress(
  agent: string,
  evaluationId: string,
  record: Pick<EvaluationRecord, "owner"> | null,
): ModelOpsError {
  const owner = record?.owner ?? null;
  return new ModelOpsError({
    code: "evaluation/in-progress",
    message: `Evaluation ${evaluationId} of ${agent} is being run.`,
    reason: `${owner ? ownerName(owner) : "Another process"} works on it; a second runner would pay for its answers again.`,
    fix: "wait for it to end (its report is then in report(evaluationId, …)), or stop that process and resume.",
    isRetryable: true,
    details: { evaluationId, owner },
  });
}

function ownerName({ pid, hostname: host, since }: EvaluationOwner): string {
  if (pid === process.pid && host === hostname()) return `This process (${pid}, since ${since})`;
  return `Process ${pid} on ${host} (since ${since})`;
}
