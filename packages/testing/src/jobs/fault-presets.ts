import type { FaultRule } from "../faults/fault-script.ts";
import { NO_CREDIT } from "./jobs-service.ts";
import type { JobStep } from "./scripted-runner.ts";

/** What goes wrong with the Hub and with Jobs, by name: `twin.faults.add(...hubFaults.outOfCredits())`. */
export const hubFaults = {
  /** Jobs are refused for lack of credit. */
  outOfCredits: (): readonly FaultRule[] => [
    {
      name: "outOfCredits",
      route: "POST /api/jobs/*",
      fault: { kind: "reply", status: 402, body: { error: NO_CREDIT } },
    },
  ],
  /** A route answers 429 so many times, asking for a pause. */
  rateLimited: (
    route: string,
    options: { readonly times?: number; readonly seconds?: number } = {},
  ): readonly FaultRule[] => [
    {
      name: "rateLimited",
      route,
      times: options.times ?? 1,
      fault: {
        kind: "reply",
        status: 429,
        headers: {
          ratelimit: `"api";r=0;t=${options.seconds ?? 55}`,
          "ratelimit-policy": '"fixed window";"api";q=1000;w=300',
        },
        body: { error: "We had to rate limit you. Please wait before you retry." },
      },
    },
  ],
  /** The log stream is cut so many times, each time a little further on. */
  logStreamCut: (
    options: { readonly times?: number; readonly bytesMore?: number } = {},
  ): readonly FaultRule[] =>
    Array.from({ length: options.times ?? 1 }, (_, index) => ({
      name: "logStreamCut",
      route: "GET /api/jobs/*/*/logs",
      nth: index + 1,
      fault: { kind: "cut" as const, afterBytes: 150 + index * (options.bytesMore ?? 480) },
    })),
  /** The log stream is opened and then says nothing. */
  logStreamSilent: (): readonly FaultRule[] => [
    { name: "logStreamSilent", route: "GET /api/jobs/*/*/logs", nth: 1, fault: { kind: "hang" } },
  ],
  /** The job is started, but its caller is not told. */
  submitReplyLost: (): readonly FaultRule[] => [
    { name: "submitReplyLost", route: "POST /api/jobs/*", nth: 1, fault: { kind: "lose-reply" } },
  ],
  /** Repository info is down. */
  infoDown: (): readonly FaultRule[] =>
    ["model", "dataset", "space"].map((type) => ({
      name: "infoDown",
      route: `GET /api/${type}s/**`,
      fault: { kind: "reply" as const, status: 503, body: { error: "Service Unavailable" } },
    })),
} as const;

/** Ends of a scripted job, by name. */
export const jobEndings = {
  oomKilled: (): JobStep => ({ exit: 137, reason: "OOMKilled" }),
  failed: (exitCode = 1): JobStep => ({ exit: exitCode, reason: "Error" }),
} as const;
