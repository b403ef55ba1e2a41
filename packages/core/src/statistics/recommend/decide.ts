import { type ExampleCounts, examplesNeeded } from "../examples-needed.ts";
import type { CompositeGain } from "./composite-gain.ts";
import type { MetricVerdict } from "./metric-verdict.ts";
import type { CompiledRecommendOptions } from "./recommend-options.ts";
import { describeMoreExamples, formatGain, formatPercent } from "./sentence.ts";
import { above, below } from "./threshold-comparison.ts";

/** What to do with the candidate. */
export type RecommendationOutcome =
  | "deploy"
  | "deploy_canary"
  | "needs_review"
  | "reject"
  | "insufficient_data";

/** The outcome with its explanation. */
export interface Decision {
  readonly recommendation: RecommendationOutcome;
  readonly because: string;
  readonly reasons: readonly string[];
  readonly moreExamples: ExampleCounts | null;
  readonly confirmed: boolean | null;
}

/** Everything the decision table looks at. */
export interface DecisionInput {
  readonly compiled: CompiledRecommendOptions;
  readonly gain: CompositeGain;
  readonly metrics: readonly MetricVerdict[];
  readonly quality: { readonly mean: number; readonly lower: number; readonly spread: number };
  readonly lowQuality: string | null;
  readonly pairs: number;
}

/** The decision table of `recommend`, top to bottom, from complete data with a baseline. */
export function decide(input: DecisionInput): Decision {
  const { compiled, gain, metrics, lowQuality, pairs } = input;
  const { thresholds, policy, alpha } = compiled;
  const guardrails = metrics.filter((metric) => metric.guardrail);
  const degraded = guardrails.filter((metric) => metric.degraded);
  const rejecting = policy === "point" ? degraded : degraded.filter((metric) => metric.confirmedDegraded);
  const unconfirmed = policy === "point" ? [] : degraded.filter((metric) => !metric.confirmedDegraded);
  const notes = smallSampleNotes(gain, pairs);
  const rejected = (because: string, reasons: readonly string[], rest: Partial<Decision> = {}): Decision => ({
    recommendation: "reject",
    because,
    reasons: [...reasons, ...notes],
    moreExamples: null,
    confirmed: null,
    ...rest,
  });

  if (lowQuality !== null) {
    return rejected(`its quality is below the minimum of ${thresholds.minimumQuality}`, [lowQuality]);
  }
  if (rejecting.length > 0) {
    const names = rejecting.map((metric) => `${metric.name} (${describeMetricGain(metric)})`).join(", ");
    return rejected(
      `worse by more than ${formatPercent(-thresholds.degradedBelow)} on ${names}`,
      rejecting.map(describeDegraded),
    );
  }
  if (below(gain.gain, thresholds.rejectBelow)) {
    const confirmed = gain.decision.upper < 0;
    const moreExamples = confirmed ? null : moreToClear(gain.spread, -gain.gain, 0, pairs, alpha);
    const limit = formatGain(-thresholds.rejectBelow, gain.unit);
    return rejected(
      confirmed
        ? `it is worse, and by an estimate of more than ${limit}`
        : `the estimate is a loss of more than ${limit}, not confirmed: ${describeMoreExamples(moreExamples)}`,
      [
        `The gain is ${formatGain(gain.gain, gain.unit)}, below ${formatGain(thresholds.rejectBelow, gain.unit)}; its upper bound is ${formatGain(gain.decision.upper, gain.unit)} (${confirmed ? "confirmed" : "unconfirmed"}).`,
      ],
      { confirmed, moreExamples },
    );
  }
  if (unconfirmed.length > 0) {
    const moreExamples = largest(
      unconfirmed.map((metric) =>
        moreToClear(metric.spread ?? 0, -(metric.gain ?? 0), 0, metric.pairs, alpha / guardrails.length),
      ),
    );
    return {
      recommendation: "needs_review",
      because: `${unconfirmed.map((metric) => metric.name).join(", ")} looks worse by more than ${formatPercent(-thresholds.degradedBelow)} without enough evidence; ${describeMoreExamples(moreExamples)}`,
      reasons: [...unconfirmed.map(describeDegraded), ...notes],
      moreExamples,
      confirmed: null,
    };
  }
  return tierOf(input, guardrails, notes);
}

function tierOf(
  input: DecisionInput,
  guardrails: readonly MetricVerdict[],
  notes: readonly string[],
): Decision {
  const { compiled, gain, pairs } = input;
  const { thresholds, policy, alpha } = compiled;
  const { unit } = gain;
  const isPoint = policy === "point";
  const lower = gain.decision.lower;
  const overDeploy = above(gain.gain, thresholds.deployAbove);
  const overCanary = !below(gain.gain, thresholds.canaryFrom);
  const deployShown = overDeploy && (isPoint || above(lower, thresholds.deployAbove));
  const canaryShown =
    overCanary && (isPoint || (policy === "strict" ? !below(lower, thresholds.canaryFrom) : above(lower, 0)));
  const bound = `lower bound ${formatGain(lower, unit)}`;

  if (deployShown) {
    const caps = capsOf(input, guardrails);
    const met = `The gain of ${formatGain(gain.gain, unit)} and its ${bound} are above ${formatGain(thresholds.deployAbove, unit)}.`;
    if (caps.length === 0) {
      return {
        recommendation: "deploy",
        because: isPoint
          ? `the estimate is above ${formatGain(thresholds.deployAbove, unit)} (point policy: no bound was asked for)`
          : `even the lower bound is above ${formatGain(thresholds.deployAbove, unit)}`,
        reasons: [
          isPoint
            ? `The gain of ${formatGain(gain.gain, unit)} is above ${formatGain(thresholds.deployAbove, unit)}.`
            : met,
          ...notes,
        ],
        moreExamples: null,
        confirmed: null,
      };
    }
    const moreExamples = caps.some((cap) => cap.more === null) ? null : largest(caps.map((cap) => cap.more));
    return {
      recommendation: "deploy_canary",
      because: `large enough to deploy, but held at a canary: ${caps[0]?.because ?? ""}`,
      reasons: [...caps.map((cap) => cap.reason), met, ...notes],
      moreExamples,
      confirmed: null,
    };
  }
  if (canaryShown) {
    const moreExamples = overDeploy
      ? moreToClear(gain.spread, gain.gain, thresholds.deployAbove, pairs, alpha)
      : null;
    return {
      recommendation: "deploy_canary",
      because: overDeploy
        ? `not yet shown to be more than ${formatGain(thresholds.deployAbove, unit)}: ${describeMoreExamples(moreExamples)}`
        : `a gain between ${formatGain(thresholds.canaryFrom, unit)} and ${formatGain(thresholds.deployAbove, unit)} is tried on a share of the traffic first`,
      reasons: [
        isPoint
          ? `The gain of ${formatGain(gain.gain, unit)} is at least ${formatGain(thresholds.canaryFrom, unit)}.`
          : `The gain of ${formatGain(gain.gain, unit)} is at least ${formatGain(thresholds.canaryFrom, unit)} and its ${bound} is above ${formatGain(policy === "strict" ? thresholds.canaryFrom : 0, unit)}.`,
        ...(overDeploy
          ? [`Deploy needs the ${bound} to be above ${formatGain(thresholds.deployAbove, unit)}.`]
          : []),
        ...notes,
      ],
      moreExamples,
      confirmed: null,
    };
  }
  const needed = policy === "strict" ? thresholds.canaryFrom : 0;
  const moreExamples = overCanary ? moreToClear(gain.spread, gain.gain, needed, pairs, alpha) : null;
  return {
    recommendation: "needs_review",
    because: overCanary
      ? `a gain above ${formatGain(needed, unit)} is not shown yet: ${describeMoreExamples(moreExamples)}`
      : `too small a change to act on by itself, and ${describeMoreExamples(null)}`,
    reasons: [
      overCanary
        ? `The gain of ${formatGain(gain.gain, unit)} is at least ${formatGain(thresholds.canaryFrom, unit)}, but its ${bound} is not above ${formatGain(needed, unit)}.`
        : `The gain of ${formatGain(gain.gain, unit)} lies between ${formatGain(thresholds.rejectBelow, unit)} and ${formatGain(thresholds.canaryFrom, unit)}.`,
      ...notes,
    ],
    moreExamples,
    confirmed: null,
  };
}

interface Cap {
  readonly because: string;
  readonly reason: string;
  readonly more: ExampleCounts | null;
}

function capsOf(
  { compiled, gain, quality, pairs }: DecisionInput,
  guardrails: readonly MetricVerdict[],
): readonly Cap[] {
  const { thresholds, policy, alpha } = compiled;
  const caps: Cap[] = [];
  if (gain.unit === "points") {
    caps.push({
      because: "the baseline is too close to 0 for a percentage",
      reason:
        "The mean of the baseline is below 0.05, so the gain is given in points and a deploy is not recommended.",
      more: null,
    });
  }
  for (const metric of guardrails) {
    if (metric.relativeUndefined) {
      caps.push({
        because: `the baseline of ${metric.name} is too close to 0 for a percentage`,
        reason: `The baseline of ${metric.name} is too close to 0 for a relative gain.`,
        more: null,
      });
    } else if (policy !== "point" && !metric.shownSafe) {
      const { gain: metricValue, spread } = metric;
      caps.push({
        because: `${metric.name} is not shown to be safe from a drop of ${formatPercent(-thresholds.degradedBelow)}`,
        reason: `${metric.name}: the lower bound of its gain is ${metric.lowerBound === null ? "unknown" : formatPercent(metric.lowerBound)}, not above ${formatPercent(thresholds.degradedBelow)}.`,
        more:
          metricValue === null || spread === null
            ? null
            : moreToClear(spread, metricValue, thresholds.degradedBelow, metric.pairs, alpha),
      });
    }
  }
  if (policy !== "point" && below(quality.lower, thresholds.minimumQuality)) {
    caps.push({
      because: `its quality is not shown to be above ${thresholds.minimumQuality}`,
      reason: `The lower bound of the mean quality is ${quality.lower.toFixed(3)}, below ${thresholds.minimumQuality}.`,
      more: moreToClear(quality.spread, quality.mean, thresholds.minimumQuality, pairs, alpha),
    });
  }
  return caps;
}

function moreToClear(
  spread: number,
  gain: number,
  threshold: number,
  count: number,
  alpha: number,
): ExampleCounts | null {
  const needed = examplesNeeded({ gain, threshold, relativeStandardDeviation: spread, count, alpha });
  // The formula uses normal quantiles, the decision t and bootstrap: never say "0 more" for a bound that is not cleared.
  return needed === null
    ? null
    : {
        fiftyPercentChance: Math.max(1, needed.more.fiftyPercentChance),
        eightyPercentChance: Math.max(1, needed.more.eightyPercentChance),
      };
}

function largest(counts: readonly (ExampleCounts | null)[]): ExampleCounts | null {
  const known = counts.filter((count) => count !== null);
  if (known.length === 0) return null;
  return {
    fiftyPercentChance: Math.max(...known.map((count) => count.fiftyPercentChance)),
    eightyPercentChance: Math.max(...known.map((count) => count.eightyPercentChance)),
  };
}

function describeMetricGain(metric: MetricVerdict): string {
  return metric.gain === null
    ? "unknown"
    : formatGain(metric.gain, metric.relativeUndefined ? "points" : "percent");
}

function describeDegraded(metric: MetricVerdict): string {
  const bounds =
    metric.upperBound === null
      ? ""
      : `, upper bound ${formatGain(metric.upperBound, metric.relativeUndefined ? "points" : "percent")}`;
  return `${metric.name} changed by ${describeMetricGain(metric)}${bounds}, Holm p for "worse" ${(metric.adjustedPValueWorse ?? 1).toPrecision(2)}.`;
}

function smallSampleNotes(gain: CompositeGain, pairs: number): string[] {
  const notes: string[] = [];
  if (gain.fieller?.bounded === false) notes.push(gain.fieller.reason);
  if (gain.spread === 0) {
    notes.push(
      "All examples changed by the same amount: the interval has no width and says nothing about other examples.",
    );
  }
  if (pairs < 50)
    notes.push("Fewer than 50 examples: a canary claim usually needs about 50, a deploy claim about 200.");
  return notes;
}
