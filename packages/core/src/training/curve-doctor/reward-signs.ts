import type { CurveSign } from "./curve-finding.ts";
import type { Curves } from "./curves.ts";
import { short } from "./loss-signs.ts";
import { correlation, median } from "./series.ts";

const LINES_AT_LEAST = 10;
const DEAD = 0.95;
/** Logged values before a rising reward is held against a rising length. */
const RISE_AFTER = 20;
const LONGER = 1.5;
const SHORTER = 0.5;
const TOGETHER = 0.7;
const CUT_OFF = 0.25;
const DRIFTED = 5;
const LEAST_DRIFT = 0.3;

/** GRPO without differences inside its groups, or without any reward, has no gradient. */
export function deadReward(curves: Curves): CurveSign | null {
  if (curves.linesWithoutReward >= LINES_AT_LEAST) {
    return {
      kind: "no-signal",
      advice: "stop",
      message: `No reward came in ${curves.linesWithoutReward} logged steps: every reward was empty.`,
      fix: "check that the rewards' columns exist and that their gold answers can be read.",
      evidence: {},
    };
  }
  const equal = curves.of("frac_reward_zero_std");
  const last = equal.recent.slice(-LINES_AT_LEAST);
  if (last.length < LINES_AT_LEAST || last.some((share) => share < DEAD)) return null;
  const reward = curves.of("reward").now;
  return {
    kind: "no-signal",
    advice: "stop",
    message: `In ${Math.round(100 * median(last))} % of the groups all answers got the same reward (${short(reward)}) for ${last.length} logged steps: nothing is learned.`,
    fix: "check that the rewards can tell good answers from bad ones, and raise the temperature or numGenerations.",
    evidence: { frac_reward_zero_std: median(last), reward },
  };
}

/** Longer (or ever shorter) answers are what is rewarded. */
export function lengthHacking(curves: Curves): CurveSign | null {
  const [reward, length] = [curves.of("reward"), curves.of("completions/mean_length")];
  if (reward.count < RISE_AFTER || length.count < RISE_AFTER) return null;
  const ratio = length.now / length.start;
  const isOther = ratio >= LONGER || ratio <= SHORTER;
  const rise = reward.now - reward.start;
  const together = correlation(
    [...reward.first, ...reward.recent.slice(-10)],
    [...length.first, ...length.recent.slice(-10)],
  );
  if (!isOther || rise <= 2 * reward.noise || Math.abs(together) < TOGETHER) return null;
  const cut = curves.of("completions/clipped_ratio").now;
  const held = curves.of("eval_reward");
  const isNotConfirmed = held.count >= 2 && held.now <= held.start;
  const hints = [
    cut >= CUT_OFF ? `${Math.round(100 * cut)} % of them are cut off at their limit` : null,
    isNotConfirmed ? "the reward on held-out rows does not rise" : null,
  ].filter((hint) => hint !== null);
  return {
    kind: "length-hacking",
    advice: hints.length > 0 ? "stop" : "watch",
    message: `The reward rose from ${short(reward.start)} to ${short(reward.now)} while answers went from ${short(length.start)} to ${short(length.now)} tokens (correlation ${short(together)})${hints.length > 0 ? `; ${hints.join(", and ")}` : ""}.`,
    fix: "read some answers; make the reward independent of length, or lower maxCompletionLength.",
    evidence: {
      reward: reward.now,
      first_reward: reward.start,
      "completions/mean_length": length.now,
      first_length: length.start,
      correlation: together,
      ...(Number.isNaN(cut) ? {} : { "completions/clipped_ratio": cut }),
    },
  };
}

/** The distance to the reference model has grown many times over. */
export function klDrift(curves: Curves): CurveSign | null {
  const kl = curves.of("kl");
  if (kl.count < RISE_AFTER) return null;
  const usual = median(kl.first);
  const isFar =
    kl.now >= LEAST_DRIFT && kl.now >= DRIFTED * usual && Math.min(...kl.recent.slice(-3)) >= LEAST_DRIFT;
  if (!isFar) return null;
  const isGaining = curves.of("reward").now > curves.of("reward").start + 2 * curves.of("reward").noise;
  return {
    kind: "kl-drift",
    advice: isGaining ? "watch" : "stop",
    message: `The KL divergence from the first model is ${short(kl.now)}, ${short(kl.now / usual)} times what it was${isGaining ? "" : ", and the reward does not rise"}.`,
    fix: "raise beta, or lower learningRate.",
    evidence: { kl: kl.now, usual_kl: usual },
  };
}
