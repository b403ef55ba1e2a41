import { z } from "zod";
import { parseOrThrow } from "../../errors/from-zod.ts";
import type { CanaryReading } from "../../statistics/sequential/canary-reading.ts";
import { type WatchedOutcomes, watchedOutcomesSchema } from "./sourced-outcomes.ts";

export interface WatchOptions {
  readonly agent: string;
  /** How often to look. Default 1000 ms. */
  readonly everyMs?: number;
  /** A second source of outcomes, such as `langSmithOutcomes()`, and the guardrails that it alone feeds. */
  readonly outcomes?: WatchedOutcomes;
  /** Called after each look by the process that acts. */
  readonly onReading?: (reading: CanaryReading) => void;
  readonly signal?: AbortSignal;
}

const optionsSchema = z.strictObject({
  agent: z.string(),
  everyMs: z.number().int().positive().default(1000),
  outcomes: watchedOutcomesSchema.optional(),
  onReading: z.custom<(reading: CanaryReading) => void>((value) => typeof value === "function").optional(),
  signal: z.instanceof(AbortSignal).optional(),
});
export type WatchSettings = z.output<typeof optionsSchema>;

/** Error: `input/watch-options`. */
export function compileWatchOptions(options: WatchOptions): WatchSettings {
  return parseOrThrow(optionsSchema, options, {
    code: "input/watch-options",
    subject: "The options of watch",
  });
}
