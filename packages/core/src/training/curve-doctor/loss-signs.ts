import type { CurveSign } from "./curve-finding.ts";
import type { Curves } from "./curves.ts";
import { median } from "./series.ts";

/** Logged values before a curve can be called flat, or be said to climb. */
const FLAT_AFTER = 30;
const FLAT_AFTER_SHARE = 0.2;
const CLIMB_AFTER = 15;
/** A loss that has certainly (two standard errors) lost less than 5 % is flat. */
const LEAST_GAIN = 0.05;
const LOST_GROUND = 1.5;
const SCATTER = 4;
const EXPLODED = 20;
const NO_GRADIENT = 1e-7;
const OVER_FIT = 1.02;
const OVER_FIT_EVALUATIONS = 3;

const LOWER_RATE = "lower learningRate or add warmupSteps; start again from a checkpoint before this step.";

/** A number that is not finite in loss or gradient: the weights are spoiled. */
export function notFinite({ notFinite: names, step }: Curves): CurveSign | null {
  const name = names.find((one) => one === "loss" || one === "grad_norm");
  if (name === undefined) return null;
  return {
    kind: "divergence",
    // fp16 skips single steps whose gradient overflows.
    advice: name === "loss" ? "stop" : "watch",
    message: `${name} was not a finite number at step ${step}.`,
    fix: "lower learningRate, add warmupSteps, or use bf16 or fp32 instead of fp16.",
    evidence: {},
  };
}

/** The loss has left its best value far behind, or the gradient has become many times larger. */
export function divergence(curves: Curves): CurveSign | null {
  const loss = curves.of("loss");
  if (loss.count >= CLIMB_AFTER && loss.lowest !== null && !isReinforced(curves)) {
    const { value: lowest, step } = loss.lowest;
    const climbed = loss.now - lowest;
    const isFar = loss.now > lowest * LOST_GROUND && climbed > SCATTER * loss.noise;
    if (isFar && loss.now > loss.start) {
      return {
        kind: "divergence",
        advice: "stop",
        message: `The loss has climbed from ${short(lowest)} (step ${step}) to ${short(loss.now)}, above where it began (${short(loss.start)}).`,
        fix: LOWER_RATE,
        evidence: { loss: loss.now, lowest_loss: lowest, first_loss: loss.start },
      };
    }
  }
  const gradient = curves.of("grad_norm");
  if (gradient.count < CLIMB_AFTER) return null;
  const usual = median(gradient.first);
  const latest = gradient.recent.slice(-3);
  if (!(usual > 0) || latest.some((value) => value < EXPLODED * usual)) return null;
  return {
    kind: "divergence",
    advice: "watch",
    message: `The gradient norm is ${short(median(latest))}, over ${EXPLODED} times its usual ${short(usual)}.`,
    fix: "lower learningRate, or set maxGradNorm.",
    evidence: { grad_norm: median(latest), usual_grad_norm: usual },
  };
}

/** Nothing reaches the weights, or what reaches them changes nothing. */
export function flatLoss(curves: Curves): CurveSign | null {
  const gradient = curves.of("grad_norm");
  const loss = curves.of("loss");
  if (isReinforced(curves)) return null;
  if (gradient.count >= 5 && Math.max(...gradient.recent) < NO_GRADIENT) {
    return {
      kind: "no-signal",
      advice: "stop",
      message: `The gradient norm has been 0 for ${gradient.recent.length} logged steps: nothing is learned.`,
      fix: "check that some tokens carry loss (completionOnlyLoss, maxLength) and that the adapter's targetModules exist.",
      evidence: { grad_norm: Math.max(...gradient.recent) },
    };
  }
  if (loss.count < FLAT_AFTER || curves.share < FLAT_AFTER_SHARE) return null;
  const accuracy = curves.of("rewards/accuracies");
  if (accuracy.count >= FLAT_AFTER) {
    const now = median(accuracy.recent);
    if (now > 0.55 || median(curves.of("rewards/margins").recent) > 0.05) return null;
    return {
      kind: "no-signal",
      advice: "stop",
      message: `The model tells chosen from rejected answers in ${Math.round(100 * now)} % of pairs, no better than a coin, after ${accuracy.count} logged steps.`,
      fix: "raise learningRate, or check that chosen and rejected differ in what you want to teach.",
      evidence: { "rewards/accuracies": now },
    };
  }
  const fall = loss.fall(curves.step);
  const least = LEAST_GAIN * Math.abs(loss.start);
  // A quick learner is flat at the end, but has been lower than where it began.
  const hasGained = loss.lowest !== null && loss.start - loss.lowest.value > Math.max(least, 3 * loss.noise);
  if (fall === null || hasGained || fall.drop + 2 * fall.standardError > least) return null;
  const now = median(loss.recent);
  return {
    kind: "no-signal",
    advice: "watch",
    message: `The loss was ${short(loss.start)} at the start and is ${short(now)} after ${loss.count} logged steps: no gain beyond its scatter of ${short(loss.noise)}.`,
    fix: "raise learningRate, or check that the rows hold something the base model does not know yet.",
    evidence: { loss: now, first_loss: loss.start, scatter: loss.noise },
  };
}

/** Held-out loss rises, evaluation after evaluation, while the training loss goes on falling. */
export function overFit(
  curves: Curves,
  best: { readonly value: number; readonly step: number } | null,
): CurveSign | null {
  const held = curves.of("eval_loss");
  const last = held.recent.slice(-OVER_FIT_EVALUATIONS);
  if (best === null || last.length < OVER_FIT_EVALUATIONS || held.count <= OVER_FIT_EVALUATIONS) return null;
  const isWorse = last.every((value) => value > OVER_FIT * best.value);
  const now = last.at(-1) ?? best.value;
  const isRising = now >= (last[0] ?? now);
  if (!isWorse || !isRising) return null;
  return {
    kind: "over-fit",
    advice: "stop",
    message: `The loss on held-out rows was best at step ${best.step} (${short(best.value)}) and is ${short(now)}, worse in ${OVER_FIT_EVALUATIONS} evaluations in a row.`,
    fix: `train for about ${best.step} steps, or on more rows; a lower learningRate or rank helps, too.`,
    evidence: { eval_loss: now, best_eval_loss: best.value, best_step: best.step },
  };
}

/** GRPO's loss is about 0 by construction: its reward is the curve to look at. */
function isReinforced(curves: Curves): boolean {
  return curves.of("completions/mean_length").count > 0;
}

export function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
