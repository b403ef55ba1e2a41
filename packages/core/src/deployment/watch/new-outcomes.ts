import type { RolloutGuardrail } from "../../model/rollout-plan.ts";
import type { ArmCounters, ScoreCounts } from "../../model/router-records.ts";
import { emptyArmCounters } from "../../model/router-records.ts";
import type { CanaryTick, GuardrailOutcomes, ScoreCount } from "../../statistics/sequential/canary-tick.ts";
import type { GenerationTotals } from "../rollout-totals.ts";

/** What the monitor has been fed so far, per generation of the agent's routing. */
export type Consumed = Readonly<Record<string, Pick<GenerationTotals, "baseline" | "canary">>>;

/**
 * The outcomes since the last look, one tick per generation, because the share is constant within one. Counters only
 * rise, so that the difference is exact however often it is taken and by whomever.
 */
export function newTicks(
  totals: readonly GenerationTotals[],
  consumed: Consumed,
  guardrails: readonly RolloutGuardrail[],
  atMs: number,
): { readonly ticks: readonly CanaryTick[]; readonly consumed: Consumed } {
  const ticks: CanaryTick[] = [];
  const next: Record<string, Pick<GenerationTotals, "baseline" | "canary">> = { ...consumed };
  for (const { agentGeneration, sharePct, baseline, canary } of totals) {
    const key = String(agentGeneration);
    const before = consumed[key] ?? { baseline: emptyArmCounters(), canary: emptyArmCounters() };
    const sessions = {
      canary: sessionsOf(canary) - sessionsOf(before.canary),
      baseline: sessionsOf(baseline) - sessionsOf(before.baseline),
    };
    if (sessions.canary + sessions.baseline === 0) continue;
    next[key] = { baseline, canary };
    const outcomes = Object.fromEntries(
      guardrails.map(({ metric }) => [metric, outcomesOf(metric, { baseline, canary }, before)]),
    );
    ticks.push({ atMs, canaryShare: sharePct / 100, sessions, outcomes });
  }
  return { ticks, consumed: next };
}

function sessionsOf(arm: ArmCounters): number {
  return arm.ok + arm.failed;
}

function outcomesOf(
  metric: RolloutGuardrail["metric"],
  now: Pick<GenerationTotals, "baseline" | "canary">,
  before: Pick<GenerationTotals, "baseline" | "canary">,
): GuardrailOutcomes {
  if (metric === "success") {
    return {
      canarySuccesses: now.canary.ok - before.canary.ok,
      canaryFailures: now.canary.failed - before.canary.failed,
      baselineSuccesses: now.baseline.ok - before.baseline.ok,
      baselineFailures: now.baseline.failed - before.baseline.failed,
    };
  }
  return {
    canaryScores: scoresOf(now.canary[metric], before.canary[metric]),
    baselineScores: scoresOf(now.baseline[metric], before.baseline[metric]),
  };
}

function scoresOf(now: ScoreCounts, before: ScoreCounts): readonly ScoreCount[] {
  return Object.entries(now.hundredths).flatMap(([cell, count]) => {
    const added = count - (before.hundredths[cell] ?? 0);
    return added > 0 ? [[Number(cell) / 100, added] as const] : [];
  });
}
