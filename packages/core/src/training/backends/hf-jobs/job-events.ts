import type { BackendEvent, BackendJobStatus } from "../../../contract/training-backend.ts";
import { redact } from "../../../http/redact.ts";
import { LogLineSplitter } from "../../log-lines.ts";
import { parseProgressLine } from "../../progress-line.ts";
import type { WireJob } from "./job-wire.ts";
import type { LogEntry } from "./log-follower.ts";

/** The platform's own lines; it repeats them when it moves a job. */
const BANNER = /^===== Job (started|finished)\b.*$/;

/**
 * A job's story: the stage `queued`, the stage `running` once it runs, each line, and the stage it ended with. The same
 * job always gives the same indexes, whenever and however often it is followed.
 */
export async function* jobEvents(options: {
  readonly created: WireJob;
  readonly entries: AsyncGenerator<LogEntry, WireJob>;
  readonly since: number;
  readonly secrets: readonly string[];
  readonly finalStatus: (job: WireJob) => Promise<BackendJobStatus>;
}): AsyncGenerator<BackendEvent> {
  const { created, entries, since, secrets } = options;
  let index = -1;
  const numbered = (time: string, body: BackendEvent["body"]): BackendEvent[] => {
    index += 1;
    return index >= since ? [{ index, time, body }] : [];
  };
  yield* numbered(created.createdAt, { kind: "stage", status: stageStatus("queued", null) });
  let hasBegun = false;
  const begin = (startedAt: string): BackendEvent[] => {
    if (hasBegun) return [];
    hasBegun = true;
    return numbered(startedAt, { kind: "stage", status: stageStatus("running", startedAt) });
  };
  for (;;) {
    const next = await entries.next();
    if (next.done) {
      const job = next.value;
      if (job.startedAt) yield* begin(job.startedAt);
      const status = await options.finalStatus(job);
      yield* numbered(status.finishedAt ?? job.createdAt, { kind: "stage", status });
      return;
    }
    const entry = next.value;
    yield* begin(entry.timestamp);
    if (BANNER.test(entry.data)) continue;
    // An entry is a line already; progress bars and long lines inside it are treated as everywhere.
    for (const line of new LogLineSplitter().push(Buffer.from(`${entry.data}\n`))) {
      const safe = redact(line, secrets);
      const record = parseProgressLine(safe);
      yield* numbered(
        entry.timestamp,
        record ? { kind: "progress", record } : { kind: "output", line: safe },
      );
    }
  }
}

function stageStatus(stage: "queued" | "running", startedAt: string | null): BackendJobStatus {
  return {
    stage,
    message: null,
    startedAt,
    finishedAt: null,
    costUsd: stage === "queued" ? 0 : null,
    failure: null,
  };
}
