import { EFFECT_SIZES, LARGEST_BET } from "./e-process.ts";

// Local copies: an imported binding costs a lookup in the innermost loop.
const EFFECTS = Float64Array.from(EFFECT_SIZES);
const LIMIT = LARGEST_BET;

/** What the fast process is started with. */
export interface FastEProcessOptions {
  readonly kind: "binary" | "score";
  readonly alarmMargin: number;
  readonly nonInferiorityMargin: number;
  readonly prior?: { readonly mean?: number; readonly variance?: number; readonly weight?: number };
  /** Whether the non-inferiority bets are kept, too; they double the cost. */
  readonly withNonInferiority: boolean;
}

/**
 * The e-process of `createEProcess` fed one session at a time, for simulations: wealths are multiplied in place instead
 * of adding logarithms, and nothing is allocated. A test holds both to the same numbers.
 */
export class FastEProcess {
  readonly #alarm = new Float64Array(EFFECT_SIZES.length);
  readonly #safe = new Float64Array(EFFECT_SIZES.length);
  readonly #isBinary: boolean;
  readonly #alarmMargin: number;
  readonly #safeMargin: number;
  readonly #withSafe: boolean;
  readonly #priorWeight: number;
  readonly #priorSum: number;
  readonly #priorSquares: number;
  #weight = 0;
  #sum = 0;
  #squares = 0;
  /** E of the alarm, averaged over the effect sizes. */
  evidence = 1;
  /** E of non-inferiority. */
  safeEvidence = 1;

  constructor(options: FastEProcessOptions) {
    const {
      mean = options.kind === "binary" ? 0.9 : 0.5,
      variance = 0.05,
      weight = 10,
    } = options.prior ?? {};
    this.#isBinary = options.kind === "binary";
    this.#alarmMargin = options.alarmMargin;
    this.#safeMargin = options.nonInferiorityMargin;
    this.#withSafe = options.withNonInferiority;
    this.#priorWeight = weight;
    this.#priorSum = weight * mean;
    this.#priorSquares = weight * (mean * mean + (this.#isBinary ? mean * (1 - mean) : variance));
    this.reset();
  }

  /** Back to the start, for the next simulated rollout. */
  reset(): void {
    this.#alarm.fill(1);
    this.#safe.fill(1);
    this.#weight = this.#priorWeight;
    this.#sum = this.#priorSum;
    this.#squares = this.#priorSquares;
    this.evidence = 1;
    this.safeEvidence = 1;
  }

  /** One session: which arm, its outcome in [0, 1], and the share at that moment (strictly between 0 and 1). */
  observe(isCanary: boolean, outcome: number, share: number): void {
    const mean = this.#sum / this.#weight;
    const variance = this.#isBinary
      ? mean * (1 - mean)
      : Math.max(1e-6, this.#squares / this.#weight - mean * mean);
    const rest = 1 - share;
    const scale = (share * rest) / variance;
    const difference = isCanary ? (outcome - mean) / share : (mean - outcome) / rest;

    const alarmLimit = LIMIT / (Math.max((1 - mean) / share, mean / rest) + this.#alarmMargin);
    this.evidence = bet(this.#alarm, scale, alarmLimit, -(difference + this.#alarmMargin));
    if (this.#withSafe) {
      const safeLimit = LIMIT / (Math.max(mean / share, (1 - mean) / rest) - this.#safeMargin);
      this.safeEvidence = bet(this.#safe, scale, safeLimit, difference + this.#safeMargin);
    }
    this.#weight += 1;
    this.#sum += outcome;
    this.#squares += outcome * outcome;
  }
}

/** Multiplies every wealth by 1 + min(effect·scale, limit)·win and returns their mean. */
function bet(wealths: Float64Array, scale: number, limit: number, win: number): number {
  let total = 0;
  for (let index = 0; index < EFFECTS.length; index += 1) {
    const wealth = (wealths[index] ?? 0) * (1 + Math.min((EFFECTS[index] ?? 0) * scale, limit) * win);
    wealths[index] = wealth;
    total += wealth;
  }
  return total / EFFECTS.length;
}
