import { z } from "zod";
import type { ChatRequest, ChatResult } from "../contract/chat-model.ts";
import { parseOrThrow } from "../errors/from-zod.ts";
import type { RouteDecision } from "./decision.ts";

/** What a canary would have answered to a session that the baseline served. */
export interface ShadowResult {
  readonly decision: RouteDecision;
  readonly version: string;
  readonly request: ChatRequest;
  /** What the session got. */
  readonly served: ChatResult;
  /** What the canary answered, null when it failed. */
  readonly shadow: ChatResult | null;
  readonly error: unknown;
}

export interface ShadowOptions {
  /** Share of baseline sessions that are also sent to the canary, 0 to 1. */
  readonly share: number;
  /** Shadow calls at the same time; more are dropped. Default 2. */
  readonly maxConcurrent?: number;
  /** Shadow calls per minute; more are dropped. Default 60. */
  readonly maxPerMinute?: number;
  /** Gets each result. What it throws is dropped. */
  readonly onResult: (result: ShadowResult) => void | Promise<void>;
}

const shadowSchema = z.strictObject({
  share: z.number().min(0).max(1),
  maxConcurrent: z.number().int().positive().default(2),
  maxPerMinute: z.number().int().positive().default(60),
  onResult: z.custom<ShadowOptions["onResult"]>((value) => typeof value === "function"),
});

const MINUTE_MS = 60_000;

/**
 * Sends some of the baseline's sessions to the canary as well, after they were answered. It never delays or changes a
 * reply, is not counted as an outcome, and is capped, because every shadow call costs what a real one does.
 */
export class ShadowCalls {
  readonly #options: z.output<typeof shadowSchema>;
  #running = 0;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #inWindow = 0;

  constructor(options: ShadowOptions) {
    this.#options = parseOrThrow(shadowSchema, options, {
      code: "input/shadow-options",
      subject: "The shadow options",
    });
  }

  /** Starts a shadow call when one is due. Returns at once. */
  offer(
    call: Pick<ShadowResult, "decision" | "version" | "request" | "served"> & {
      readonly ask: () => Promise<ChatResult>;
    },
  ): void {
    const { share, maxConcurrent, maxPerMinute, onResult } = this.#options;
    if (Math.random() >= share || this.#running >= maxConcurrent) return;
    const now = performance.now();
    if (now - this.#windowStartMs >= MINUTE_MS) {
      this.#windowStartMs = now;
      this.#inWindow = 0;
    }
    if (this.#inWindow >= maxPerMinute) return;
    this.#inWindow += 1;
    this.#running += 1;
    const { ask, ...rest } = call;
    void ask()
      .then(
        (shadow) => onResult({ ...rest, shadow, error: null }),
        (error: unknown) => onResult({ ...rest, shadow: null, error }),
      )
      .catch(() => {})
      .finally(() => {
        this.#running -= 1;
      });
  }
}
