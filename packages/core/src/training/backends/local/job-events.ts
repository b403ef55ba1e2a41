import type { BackendEvent, BackendJobStatus } from "../../../contract/training-backend.ts";
import { type Clock, isoTime } from "../../../time/clock.ts";
import { parseProgressLine } from "../../progress-line.ts";
import type { Attempt } from "./job-folder.ts";
import { jobNotFound, type LocalJobs } from "./local-jobs.ts";
import { LogReader } from "./read-log.ts";

const POLL_MS = 50;

/**
 * A run's story from its log files: per attempt the stage `starting`, each line, and the stage it ended with. The same
 * files always give the same indexes. Follows until the newest attempt has ended.
 */
export async function* followEvents(options: {
  readonly jobs: LocalJobs;
  readonly home: string;
  readonly runId: string;
  readonly since: number;
  readonly clock: Clock;
  readonly keepAlive: boolean;
  readonly signal?: AbortSignal;
}): AsyncGenerator<BackendEvent> {
  const { jobs, runId, clock, keepAlive, signal } = options;
  const folder = jobs.folder(runId);
  if (!(await folder.run())) throw jobNotFound(runId, options.home);
  let index = -1;
  const numbered = (time: string, body: BackendEvent["body"]): BackendEvent[] => {
    index += 1;
    return index >= options.since ? [{ index, time, body }] : [];
  };
  for (let number = 1; ; number += 1) {
    const attempt = await folder.attempt(number);
    if (!attempt) return;
    yield* numbered(attempt.startedAt, { kind: "stage", status: startingStatus(attempt) });
    const reader = new LogReader(folder.logPath(number));
    let time = attempt.startedAt;
    const body = (line: string): BackendEvent["body"] => {
      const record = parseProgressLine(line);
      if (!record) return { kind: "output", line };
      if (record.t !== undefined) time = new Date(record.t * 1000).toISOString();
      return { kind: "progress", record };
    };
    try {
      for (;;) {
        signal?.throwIfAborted();
        const current = (await folder.attempt(number)) ?? attempt;
        const end = await jobs.settle(folder, current);
        for await (const line of reader.read(end?.logBytes)) {
          const next = body(line);
          yield* numbered(time, next);
        }
        if (end) {
          for (const line of reader.rest()) {
            const next = body(line);
            yield* numbered(time, next);
          }
          yield* numbered(end.status.finishedAt ?? isoTime(clock), { kind: "stage", status: end.status });
          break;
        }
        if (clock.now() > Date.parse(attempt.startedAt) + attempt.timeoutMs)
          await jobs.stop(runId, "timeout");
        else await clock.sleep(POLL_MS, { signal, keepAlive });
      }
    } finally {
      await reader.close();
    }
  }
}

function startingStatus(attempt: Attempt): BackendJobStatus {
  return {
    stage: "starting",
    message: attempt.number > 1 ? `Attempt ${attempt.number}.` : null,
    startedAt: attempt.startedAt,
    finishedAt: null,
    costUsd: 0,
    failure: null,
  };
}
