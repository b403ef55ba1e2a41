/** What is wrong with a run's curves. */
export type CurveFindingKind =
  /** Nothing is being learned: a flat loss, no gradient, chance accuracy of preferences, rewards that are all equal. */
  | "no-signal"
  /** The loss climbs, the gradient explodes, or a number is not finite. */
  | "divergence"
  /** The loss on held-out rows rises while the training loss falls. */
  | "over-fit"
  /** The reward rises with the length of the answers, not with their worth. */
  | "length-hacking"
  /** The policy runs away from the model it began as. */
  | "kl-drift";

/** Something that a run's curves say while it runs, with what it would cost to look on. */
export interface CurveFinding {
  readonly kind: CurveFindingKind;
  /** `stop`: what is still to be paid will not help. `watch`: look before you let it go on. */
  readonly advice: "stop" | "watch";
  /** The step at which it showed. */
  readonly step: number;
  /** What was seen, in numbers and words. */
  readonly message: string;
  readonly fix: string;
  /** The numbers it rests on, named as the script names them. */
  readonly evidence: Readonly<Record<string, number>>;
  /** Until the planned end; null until the rate is known. */
  readonly minutesToGo: number | null;
  /** Price of the hardware for that time; null until it can be known. */
  readonly costToGoUsd: number | null;
}

/** A finding before anybody has said what going on would cost. */
export type CurveSign = Omit<CurveFinding, "minutesToGo" | "costToGoUsd" | "step">;
