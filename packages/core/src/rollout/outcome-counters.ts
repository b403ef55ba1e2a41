import type { ArmCounters, RouterCounters, ScoreCounts } from "../model/router-records.ts";
import { emptyArmCounters } from "../model/router-records.ts";
import type { AgentRouting } from "../model/routing-table.ts";
import type { RouteDecision } from "./decision.ts";

/** How a session went. What is not known is left out: it is never counted as zero. */
export interface RouteOutcome {
  /** The session did what it was for (answer came, tool call valid, workflow completed). */
  readonly ok: boolean;
  readonly latencyMs?: number;
  readonly costUsd?: number | null;
  /** A score in [0,1], higher is better (feedback, a judge). */
  readonly score?: number;
  /** The model could not be reached or gave an error, as against a bad answer: what the circuit breaker counts. Default `!ok`. */
  readonly callFailed?: boolean;
  /** The canary failed and the baseline answered. Then `ok` must be false. */
  readonly fallback?: boolean;
}

type MutableCounters = Omit<RouterCounters, "at" | "notRandomized"> & { notRandomized: number };

/** Sums outcomes per rollout and generation. Sums only rise, so that a lost or repeated flush does no harm. */
export class OutcomeCounters {
  readonly #routerId: string;
  readonly #counters = new Map<string, MutableCounters>();
  readonly #dirty = new Set<string>();

  constructor(routerId: string) {
    this.#routerId = routerId;
  }

  add(decision: RouteDecision, outcome: RouteOutcome, caps: AgentRouting["caps"]): void {
    const key = `${decision.rolloutId}/${decision.agentGeneration}`;
    let counters = this.#counters.get(key);
    if (!counters) {
      counters = {
        v: 1,
        routerId: this.#routerId,
        agent: decision.agent,
        rolloutId: decision.rolloutId,
        agentGeneration: decision.agentGeneration,
        sharePct: decision.sharePct,
        baseline: emptyArmCounters(),
        canary: emptyArmCounters(),
        notRandomized: 0,
      };
      this.#counters.set(key, counters);
    }
    this.#dirty.add(key);
    if (!decision.randomized) {
      counters.notRandomized += 1;
      return;
    }
    const arm: ArmCounters = counters[decision.arm];
    if (outcome.ok) arm.ok += 1;
    else arm.failed += 1;
    if (outcome.fallback) arm.fallbacks += 1;
    addBounded(arm.latencyMs, outcome.latencyMs, caps.latencyMs);
    addBounded(arm.costUsd, outcome.costUsd, caps.costUsd);
    if (isShare(outcome.score)) addScore(arm.score, outcome.score, outcome.score);
  }

  /** The counters that changed since they were last taken. They stay dirty until `flushed`. */
  changed(at: string): readonly RouterCounters[] {
    return [...this.#dirty].flatMap((key) => {
      const counters = this.#counters.get(key);
      return counters ? [{ ...structuredClone(counters), at }] : [];
    });
  }

  /** Marks as stored what has not changed since `changed` was called. */
  flushed(stored: readonly RouterCounters[]): void {
    for (const record of stored) {
      const key = `${record.rolloutId}/${record.agentGeneration}`;
      const now = this.#counters.get(key);
      if (now && sessionCount(now) === sessionCount(record)) this.#dirty.delete(key);
    }
  }

  /** All counters of an agent, also the stored ones: for status displays. */
  of(agent: string): readonly Omit<RouterCounters, "at">[] {
    return [...this.#counters.values()].filter((counters) => counters.agent === agent);
  }
}

function sessionCount(counters: Pick<RouterCounters, "baseline" | "canary" | "notRandomized">): number {
  const { baseline, canary, notRandomized } = counters;
  return baseline.ok + baseline.failed + canary.ok + canary.failed + notRandomized;
}

function isShare(score: number | undefined): score is number {
  return score !== undefined && score >= 0 && score <= 1;
}

function addBounded(counts: ScoreCounts, value: number | null | undefined, cap: number | null): void {
  if (value === undefined || value === null || !Number.isFinite(value) || value < 0) return;
  if (cap === null) addScore(counts, null, value);
  else addScore(counts, 1 - Math.min(value, cap) / cap, value);
}

const GRID = 100;

function addScore(counts: ScoreCounts, score: number | null, raw: number): void {
  counts.n += 1;
  counts.rawSum += raw;
  if (score === null) return;
  const cell = String(Math.round(score * GRID));
  counts.hundredths[cell] = (counts.hundredths[cell] ?? 0) + 1;
}
