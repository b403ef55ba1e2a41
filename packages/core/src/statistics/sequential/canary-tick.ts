import { requireWholeNumber, statisticsError } from "../input-checks.ts";

/** Counts of a pass/fail metric during one tick, by the arm each session was *assigned* to. */
export interface BinaryOutcomes {
  readonly canarySuccesses: number;
  readonly canaryFailures: number;
  readonly baselineSuccesses: number;
  readonly baselineFailures: number;
}

/** A score in [0, 1] and how many sessions had it. */
export type ScoreCount = readonly [score: number, count: number];

/** Scores of a bounded metric during one tick; round them to a grid to keep the lists short. */
export interface ScoreOutcomes {
  readonly canaryScores: readonly ScoreCount[];
  readonly baselineScores: readonly ScoreCount[];
}

/** What one metric saw during one tick. */
export type GuardrailOutcomes = BinaryOutcomes | ScoreOutcomes;

/** What happened since the last tick while the canary share was constant. Ticks of many processes can be merged. */
export interface CanaryTick {
  /** End of the tick, milliseconds since the epoch. */
  readonly atMs: number;
  /** Share of sessions assigned to the canary during the tick, 0 to 1. */
  readonly canaryShare: number;
  /** Sessions assigned, whether or not an outcome is known yet. */
  readonly sessions: { readonly canary: number; readonly baseline: number };
  /** Outcomes by metric; a metric without news may be left out. */
  readonly outcomes: Readonly<Record<string, GuardrailOutcomes>>;
}

/** Whether outcomes are scores rather than pass/fail counts. */
export function isScoreOutcomes(outcomes: GuardrailOutcomes): outcomes is ScoreOutcomes {
  return "canaryScores" in outcomes;
}

/** Throws unless every count is a whole number ≥ 0 and every score lies in [0, 1]. */
export function requireOutcomes(name: string, outcomes: GuardrailOutcomes): void {
  if (!isScoreOutcomes(outcomes)) {
    requireWholeNumber(`${name}.canarySuccesses`, outcomes.canarySuccesses, 0);
    requireWholeNumber(`${name}.canaryFailures`, outcomes.canaryFailures, 0);
    requireWholeNumber(`${name}.baselineSuccesses`, outcomes.baselineSuccesses, 0);
    requireWholeNumber(`${name}.baselineFailures`, outcomes.baselineFailures, 0);
    return;
  }
  for (const list of [outcomes.canaryScores, outcomes.baselineScores]) {
    for (const [score, count] of list) {
      requireWholeNumber(`${name} count`, count, 0);
      if (!(score >= 0 && score <= 1)) {
        throw statisticsError(
          "score-out-of-range",
          `${name} holds the score ${score}.`,
          "Scale it to [0, 1], higher is better: 1 - min(x, cap)/cap for latency or cost.",
          { name, score },
        );
      }
    }
  }
}

/** Throws unless a canary share lies in [0, 1]. */
export function requireShare(canaryShare: number): void {
  if (!(canaryShare >= 0 && canaryShare <= 1)) {
    throw statisticsError(
      "out-of-range",
      `canaryShare is ${canaryShare}.`,
      "Pass a share between 0 and 1 (0.2 for 20 %).",
    );
  }
}

/**
 * Adds the ticks of several processes that ran at the same share. The end is the latest end.
 *
 * @throws `statistics/empty-input`, `share-mismatch`, `kind-mismatch` (a metric counted in one and scored in the other)
 */
export function mergeCanaryTicks(ticks: readonly CanaryTick[]): CanaryTick {
  const first = ticks[0];
  if (first === undefined)
    throw statisticsError("empty-input", "There is no tick to merge.", "Pass at least one tick.");
  const outcomes = new Map<string, GuardrailOutcomes>();
  let atMs = first.atMs;
  let canary = 0;
  let baseline = 0;
  for (const tick of ticks) {
    if (tick.canaryShare !== first.canaryShare) {
      throw statisticsError(
        "share-mismatch",
        `One tick ran at share ${first.canaryShare}, another at ${tick.canaryShare}.`,
        "Merge only ticks of the same routing generation; feed the others one after another.",
      );
    }
    atMs = Math.max(atMs, tick.atMs);
    canary += tick.sessions.canary;
    baseline += tick.sessions.baseline;
    for (const [metric, added] of Object.entries(tick.outcomes)) {
      const known = outcomes.get(metric);
      outcomes.set(metric, known === undefined ? added : addOutcomes(metric, known, added));
    }
  }
  return {
    atMs,
    canaryShare: first.canaryShare,
    sessions: { canary, baseline },
    outcomes: Object.fromEntries(outcomes),
  };
}

function addOutcomes(metric: string, known: GuardrailOutcomes, added: GuardrailOutcomes): GuardrailOutcomes {
  if (isScoreOutcomes(known) && isScoreOutcomes(added)) {
    return {
      canaryScores: addScores(known.canaryScores, added.canaryScores),
      baselineScores: addScores(known.baselineScores, added.baselineScores),
    };
  }
  if (isScoreOutcomes(known) || isScoreOutcomes(added)) {
    throw statisticsError(
      "kind-mismatch",
      `Metric "${metric}" is counted in one tick and scored in another.`,
      "Report each metric the same way in every process.",
      { metric },
    );
  }
  return {
    canarySuccesses: known.canarySuccesses + added.canarySuccesses,
    canaryFailures: known.canaryFailures + added.canaryFailures,
    baselineSuccesses: known.baselineSuccesses + added.baselineSuccesses,
    baselineFailures: known.baselineFailures + added.baselineFailures,
  };
}

function addScores(first: readonly ScoreCount[], second: readonly ScoreCount[]): readonly ScoreCount[] {
  const counts = new Map<number, number>();
  for (const [score, count] of [...first, ...second]) counts.set(score, (counts.get(score) ?? 0) + count);
  return [...counts].sort((a, b) => a[0] - b[0]);
}
