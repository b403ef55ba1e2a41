import { createHash } from "node:crypto";
import type { TrainingScriptConfig } from "../contract/training-backend.ts";
import { formatQuote, type Quote } from "../cost/quote.ts";
import type { JobRecord } from "./job-record.ts";
import type { TrainingPlan } from "./plan.ts";
import type { TrainingSpec } from "./training-spec.ts";

/** A machine that a run goes on with when none of the planned kind comes free, with its own quote. */
export interface FallbackPlan {
  readonly hardwareId: string;
  readonly costUsdPerHour: number;
  readonly quote: Quote;
  readonly timeoutMs: number;
  readonly uncorrectedMinutes: number;
  readonly adapter: TrainingScriptConfig["adapter"];
  readonly hyperparameters: TrainingScriptConfig["hyperparameters"];
}

/** Plans a run for each machine that may stand in for the planned one. */
export async function planFallbacks(
  plan: TrainingPlan,
  planFor: (spec: TrainingSpec) => Promise<TrainingPlan>,
): Promise<readonly FallbackPlan[]> {
  const fallbacks: FallbackPlan[] = [];
  for (const hardware of plan.spec.fallbackHardware ?? []) {
    if (hardware === plan.hardware.id) continue;
    const other = await planFor({ ...plan.spec, hardware });
    fallbacks.push({
      hardwareId: other.hardware.id,
      costUsdPerHour: other.hardware.costUsdPerHour,
      quote: other.quote,
      timeoutMs: other.timeoutMs,
      uncorrectedMinutes: other.uncorrectedMinutes,
      adapter: other.adapterConfig,
      hyperparameters: other.hyperparameters.script,
    });
  }
  return fallbacks;
}

/** What a person is asked about: every machine that the run may end up on, at the dearest quote. */
export function askedQuote(plan: TrainingPlan): {
  readonly hash: string;
  readonly usdHigh: number;
  readonly text: string;
} {
  const fallbacks = plan.fallbacks ?? [];
  const quotes = [plan.quote, ...fallbacks.map((fallback) => fallback.quote)];
  const usdHigh = Math.max(...quotes.map((quote) => quote.usd.high));
  const own = formatQuote(plan.quote);
  if (fallbacks.length === 0) return { hash: plan.quote.hash, usdHigh, text: own };
  const others = fallbacks.map(({ quote, hardwareId }) => `${hardwareId}: ${formatQuote(quote)}`);
  const hash = createHash("sha256")
    .update(quotes.map((quote) => quote.hash).join("\n"))
    .digest("hex");
  return {
    hash: `sha256:${hash}`,
    usdHigh,
    text: `${own}; if no such machine comes free, ${others.join("; ")}`,
  };
}

/** The record of a job whose machine never came, going on with the next one; null when it has none left. */
export function onNextHardware(record: JobRecord): JobRecord | null {
  const [next, ...rest] = record.fallbacks;
  if (!next) return null;
  const { hardwareId, timeoutMs, adapter, hyperparameters } = next;
  return {
    ...record,
    status: "preparing",
    startedAt: null,
    runningSince: null,
    costUsdPerHour: next.costUsdPerHour,
    uncorrectedMinutes: next.uncorrectedMinutes,
    run: { ...record.run, hardwareId, timeoutMs, adapter, hyperparameters },
    fallbacks: rest,
    backendJobId: null,
    backendUrl: null,
    recordedIndex: 0,
    recordedFor: null,
  };
}
