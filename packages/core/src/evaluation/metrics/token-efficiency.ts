import type { Metric } from "../metric.ts";
import { positiveOption } from "./positive-option.ts";

export interface TokenEfficiencyOptions {
  /** Tokens an answer may use without losing score. An example's `metadata.token_budget` goes before it. */
  readonly budgetTokens: number;
  /** @default "output" */
  readonly tokens?: "output" | "total";
}

/** `min(1, budget / tokens used)`: 1 within the budget, 0.5 at twice the budget. No token count, no score. */
export function tokenEfficiency(options: TokenEfficiencyOptions): Metric {
  const budget = positiveOption("tokenEfficiency", "budgetTokens", options.budgetTokens);
  const kind = options.tokens ?? "output";
  return {
    name: "token_efficiency",
    version: `1:${budget}:${kind}`,
    description: `min(1, ${budget} / ${kind} tokens)`,
    score({ example, answer }) {
      const { inputTokens, outputTokens } = answer.usage;
      const used = kind === "output" ? outputTokens : total(inputTokens, outputTokens);
      if (used === null) return { score: null, reason: "the model did not report its token count" };
      const own = example.metadata.token_budget;
      const limit = typeof own === "number" && own > 0 ? own : budget;
      return { score: used <= limit ? 1 : limit / used };
    },
  };
}

function total(input: number | null, output: number | null): number | null {
  return input === null || output === null ? null : input + output;
}
