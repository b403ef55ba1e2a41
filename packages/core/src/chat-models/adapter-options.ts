import { z } from "zod";
import type { ChatModel, ChatRequest, ChatResult } from "../contract/chat-model.ts";
import { parseOrThrow } from "../errors/from-zod.ts";
import { withRetries } from "../http/retry.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import { type ChatPrice, chatPriceSchema } from "./chat-cost.ts";
import { foreignModelError } from "./foreign-errors.ts";

/** What every adapter of another library's model takes. */
export interface ChatModelAdapterOptions {
  /** Part of cache keys and records. @default the provider's and the model's name */
  readonly id?: string;
  /** Used when the library does not say what a call cost. */
  readonly price?: ChatPrice;
  /** For one call. @default 60_000 */
  readonly timeoutMs?: number;
  /** Calls in all for one answer. @default 4 */
  readonly maxAttempts?: number;
  readonly clock?: Clock;
}

const schema = z.strictObject({
  id: z.string().min(1).optional(),
  price: chatPriceSchema.optional(),
  timeoutMs: z.number().int().positive().optional(),
  maxAttempts: z.number().int().min(1).max(20).optional(),
  clock: z.custom<Clock>((value) => typeof value === "object" && value !== null).optional(),
});

/** A model around one call of another library: time limit, retries, error mapping. */
export function adaptedModel(options: {
  readonly adapter: string;
  readonly defaultId: string;
  readonly given: ChatModelAdapterOptions;
  /** @default 4 unless the library retries by itself */
  readonly defaultAttempts?: number;
  readonly call: (
    request: ChatRequest,
    environment: {
      readonly signal: AbortSignal;
      readonly price: ChatPrice | null;
      readonly timeoutMs: number;
    },
  ) => Promise<Omit<ChatResult, "attempts">>;
}): ChatModel {
  const settings = parseOrThrow(schema, options.given, {
    code: "input/chat-model",
    subject: `The options of ${options.adapter}`,
  });
  const id = settings.id ?? options.defaultId;
  const clock = settings.clock ?? systemClock;
  const timeoutMs = settings.timeoutMs ?? 60_000;

  async function callOnce(request: ChatRequest, signal: AbortSignal | undefined) {
    const limit = AbortSignal.timeout(timeoutMs);
    const both = signal ? AbortSignal.any([signal, limit]) : limit;
    try {
      return await options.call(request, { signal: both, price: settings.price ?? null, timeoutMs });
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw foreignModelError(limit.aborted ? limit.reason : error, {
        subject: `The model ${id}`,
        request,
        nowMs: clock.now(),
      });
    }
  }

  return {
    contract: "chat-model/v1",
    id,
    async generate(request, { signal } = {}) {
      const { value, attempts } = await withRetries(
        () => callOnce(request, signal),
        {
          maxAttempts: settings.maxAttempts ?? options.defaultAttempts ?? 4,
          baseWaitMs: 500,
          maxWaitMs: 60_000,
        },
        { clock, random: Math.random, signal },
      );
      return { ...value, attempts };
    },
  };
}
