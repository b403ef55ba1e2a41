import { murmurHash3 } from "../../statistics/assign/murmur3.ts";
import { createRandom, type Random } from "../../statistics/random.ts";
import {
  type CanaryTick,
  type GuardrailOutcomes,
  isScoreOutcomes,
  type ScoreCount,
} from "../../statistics/sequential/canary-tick.ts";

const SESSIONS_PER_PART = 20;

/**
 * Divides what piled up since the last look into parts of about 20 sessions, at random. The e-process bets on the mean
 * of what came before; a thousand sessions at once would all meet the same old guess, and a drop would be missed. Chance
 * decides the order, not the outcomes, so that the promise about false alarms holds as before.
 */
export function divideTick(tick: CanaryTick, seed: string): readonly CanaryTick[] {
  const size = Math.max(
    tick.sessions.canary + tick.sessions.baseline,
    ...Object.values(tick.outcomes).map(outcomeCount),
  );
  const parts = Math.ceil(size / SESSIONS_PER_PART);
  if (parts <= 1) return [tick];
  const random = createRandom(murmurHash3(seed));
  const canary = spread(tick.sessions.canary, parts, random);
  const baseline = spread(tick.sessions.baseline, parts, random);
  const outcomes = Object.entries(tick.outcomes).map(
    ([metric, given]) => [metric, divideOutcomes(given, parts, random)] as const,
  );
  return Array.from({ length: parts }, (_, part) => ({
    atMs: tick.atMs,
    canaryShare: tick.canaryShare,
    sessions: { canary: canary[part] ?? 0, baseline: baseline[part] ?? 0 },
    outcomes: Object.fromEntries(
      outcomes.flatMap(([metric, list]) => (list[part] ? [[metric, list[part]]] : [])),
    ),
  }));
}

function outcomeCount(outcomes: GuardrailOutcomes): number {
  if (!isScoreOutcomes(outcomes)) return Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  return [...outcomes.canaryScores, ...outcomes.baselineScores].reduce((sum, [, count]) => sum + count, 0);
}

function divideOutcomes(
  outcomes: GuardrailOutcomes,
  parts: number,
  random: Random,
): readonly GuardrailOutcomes[] {
  if (isScoreOutcomes(outcomes)) {
    const canary = divideScores(outcomes.canaryScores, parts, random);
    const baseline = divideScores(outcomes.baselineScores, parts, random);
    return Array.from({ length: parts }, (_, part) => ({
      canaryScores: canary[part] ?? [],
      baselineScores: baseline[part] ?? [],
    }));
  }
  const canarySuccesses = spread(outcomes.canarySuccesses, parts, random);
  const canaryFailures = spread(outcomes.canaryFailures, parts, random);
  const baselineSuccesses = spread(outcomes.baselineSuccesses, parts, random);
  const baselineFailures = spread(outcomes.baselineFailures, parts, random);
  return Array.from({ length: parts }, (_, part) => ({
    canarySuccesses: canarySuccesses[part] ?? 0,
    canaryFailures: canaryFailures[part] ?? 0,
    baselineSuccesses: baselineSuccesses[part] ?? 0,
    baselineFailures: baselineFailures[part] ?? 0,
  }));
}

function divideScores(
  scores: readonly ScoreCount[],
  parts: number,
  random: Random,
): readonly (readonly ScoreCount[])[] {
  const divided = scores.map(([score, count]) => [score, spread(count, parts, random)] as const);
  return Array.from({ length: parts }, (_, part) =>
    divided.flatMap(([score, counts]) => (counts[part] ? [[score, counts[part]] as const] : [])),
  );
}

/** Each of `count` goes to a part by chance. */
function spread(count: number, parts: number, random: Random): readonly number[] {
  const counts = new Array<number>(parts).fill(0);
  for (let index = 0; index < count; index += 1) {
    const part = random.integer(parts);
    counts[part] = (counts[part] ?? 0) + 1;
  }
  return counts;
}
