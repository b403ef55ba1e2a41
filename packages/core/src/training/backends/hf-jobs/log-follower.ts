import { createParser } from "eventsource-parser";
import { z } from "zod";
import { ModelOpsError } from "../../../errors/modelops-error.ts";
import type { Clock } from "../../../time/clock.ts";
import { hasEnded, hasStarted, type WireJob } from "./job-wire.ts";
import type { JobsClient } from "./jobs-client.ts";

/** One line of a job's log, as the service stamped it. */
export interface LogEntry {
  readonly data: string;
  readonly timestamp: string;
}

const entrySchema = z.looseObject({ data: z.string(), timestamp: z.string() });
const MAX_SILENT_FAILURES = 5;
const FIRST_WAIT_MS = 1000;
const MAX_WAIT_MS = 10_000;
const SCHEDULING_POLL_MS = 2000;

export interface LogFollowerOptions {
  readonly client: JobsClient;
  readonly jobId: string;
  readonly clock: Clock;
  readonly keepAlive: boolean;
  readonly silenceMs: number;
  readonly signal?: AbortSignal;
  /** Told of each state that was read on the way. May end the job. */
  readonly onJob?: (job: WireJob) => Promise<void>;
}

/**
 * Every line of a job's log, each once, until the job has ended: a new connection replays the log, so what was
 * delivered is skipped. The end of a stream means nothing; only a terminal stage ends it, and then the log is read
 * once more to its end, since a cut and the job's end look alike. Returns the job as it ended.
 */
export async function* followLog(options: LogFollowerOptions): AsyncGenerator<LogEntry, WireJob> {
  const { client, jobId, clock, keepAlive, signal } = options;
  const position = new ReplayPosition();
  let failures = 0;
  for (;;) {
    signal?.throwIfAborted();
    const job = await client.get(jobId, signal);
    await options.onJob?.(job);
    const isLastRead = hasEnded(job);
    if (!isLastRead && !hasStarted(job)) {
      // A log that is opened before the job runs may hang or end at once.
      await clock.sleep(SCHEDULING_POLL_MS, { signal, keepAlive });
      continue;
    }
    position.rewind();
    let isProgress = false;
    let isComplete = false;
    try {
      for await (const entry of readLogStream(options)) {
        if (!position.isNew(entry)) continue;
        isProgress = true;
        yield entry;
      }
      isComplete = true;
    } catch (error) {
      signal?.throwIfAborted();
      if (ModelOpsError.isInstance(error) && !error.isRetryable) throw error;
    }
    failures = isProgress || isComplete ? 0 : failures + 1;
    if (isLastRead && (isComplete || failures >= MAX_SILENT_FAILURES)) return job;
    if (isLastRead || isProgress) await clock.sleep(isComplete ? 0 : FIRST_WAIT_MS, { signal, keepAlive });
    else await clock.sleep(Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** failures), { signal, keepAlive });
  }
}

/** The last lines of a log, in one attempt; what cannot be read is left out. */
export async function readLogTail(
  client: JobsClient,
  jobId: string,
  options: { readonly lines: number; readonly silenceMs: number; readonly signal?: AbortSignal },
): Promise<readonly LogEntry[]> {
  const entries: LogEntry[] = [];
  try {
    const stream = readLogStream({ client, jobId, keepAlive: true, tail: options.lines, ...options });
    for await (const entry of stream) entries.push(entry);
  } catch {
    options.signal?.throwIfAborted();
  }
  return entries;
}

/** One connection. Ends when the server closes it, rejects when it breaks or falls silent. */
async function* readLogStream(options: {
  readonly client: JobsClient;
  readonly jobId: string;
  readonly keepAlive: boolean;
  readonly silenceMs: number;
  readonly tail?: number;
  readonly signal?: AbortSignal;
}): AsyncGenerator<LogEntry> {
  const connection = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, connection.signal]) : connection.signal;
  // A timer of its own, by the machine's time: silence is a property of the connection.
  const timer = setTimeout(
    () => connection.abort(new Error("the log stream fell silent")),
    options.silenceMs,
  );
  if (!options.keepAlive) timer.unref();
  try {
    const response = await options.client.openLog(options.jobId, { signal, tail: options.tail });
    let ready: LogEntry[] = [];
    const parser = createParser({
      onEvent: ({ data }) => {
        const entry = parseEntry(data);
        if (entry) ready.push(entry);
      },
    });
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      timer.refresh();
      parser.feed(decoder.decode(chunk, { stream: true }));
      const entries = ready;
      ready = [];
      yield* entries;
    }
  } finally {
    clearTimeout(timer);
    connection.abort();
  }
}

function parseEntry(data: string): LogEntry | null {
  try {
    return entrySchema.parse(JSON.parse(data));
  } catch {
    // A frame that is no log line (a cut one, or an error page) says nothing.
    return null;
  }
}

/** Knows which entries of a replay were delivered before. */
class ReplayPosition {
  #first: LogEntry | null = null;
  #last: LogEntry | null = null;
  #delivered = 0;
  #seen = 0;
  #isShortened = false;
  #isPast = false;

  /** Another connection replays from the start. */
  rewind(): void {
    this.#seen = 0;
    this.#isShortened = false;
    this.#isPast = false;
  }

  isNew(entry: LogEntry): boolean {
    this.#seen += 1;
    if (this.#first === null) this.#first = entry;
    else if (this.#seen === 1) this.#isShortened = !isSame(entry, this.#first);
    const isNew = this.#isShortened ? this.#isAfterLast(entry) : this.#seen > this.#delivered;
    if (isNew) {
      this.#delivered += 1;
      this.#last = entry;
    }
    return isNew;
  }

  /** The server has dropped the log's beginning: go on behind the last line, or at the first later one. */
  #isAfterLast(entry: LogEntry): boolean {
    if (this.#isPast) return true;
    const last = this.#last;
    if (last !== null && isSame(entry, last)) {
      this.#isPast = true;
      return false;
    }
    this.#isPast = last === null || entry.timestamp > last.timestamp;
    return this.#isPast;
  }
}

function isSame(first: LogEntry, second: LogEntry): boolean {
  return first.data === second.data && first.timestamp === second.timestamp;
}
