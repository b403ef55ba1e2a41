import { z } from "zod";
import type { ChatUsage } from "../contract/chat-model.ts";

/** What a model charges, in US dollars per million tokens. */
export interface ChatPrice {
  readonly inputUsdPerMillionTokens: number;
  readonly outputUsdPerMillionTokens: number;
}

/** `input · price_in + output · price_out`, null when a token count or the price is unknown. */
export function costFromPrice(usage: ChatUsage, price: ChatPrice | null): number | null {
  if (price === null || usage.inputTokens === null || usage.outputTokens === null) return null;
  return (
    (usage.inputTokens * price.inputUsdPerMillionTokens +
      usage.outputTokens * price.outputUsdPerMillionTokens) /
    1e6
  );
}

/** Reads a cost a server sent as a number or a decimal string. Null when it is neither, negative or not finite. */
export function costFromWire(value: unknown): number | null {
  if (typeof value === "string" && !/^\s*\d+(\.\d+)?(e[+-]?\d+)?\s*$/i.test(value)) return null;
  if (typeof value !== "number" && typeof value !== "string") return null;
  const cost = Number(value);
  return Number.isFinite(cost) && cost >= 0 ? cost : null;
}

/** For the strict options of a model. */
export const chatPriceSchema = z.strictObject({
  inputUsdPerMillionTokens: z.number().nonnegative(),
  outputUsdPerMillionTokens: z.number().nonnegative(),
});
