import type { FaultRule } from "./faults/fault-script.ts";
import { hubFaults } from "./jobs/fault-presets.ts";

interface RepeatOptions {
  /** How often it happens. @default without end */
  readonly times?: number;
}

const reply = (
  name: string,
  route: string,
  status: number,
  body: unknown,
  options: RepeatOptions & { readonly headers?: Readonly<Record<string, string>> } = {},
): FaultRule => ({
  name,
  route,
  ...(options.times !== undefined && { times: options.times }),
  fault: { kind: "reply", status, body, ...(options.headers && { headers: options.headers }) },
});

/**
 * What goes wrong, by name, over all services: `twins.faults.add(...faultPresets.outOfCredits())`. The Hub's own are in
 * `hubFaults`; how a job ends, such as out of memory, is in `jobEndings`.
 */
export const faultPresets = {
  ...hubFaults,
  /** Chat completions are refused for lack of credit. */
  chatOutOfCredits: (options: RepeatOptions = {}): readonly FaultRule[] => [
    reply(
      "chatOutOfCredits",
      "POST /api/v1/chat/completions",
      402,
      {
        error: { code: 402, message: "Insufficient credits.", metadata: { error_type: "payment_required" } },
      },
      options,
    ),
  ],
  /** Chat completions are rate limited, with the time to wait. */
  chatRateLimited: (options: RepeatOptions & { readonly seconds?: number } = {}): readonly FaultRule[] =>
    ["POST /api/v1/chat/completions", "POST /v1/chat/completions", "POST /serve/*/v1/chat/completions"].map(
      (route) =>
        reply(
          "chatRateLimited",
          route,
          429,
          { error: { code: 429, message: "Rate limit exceeded", type: "requests" } },
          { ...options, headers: { "retry-after": String(options.seconds ?? 20) } },
        ),
    ),
  /** The container behind an endpoint is up but answers nothing useful. */
  endpointFailed: (options: RepeatOptions = {}): readonly FaultRule[] => [
    reply("endpointFailed", "POST /serve/*/v1/**", 502, { error: "Bad Gateway" }, options),
  ],
  /** An endpoint is created, but its caller is not told. */
  createReplyLost: (): readonly FaultRule[] => [
    { name: "createReplyLost", route: "POST /v2/endpoint/*", nth: 1, fault: { kind: "lose-reply" } },
  ],
  /** The weights of a finished training are not in its repository. */
  artifactMissing: (): readonly FaultRule[] =>
    ["GET", "HEAD"].map((method) => ({
      name: "artifactMissing",
      route: `${method} /**`,
      when: ({ path }) => /\.safetensors$/.test(path),
      fault: {
        kind: "reply" as const,
        status: 404,
        headers: { "x-error-code": "EntryNotFound" },
        body: { error: "Entry not found" },
      },
    })),
  /** LangSmith does not say what it can do: clients wait a minute before they send. */
  langSmithInfoDown: (options: RepeatOptions = {}): readonly FaultRule[] => [
    reply("langSmithInfoDown", "GET /info", 503, { detail: "Service Unavailable" }, options),
  ],
  /** Runs are refused for a while. */
  tracesRateLimited: (options: RepeatOptions = {}): readonly FaultRule[] => [
    reply(
      "tracesRateLimited",
      "POST /runs/multipart",
      429,
      { detail: "Rate limit exceeded" },
      {
        ...options,
        headers: { "retry-after": "1" },
      },
    ),
  ],
} as const;
