import type { Clock } from "@modelops/core";
import { isTerminal, type Job, nextChange } from "./job.ts";

const KEEP_ALIVE_MS = 30_000;

/**
 * A stream of server-sent events that writes what `read` gives, waits for the job to change, and closes once the job
 * has ended. A comment every 30 seconds keeps it alive.
 */
function eventStream(
  job: Job,
  options: { readonly clock: Clock; readonly closing: AbortSignal; readonly read: () => string },
): Response {
  const gone = new AbortController();
  const signal = AbortSignal.any([gone.signal, options.closing]);
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      const write = (text: string) => {
        if (text !== "" && !signal.aborted) controller.enqueue(encoder.encode(text));
      };
      write(": keep-alive\n\n");
      const alive = async () => {
        for (;;) {
          await options.clock.sleep(KEEP_ALIVE_MS, { signal: done.signal });
          write(": keep-alive\n\n");
        }
      };
      const done = new AbortController();
      signal.addEventListener("abort", () => done.abort(), { once: true });
      if (!isTerminal(job)) void alive().catch(() => {});
      try {
        for (;;) {
          write(options.read());
          if (isTerminal(job) || signal.aborted) break;
          await nextChange(job, signal);
        }
        write(options.read());
        controller.close();
      } catch {
        // The reader has gone.
      } finally {
        done.abort();
      }
    },
    cancel() {
      gone.abort();
    },
  });
  return new Response(body, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no" },
  });
}

/** Every log line from the start (or the last `tail`), then those to come. */
export function logStream(
  job: Job,
  options: { readonly clock: Clock; readonly closing: AbortSignal; readonly tail: number | null },
): Response {
  let next = options.tail === null ? 0 : Math.max(0, job.logs.length - options.tail);
  const read = () => {
    const lines = job.logs.slice(next);
    next = job.logs.length;
    return lines.map((line) => `data: ${JSON.stringify(line)}\n\n`).join("");
  };
  return eventStream(job, { ...options, read });
}

/** The status at each change. */
export function stageStream(
  job: Job,
  options: { readonly clock: Clock; readonly closing: AbortSignal },
): Response {
  let shown = "";
  const read = () => {
    const status = JSON.stringify({ stage: job.stage, message: job.message });
    if (status === shown) return "";
    shown = status;
    return `data: ${status}\n\n`;
  };
  return eventStream(job, { ...options, read });
}

/** One sample per change; real ones come every second. */
export function metricStream(
  job: Job,
  options: { readonly clock: Clock; readonly closing: AbortSignal },
): Response {
  const read = () =>
    `event: metric\ndata: ${JSON.stringify({
      cpu_usage_pct: 0,
      cpu_millicores: 2000,
      memory_used_bytes: 1,
      memory_total_bytes: 2,
      rx_bps: 0,
      tx_bps: 0,
      gpus: {},
      replica: "twin0",
    })}\n\n`;
  return eventStream(job, { ...options, read });
}
