import type { RegistryStore } from "../contract/registry-store.ts";
import {
  type ArmCounters,
  emptyArmCounters,
  ROUTERS_AGENT,
  type RouterCounters,
  rolloutTerm,
  routerCountersSchema,
  type ScoreCounts,
} from "../model/router-records.ts";

const PAGE = 1000;

/** Every router's counters of a rollout. */
export async function rolloutCounters(
  store: RegistryStore,
  rolloutId: string,
): Promise<readonly RouterCounters[]> {
  const found: RouterCounters[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<RegistryStore["list"]>> = await store.list({
      collection: "rollouts",
      agent: ROUTERS_AGENT,
      terms: [rolloutTerm(rolloutId)],
      limit: PAGE,
      cursor,
    });
    found.push(...page.records.map((record) => routerCountersSchema.parse(record.value)));
    cursor = page.nextCursor;
  } while (cursor);
  return found;
}

export interface GenerationTotals {
  readonly agentGeneration: number;
  readonly sharePct: number;
  readonly baseline: ArmCounters;
  readonly canary: ArmCounters;
  readonly notRandomized: number;
}

/** Sums over routers, one entry per generation (so that the share is constant within it), oldest first. */
export function totalsByGeneration(counters: readonly RouterCounters[]): readonly GenerationTotals[] {
  const totals = new Map<number, GenerationTotals>();
  for (const entry of counters) {
    const known = totals.get(entry.agentGeneration);
    totals.set(entry.agentGeneration, {
      agentGeneration: entry.agentGeneration,
      sharePct: entry.sharePct,
      baseline: addArms(known?.baseline ?? emptyArmCounters(), entry.baseline),
      canary: addArms(known?.canary ?? emptyArmCounters(), entry.canary),
      notRandomized: (known?.notRandomized ?? 0) + entry.notRandomized,
    });
  }
  return [...totals.values()].sort((left, right) => left.agentGeneration - right.agentGeneration);
}

export function addArms(left: ArmCounters, right: ArmCounters): ArmCounters {
  return {
    ok: left.ok + right.ok,
    failed: left.failed + right.failed,
    fallbacks: left.fallbacks + right.fallbacks,
    latencyMs: addScores(left.latencyMs, right.latencyMs),
    costUsd: addScores(left.costUsd, right.costUsd),
    score: addScores(left.score, right.score),
  };
}

function addScores(left: ScoreCounts, right: ScoreCounts): ScoreCounts {
  const hundredths = { ...left.hundredths };
  for (const [cell, count] of Object.entries(right.hundredths))
    hundredths[cell] = (hundredths[cell] ?? 0) + count;
  return { n: left.n + right.n, rawSum: left.rawSum + right.rawSum, hundredths };
}
