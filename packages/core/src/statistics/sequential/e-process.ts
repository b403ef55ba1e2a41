import { requireBetween, requireOneOf, statisticsError } from "../input-checks.ts";
import {
  type BinaryOutcomes,
  isScoreOutcomes,
  requireOutcomes,
  requireShare,
  type ScoreOutcomes,
} from "./canary-tick.ts";

/** The drops (in points) the bets are tuned for; the evidence is their average, so none has to be right. */
export const EFFECT_SIZES: readonly number[] = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32];

/** Bets never risk more than this part of the wealth on one session. */
export const LARGEST_BET = 0.9;

export interface EProcessOptions {
  /** `binary`: pass/fail counts. `score`: bounded scores in [0, 1]. Higher is better in both. */
  readonly kind: "binary" | "score";
  /** Chance of a false alarm over the whole rollout, however often one looks. @default 0.05 */
  readonly alpha?: number;
  /** Alarm only for drops beyond this many points. @default 0 */
  readonly alarmMargin?: number;
  /** "Non-inferior" means: shown to be no more than this many points worse. @default 0.05 */
  readonly nonInferiorityMargin?: number;
  /** What is assumed before the first session; only the speed depends on it, never the guarantee. */
  readonly prior?: {
    /** @default 0.9 for binary, 0.5 for scores */
    readonly mean?: number;
    /** Of one score; not used for binary. @default 0.05 */
    readonly variance?: number;
    /** Sessions the assumption is worth. @default 10 */
    readonly weight?: number;
  };
}

/** One tick for one metric. */
export type EProcessTick = { readonly canaryShare: number } & (BinaryOutcomes | ScoreOutcomes);

/** Everything that has to be kept between ticks. Plain JSON: numbers, booleans, strings. */
export interface EProcessState {
  readonly v: 1;
  readonly kind: "binary" | "score";
  readonly alpha: number;
  readonly alarmMargin: number;
  readonly nonInferiorityMargin: number;
  /** ln K_d of the alarm, one per effect size. */
  readonly alarmLogWealths: readonly number[];
  /** ln K_d of non-inferiority, one per effect size. */
  readonly nonInferiorityLogWealths: readonly number[];
  /** Sessions of both arms plus the prior weight. */
  readonly pooledWeight: number;
  readonly pooledSum: number;
  readonly pooledSquares: number;
  /** Sessions that were used. */
  readonly observations: number;
  readonly alarmed: boolean;
  readonly nonInferior: boolean;
}

export interface EProcessReading {
  /** ln E against "the canary is no worse (than the alarm margin)". */
  readonly logEvidence: number;
  /** ln E against "the canary is worse by the non-inferiority margin or more". */
  readonly nonInferiorityLogEvidence: number;
  /** ln(1/α): what the evidence has to reach. */
  readonly logThreshold: number;
  /** True once `logEvidence` has reached the threshold; stays true. */
  readonly alarmed: boolean;
  /** True once `nonInferiorityLogEvidence` has reached the threshold; stays true. */
  readonly nonInferior: boolean;
  readonly observations: number;
  /** Running mean of both arms including the prior. */
  readonly pooledMean: number;
}

/** A running test of one guardrail that may be looked at after every session. */
export interface EProcess {
  /** Feeds one tick. A tick with share 0 or 1 has no concurrent control and changes nothing. */
  update(tick: EProcessTick): EProcessReading;
  reading(): EProcessReading;
  /** The state to store; `restoreEProcess` continues from it. */
  toJSON(): EProcessState;
}

/**
 * Starts a betting e-process on the randomised difference between canary and baseline.
 *
 * Per session with arm A, share w, outcome Y and pooled mean m before the tick: Z = (A/w − (1−A)/(1−w))·(Y − m), so
 * E[Z | past] = μ_canary − μ_baseline. Alarm: K_d ← K_d·(1 − λ_d·(Z+δ)), λ_d = min(d·w(1−w)/v, 0.9/(max((1−m)/w,
 * m/(1−w)) + δ)); E = mean K_d; alarm when E ≥ 1/α. Non-inferiority bets the other way with its own margin. By Ville's
 * inequality P(ever E ≥ 1/α) ≤ α while the canary is no worse, whatever the traffic does and whenever the share moves; run
 * one process for the whole rollout. Sources: Turner, Ly & Grünwald, JSPI 230, 2024 (arXiv 2106.02693); Waudby-Smith &
 * Ramdas, JRSS B 86, 2024 (betting).
 *
 * @throws `statistics/out-of-range`, `unknown-choice`
 */
export function createEProcess(options: EProcessOptions): EProcess {
  const { kind, alpha = 0.05, alarmMargin = 0, nonInferiorityMargin = 0.05, prior = {} } = options;
  requireOneOf("kind", kind, ["binary", "score"]);
  const { mean = kind === "binary" ? 0.9 : 0.5, weight = 10 } = prior;
  const variance = kind === "binary" ? mean * (1 - mean) : (prior.variance ?? 0.05);
  requireBetween("alpha", alpha, 0, 1);
  requireBetween("prior.mean", mean, 0, 1);
  requireBetween("prior.weight", weight, 0, Number.POSITIVE_INFINITY);
  requireBetween("prior.variance", variance, 0, 1);
  requireMargin("alarmMargin", alarmMargin);
  requireMargin("nonInferiorityMargin", nonInferiorityMargin);
  return restoreEProcess({
    v: 1,
    kind,
    alpha,
    alarmMargin,
    nonInferiorityMargin,
    alarmLogWealths: EFFECT_SIZES.map(() => 0),
    nonInferiorityLogWealths: EFFECT_SIZES.map(() => 0),
    pooledWeight: weight,
    pooledSum: weight * mean,
    pooledSquares: weight * (mean * mean + variance),
    observations: 0,
    alarmed: false,
    nonInferior: false,
  });
}

/**
 * Continues an e-process from its stored state, exactly where it was.
 *
 * @throws `statistics/state-unreadable` when the state is not one of this version
 */
export function restoreEProcess(stored: EProcessState): EProcess {
  requireState(stored);
  let state = stored;
  return {
    update(tick) {
      state = advance(state, tick);
      return readingOf(state);
    },
    reading: () => readingOf(state),
    toJSON: () => state,
  };
}

function requireMargin(name: string, margin: number): void {
  if (!(margin >= 0 && margin < 1)) {
    throw statisticsError(
      "out-of-range",
      `${name} is ${margin}.`,
      "Margins are points from 0 up to 1 (0.05 for 5 points).",
    );
  }
}

function requireState(state: EProcessState): void {
  const numbers = [
    ...(state?.alarmLogWealths ?? []),
    ...(state?.nonInferiorityLogWealths ?? []),
    state?.pooledWeight,
    state?.pooledSum,
    state?.pooledSquares,
    state?.alpha,
  ];
  const isReadable =
    state?.v === 1 &&
    (state.kind === "binary" || state.kind === "score") &&
    state.alarmLogWealths?.length === EFFECT_SIZES.length &&
    state.nonInferiorityLogWealths?.length === EFFECT_SIZES.length &&
    numbers.every((value) => typeof value === "number" && Number.isFinite(value));
  if (!isReadable) {
    throw statisticsError(
      "state-unreadable",
      "The stored e-process state is damaged or of another version.",
      "Restore the state as it was written; do not start a new process in the middle of a rollout, that doubles α.",
    );
  }
}

function logOfMean(logs: readonly number[]): number {
  const largest = Math.max(...logs);
  return largest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0) / logs.length);
}

function readingOf(state: EProcessState): EProcessReading {
  return {
    logEvidence: logOfMean(state.alarmLogWealths),
    nonInferiorityLogEvidence: logOfMean(state.nonInferiorityLogWealths),
    logThreshold: -Math.log(state.alpha),
    alarmed: state.alarmed,
    nonInferior: state.nonInferior,
    observations: state.observations,
    pooledMean: state.pooledSum / state.pooledWeight,
  };
}

/** Outcome, arm and number of sessions with it. */
type Cell = readonly [isCanary: boolean, outcome: number, count: number];

function cellsOf(state: EProcessState, tick: EProcessTick): readonly Cell[] {
  if (isScoreOutcomes(tick) !== (state.kind === "score")) {
    throw statisticsError(
      "kind-mismatch",
      `A ${state.kind} e-process was given ${isScoreOutcomes(tick) ? "scores" : "counts"}.`,
      "Feed counts to binary guardrails and scores to score guardrails.",
    );
  }
  if (isScoreOutcomes(tick)) {
    return [
      ...tick.canaryScores.map(([score, count]): Cell => [true, score, count]),
      ...tick.baselineScores.map(([score, count]): Cell => [false, score, count]),
    ];
  }
  return [
    [true, 1, tick.canarySuccesses],
    [true, 0, tick.canaryFailures],
    [false, 1, tick.baselineSuccesses],
    [false, 0, tick.baselineFailures],
  ];
}

function advance(state: EProcessState, tick: EProcessTick): EProcessState {
  const { canaryShare: share } = tick;
  requireShare(share);
  requireOutcomes("tick", tick);
  const cells = cellsOf(state, tick);
  if (share === 0 || share === 1) return state;

  // Mean, variance and bets are frozen for the tick, so only its counts matter and not their order.
  const mean = state.pooledSum / state.pooledWeight;
  const variance =
    state.kind === "binary"
      ? mean * (1 - mean)
      : Math.max(1e-6, state.pooledSquares / state.pooledWeight - mean * mean);
  const scale = (share * (1 - share)) / variance;
  const alarmLimit = LARGEST_BET / (Math.max((1 - mean) / share, mean / (1 - share)) + state.alarmMargin);
  const safeLimit =
    LARGEST_BET / (Math.max(mean / share, (1 - mean) / (1 - share)) - state.nonInferiorityMargin);
  const alarmLogWealths = [...state.alarmLogWealths];
  const nonInferiorityLogWealths = [...state.nonInferiorityLogWealths];
  let { pooledWeight, pooledSum, pooledSquares, observations } = state;
  for (const [isCanary, outcome, count] of cells) {
    if (count === 0) continue;
    const difference = isCanary ? (outcome - mean) / share : -(outcome - mean) / (1 - share);
    EFFECT_SIZES.forEach((effect, index) => {
      const alarmBet = Math.min(effect * scale, alarmLimit);
      const safeBet = Math.min(effect * scale, safeLimit);
      alarmLogWealths[index] =
        (alarmLogWealths[index] ?? 0) + count * Math.log1p(-alarmBet * (difference + state.alarmMargin));
      nonInferiorityLogWealths[index] =
        (nonInferiorityLogWealths[index] ?? 0) +
        count * Math.log1p(safeBet * (difference + state.nonInferiorityMargin));
    });
    pooledWeight += count;
    pooledSum += count * outcome;
    pooledSquares += count * outcome * outcome;
    observations += count;
  }
  const threshold = -Math.log(state.alpha);
  return {
    ...state,
    alarmLogWealths,
    nonInferiorityLogWealths,
    pooledWeight,
    pooledSum,
    pooledSquares,
    observations,
    alarmed: state.alarmed || logOfMean(alarmLogWealths) >= threshold,
    nonInferior: state.nonInferior || logOfMean(nonInferiorityLogWealths) >= threshold,
  };
}
