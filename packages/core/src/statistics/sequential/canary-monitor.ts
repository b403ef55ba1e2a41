import { requireFiniteNumbers, requireWholeNumber, statisticsError } from "../input-checks.ts";
import {
  type CanaryPlan,
  type CanaryStep,
  type CompiledCanaryPlan,
  compileCanaryPlan,
  decidingGuardrails,
} from "./canary-plan.ts";
import {
  type CanaryTick,
  type GuardrailOutcomes,
  isScoreOutcomes,
  requireOutcomes,
  requireShare,
  type ScoreCount,
} from "./canary-tick.ts";
import { type ArmPeriod, type ConfidenceSequence, confidenceSequence } from "./confidence-sequence.ts";
import {
  createEProcess,
  type EProcess,
  type EProcessReading,
  type EProcessState,
  restoreEProcess,
} from "./e-process.ts";
import { type AssignmentPeriod, type SampleRatioCheck, sampleRatioCheck } from "./sample-ratio-check.ts";

/** `promote` moves to the next step; `hold` and `inconclusive` need a person; `no-traffic` means nothing was seen. */
export type CanaryVerdict = "promote" | "continue" | "rollback" | "hold" | "inconclusive" | "no-traffic";

/** One guardrail as it stands. */
export interface GuardrailReading extends EProcessReading {
  readonly metric: string;
  readonly action: "rollback" | "hold" | "observe";
  /** A person has accepted its alarm: it is shown and decides nothing any more. */
  readonly acknowledged: boolean;
  /** Approximate interval of canary − baseline, higher is better; null while too little is known. */
  readonly confidence: ConfidenceSequence | null;
}

export interface CanaryReading {
  readonly verdict: CanaryVerdict;
  /** One plain sentence. */
  readonly reason: string;
  /** How a promotion was earned; null for other verdicts. */
  readonly promotedBy: "non-inferior" | "no-alarm" | null;
  /** Metric of the alarm that decided, if one did. */
  readonly alarmedMetric: string | null;
  /** For a promotion without an alarm: about the smallest drop (points) that would have been caught 4 times in 5. */
  readonly smallestDropCaught: Readonly<Record<string, number>> | null;
  readonly step: {
    readonly index: number;
    readonly share: number;
    readonly sessions: { readonly canary: number; readonly baseline: number };
    readonly elapsedMs: number;
  };
  readonly guardrails: readonly GuardrailReading[];
  readonly sampleRatio: SampleRatioCheck;
}

/** Totals of one metric at one share. */
interface StoredPeriod extends ArmPeriod {
  readonly canaryShare: number;
}

/** Everything a monitor needs to go on in another process. Plain JSON. */
export interface CanaryMonitorState {
  readonly v: 1;
  readonly plan: CompiledCanaryPlan;
  readonly stepIndex: number;
  readonly stepStartedAtMs: number;
  readonly stepSessions: { readonly canary: number; readonly baseline: number };
  readonly latestAtMs: number;
  readonly processes: Readonly<Record<string, EProcessState>>;
  readonly periods: Readonly<Record<string, readonly StoredPeriod[]>>;
  readonly assignments: readonly AssignmentPeriod[];
  /** Why the rollout was rolled back, once it was; stays. */
  readonly rolledBack: { readonly metric: string | null; readonly reason: string } | null;
  /** True once assignment was found broken; stays, and nothing is decided any more. */
  readonly assignmentBroken: boolean;
  /** Guardrails whose alarm a person has accepted. Left out = none. */
  readonly acknowledged?: readonly string[];
}

/**
 * Watches a canary: one e-process per guardrail at α/k for the whole rollout, a sequential sample-ratio check, and a
 * verdict after every tick. Looking often costs nothing: the chance of a false rollback stays ≤ α.
 *
 * The monitor does no I/O and keeps no clock: feed it ticks (merged over processes by `mergeCanaryTicks`), store
 * `toJSON()`, continue with `CanaryMonitor.restore`. Outcomes count for the arm a session was *assigned* to, also when a
 * fallback answered.
 */
export class CanaryMonitor {
  #state: Omit<CanaryMonitorState, "processes">;
  readonly #processes: Map<string, EProcess>;

  /**
   * @param startedAtMs when the first step began, milliseconds since the epoch
   * @throws `statistics/plan-invalid` and what `compileCanaryPlan` throws
   */
  constructor(options: { readonly plan: CanaryPlan; readonly startedAtMs: number }) {
    const plan = compileCanaryPlan(options.plan);
    requireFiniteNumbers("startedAtMs", [options.startedAtMs]);
    const alpha = plan.alpha / decidingGuardrails(plan).length;
    this.#processes = new Map(
      plan.guardrails.map(({ metric, kind, alarmMargin, nonInferiorityMargin, prior }) => [
        metric,
        createEProcess({ kind, alpha, alarmMargin, nonInferiorityMargin, prior }),
      ]),
    );
    this.#state = {
      v: 1,
      plan,
      stepIndex: 0,
      stepStartedAtMs: options.startedAtMs,
      stepSessions: { canary: 0, baseline: 0 },
      latestAtMs: options.startedAtMs,
      periods: {},
      assignments: [],
      rolledBack: null,
      assignmentBroken: false,
    };
  }

  /**
   * Continues from a stored state.
   *
   * @throws `statistics/state-unreadable`
   */
  static restore(state: CanaryMonitorState): CanaryMonitor {
    if (state?.v !== 1 || !Array.isArray(state.plan?.guardrails) || typeof state.processes !== "object") {
      throw statisticsError(
        "state-unreadable",
        "The stored monitor state is damaged or of another version.",
        "Restore it as it was written; a new monitor in the middle of a rollout would double α.",
      );
    }
    const { processes, ...rest } = state;
    const monitor = new CanaryMonitor({ plan: state.plan, startedAtMs: state.stepStartedAtMs });
    monitor.#state = rest;
    for (const { metric } of state.plan.guardrails) {
      const stored = Object.hasOwn(processes, metric) ? processes[metric] : undefined;
      if (stored === undefined) {
        throw statisticsError(
          "state-unreadable",
          `The stored monitor state lacks guardrail "${metric}".`,
          "Restore it as it was written.",
        );
      }
      monitor.#processes.set(metric, restoreEProcess(stored));
    }
    return monitor;
  }

  /** State to store after each tick. */
  toJSON(): CanaryMonitorState {
    return {
      ...this.#state,
      processes: Object.fromEntries(
        [...this.#processes].map(([metric, process]) => [metric, process.toJSON()]),
      ),
    };
  }

  /**
   * Starts a step of the plan (the next one, or an earlier one after a hold). Evidence is kept: a rollout is one test.
   *
   * @throws `statistics/not-a-count`, `plan-invalid` for a step the plan does not have
   */
  beginStep(step: { readonly index: number; readonly atMs: number }): void {
    requireWholeNumber("index", step.index, 0);
    requireFiniteNumbers("atMs", [step.atMs]);
    if (step.index >= this.#state.plan.steps.length) {
      throw statisticsError(
        "plan-invalid",
        `The plan has ${this.#state.plan.steps.length} steps, not a step ${step.index}.`,
        "Count steps from 0.",
      );
    }
    this.#state = {
      ...this.#state,
      stepIndex: step.index,
      stepStartedAtMs: step.atMs,
      stepSessions: { canary: 0, baseline: 0 },
      latestAtMs: Math.max(this.#state.latestAtMs, step.atMs),
    };
  }

  /**
   * Takes note that a person accepts what a guardrail with `action: "hold"` has shown: from now on it is observed only. Its
   * part of α is spent; the others keep theirs, so that the promise about false rollbacks stands. Calling it twice is calm.
   *
   * @throws `statistics/unknown-metric` for what is no such guardrail
   */
  acknowledge(metric: string): void {
    const guardrails = this.#state.plan.guardrails.filter(({ action }) => action === "hold");
    if (!guardrails.some((guardrail) => guardrail.metric === metric)) {
      const names = guardrails.map((guardrail) => guardrail.metric).join(", ") || "none";
      throw statisticsError(
        "unknown-metric",
        `"${metric}" is no guardrail that holds a rollout.`,
        `Only an alarm that holds can be accepted: ${names}.`,
        { metric },
      );
    }
    const acknowledged = this.#state.acknowledged ?? [];
    if (acknowledged.includes(metric)) return;
    this.#state = { ...this.#state, acknowledged: [...acknowledged, metric] };
  }

  /**
   * Feeds a tick and gives the verdict.
   *
   * @throws `statistics/unknown-metric`, `out-of-range`, `not-a-count`, `score-out-of-range`, `kind-mismatch`; the state is
   *   unchanged then
   */
  update(tick: CanaryTick): CanaryReading {
    this.#check(tick);
    const { canaryShare, sessions } = tick;
    const state = this.#state;
    const randomised = canaryShare > 0 && canaryShare < 1;
    const assignments = randomised
      ? addAssignment(state.assignments, canaryShare, sessions)
      : state.assignments;
    const assignmentBroken =
      state.assignmentBroken ||
      sampleRatioCheck({ periods: assignments, alpha: state.plan.sampleRatioAlpha }).mismatch;
    const periods: Record<string, readonly StoredPeriod[]> = { ...state.periods };
    if (randomised && !assignmentBroken) {
      for (const { metric, direction } of state.plan.guardrails) {
        const given = Object.hasOwn(tick.outcomes, metric) ? tick.outcomes[metric] : undefined;
        if (given === undefined) continue;
        const outcomes = direction === "lower" ? turnRound(given) : given;
        this.#processes.get(metric)?.update({ canaryShare, ...outcomes });
        periods[metric] = addPeriod(periods[metric] ?? [], canaryShare, outcomes);
      }
    }
    this.#state = {
      ...state,
      assignments,
      assignmentBroken,
      periods,
      latestAtMs: Math.max(state.latestAtMs, tick.atMs),
      stepSessions: {
        canary: state.stepSessions.canary + sessions.canary,
        baseline: state.stepSessions.baseline + sessions.baseline,
      },
    };
    return this.reading(tick.atMs);
  }

  /**
   * The verdict as of now, without new data: deadlines and silence are noticed here.
   *
   * @param atMs milliseconds since the epoch; earlier than the latest tick counts as the latest tick
   */
  reading(atMs: number): CanaryReading {
    requireFiniteNumbers("atMs", [atMs]);
    const now = Math.max(atMs, this.#state.latestAtMs);
    this.#state = { ...this.#state, latestAtMs: now };
    const { plan, stepIndex, stepStartedAtMs, stepSessions } = this.#state;
    const guardrails = plan.guardrails.map(
      ({ metric, action }): GuardrailReading => ({
        ...this.#readingOf(metric),
        metric,
        action,
        acknowledged: this.#state.acknowledged?.includes(metric) ?? false,
        confidence: confidenceSequence({ periods: this.#state.periods[metric] ?? [], alpha: plan.alpha }),
      }),
    );
    const step = this.#step();
    const elapsedMs = now - stepStartedAtMs;
    const decided = this.#decide(guardrails, step, elapsedMs);
    if (decided.verdict === "rollback" && this.#state.rolledBack === null) {
      this.#state = { ...this.#state, rolledBack: { metric: decided.alarmedMetric, reason: decided.reason } };
    }
    return {
      ...decided,
      smallestDropCaught: decided.promotedBy === "no-alarm" ? this.#smallestDrops() : null,
      step: { index: stepIndex, share: step.share, sessions: stepSessions, elapsedMs },
      guardrails,
      sampleRatio: sampleRatioCheck({ periods: this.#state.assignments, alpha: plan.sampleRatioAlpha }),
    };
  }

  #decide(
    guardrails: readonly GuardrailReading[],
    step: Required<CanaryStep>,
    elapsedMs: number,
  ): Pick<CanaryReading, "verdict" | "reason" | "promotedBy" | "alarmedMetric"> {
    const { plan, stepSessions, rolledBack, assignmentBroken } = this.#state;
    const say = (verdict: CanaryVerdict, reason: string, alarmedMetric: string | null = null) => ({
      verdict,
      reason,
      alarmedMetric,
      promotedBy: null,
    });
    if (rolledBack !== null) return say("rollback", rolledBack.reason, rolledBack.metric);
    if (assignmentBroken) {
      return say(
        "hold",
        "Sessions are not divided as the plan says, so no figure of this rollout can be trusted: repair the assignment.",
      );
    }
    const deciding = guardrails.filter(({ action, acknowledged }) => action !== "observe" && !acknowledged);
    for (const action of ["rollback", "hold"] as const) {
      const alarmed = deciding.find((guardrail) => guardrail.action === action && guardrail.alarmed);
      if (alarmed !== undefined) return say(action, describeAlarm(alarmed), alarmed.metric);
    }
    const sessions = stepSessions.canary + stepSessions.baseline;
    const isSeasoned =
      sessions >= step.minimumSessions && elapsedMs >= step.minimumDurationMs && sessions > 0;
    const accepted = guardrails.filter(({ acknowledged }) => acknowledged).map(({ metric }) => metric);
    const besides = accepted.length === 0 ? "" : ` besides ${accepted.join(", ")}, accepted by a person`;
    if (isSeasoned && deciding.length > 0 && deciding.every((guardrail) => guardrail.nonInferior)) {
      return {
        ...say(
          "promote",
          `Every guardrail${besides} is shown to be no worse than its margin after ${sessions} sessions.`,
        ),
        promotedBy: "non-inferior",
      };
    }
    const atDeadline = step.deadlineMs !== null && elapsedMs >= step.deadlineMs;
    // With nothing left that could be shown, sessions and time are all there is to wait for.
    const isNoAlarmEnough =
      plan.promoteWhen === "no-alarm" ||
      deciding.length === 0 ||
      (atDeadline && plan.onDeadline === "promote-no-alarm");
    if (isSeasoned && isNoAlarmEnough) {
      return {
        ...say("promote", `No alarm${besides} in ${sessions} sessions of this step.`),
        promotedBy: "no-alarm",
      };
    }
    if (sessions === 0 && (atDeadline || elapsedMs >= plan.noTrafficAfterMs)) {
      return say(
        "no-traffic",
        `No session was seen in this step for ${Math.round(elapsedMs / 1000)} seconds.`,
      );
    }
    if (atDeadline) {
      return plan.onDeadline === "rollback"
        ? say("rollback", `The deadline of this step passed without a decision after ${sessions} sessions.`)
        : say(
            "inconclusive",
            `The deadline passed after ${sessions} sessions: no harm shown, but no safety either.`,
          );
    }
    const missing = deciding
      .filter((guardrail) => !guardrail.nonInferior)
      .map((guardrail) => guardrail.metric);
    return say(
      "continue",
      isSeasoned
        ? `No alarm; not yet shown to be no worse: ${missing.join(", ")}.`
        : `No alarm; ${sessions} of ${step.minimumSessions} sessions of this step.`,
    );
  }

  #step(): Required<CanaryStep> {
    const step = this.#state.plan.steps[this.#state.stepIndex];
    if (step === undefined) {
      throw statisticsError(
        "state-unreadable",
        `The stored plan has no step ${this.#state.stepIndex}.`,
        "Restore the state as it was written.",
      );
    }
    return step;
  }

  #readingOf(metric: string): EProcessReading {
    const process = this.#processes.get(metric);
    if (process === undefined) {
      throw statisticsError(
        "state-unreadable",
        `Guardrail "${metric}" has no process.`,
        "Restore the stored state.",
      );
    }
    return process.reading();
  }

  /**
   * From d²·Σ n·w(1−w)/(2v) ≈ ln(k/α) + 4.2: what the evidence of a drop d has to add up to for 80 % power, fitted to
   * simulations of the e-process (within about 10 %).
   */
  #smallestDrops(): Readonly<Record<string, number>> {
    const { plan, periods } = this.#state;
    const needed = -Math.log(plan.alpha / decidingGuardrails(plan).length) + 4.2;
    return Object.fromEntries(
      decidingGuardrails(plan).map(({ metric, alarmMargin }) => {
        let information = 0;
        let count = 0;
        let sum = 0;
        let squares = 0;
        for (const { canaryShare, canary, baseline } of periods[metric] ?? []) {
          const size = canary.count + baseline.count;
          information += size * canaryShare * (1 - canaryShare);
          count += size;
          sum += canary.sum + baseline.sum;
          squares += (canary.sumOfSquares ?? canary.sum) + (baseline.sumOfSquares ?? baseline.sum);
        }
        const variance = count === 0 ? 0 : Math.max(0.001, squares / count - (sum / count) ** 2);
        return [
          metric,
          information === 0 ? 1 : Math.min(1, alarmMargin + Math.sqrt((2 * needed * variance) / information)),
        ];
      }),
    );
  }

  #check(tick: CanaryTick): void {
    requireFiniteNumbers("atMs", [tick.atMs]);
    requireShare(tick.canaryShare);
    requireWholeNumber("sessions.canary", tick.sessions.canary, 0);
    requireWholeNumber("sessions.baseline", tick.sessions.baseline, 0);
    for (const [metric, outcomes] of Object.entries(tick.outcomes)) {
      const guardrail = this.#state.plan.guardrails.find((candidate) => candidate.metric === metric);
      if (guardrail === undefined) {
        throw statisticsError(
          "unknown-metric",
          `The tick reports "${metric}", which is no guardrail of the plan.`,
          `Guardrails are ${this.#state.plan.guardrails.map((candidate) => candidate.metric).join(", ")}.`,
          { metric },
        );
      }
      requireOutcomes(metric, outcomes);
      if (isScoreOutcomes(outcomes) !== (guardrail.kind === "score")) {
        throw statisticsError(
          "kind-mismatch",
          `Guardrail "${metric}" is ${guardrail.kind}, but the tick reports ${isScoreOutcomes(outcomes) ? "scores" : "counts"}.`,
          "Report counts for binary guardrails and scores for score guardrails.",
          { metric },
        );
      }
    }
  }
}

function describeAlarm({ metric, confidence, observations, logEvidence }: GuardrailReading): string {
  const estimate =
    confidence === null ? "" : ` (${(100 * confidence.difference).toFixed(1)} points against the baseline)`;
  return `${metric} is worse on the canary${estimate}: evidence e^${logEvidence.toFixed(1)} after ${observations} sessions.`;
}

function turnRound(outcomes: GuardrailOutcomes): GuardrailOutcomes {
  if (isScoreOutcomes(outcomes)) {
    const turn = (list: readonly ScoreCount[]): readonly ScoreCount[] =>
      list.map(([score, count]): ScoreCount => [1 - score, count]);
    return { canaryScores: turn(outcomes.canaryScores), baselineScores: turn(outcomes.baselineScores) };
  }
  return {
    canarySuccesses: outcomes.canaryFailures,
    canaryFailures: outcomes.canarySuccesses,
    baselineSuccesses: outcomes.baselineFailures,
    baselineFailures: outcomes.baselineSuccesses,
  };
}

function addAssignment(
  periods: readonly AssignmentPeriod[],
  canaryShare: number,
  added: CanaryTick["sessions"],
): readonly AssignmentPeriod[] {
  const known = periods.find((period) => period.canaryShare === canaryShare);
  const merged = {
    canaryShare,
    canary: (known?.canary ?? 0) + added.canary,
    baseline: (known?.baseline ?? 0) + added.baseline,
  };
  return known === undefined
    ? [...periods, merged]
    : periods.map((period) => (period === known ? merged : period));
}

function totalsOf(list: readonly ScoreCount[]): Required<ArmPeriod["canary"]> {
  let count = 0;
  let sum = 0;
  let sumOfSquares = 0;
  for (const [score, times] of list) {
    count += times;
    sum += times * score;
    sumOfSquares += times * score * score;
  }
  return { count, sum, sumOfSquares };
}

function addPeriod(
  periods: readonly StoredPeriod[],
  canaryShare: number,
  outcomes: GuardrailOutcomes,
): readonly StoredPeriod[] {
  const lists = isScoreOutcomes(outcomes)
    ? outcomes
    : {
        canaryScores: [[1, outcomes.canarySuccesses] as const, [0, outcomes.canaryFailures] as const],
        baselineScores: [[1, outcomes.baselineSuccesses] as const, [0, outcomes.baselineFailures] as const],
      };
  const known = periods.find((period) => period.canaryShare === canaryShare);
  const add = (arm: "canary" | "baseline", list: readonly ScoreCount[]): Required<ArmPeriod["canary"]> => {
    const before = known?.[arm];
    const added = totalsOf(list);
    return {
      count: (before?.count ?? 0) + added.count,
      sum: (before?.sum ?? 0) + added.sum,
      sumOfSquares: (before?.sumOfSquares ?? before?.sum ?? 0) + added.sumOfSquares,
    };
  };
  const merged: StoredPeriod = {
    canaryShare,
    canary: add("canary", lists.canaryScores),
    baseline: add("baseline", lists.baselineScores),
  };
  return known === undefined
    ? [...periods, merged]
    : periods.map((period) => (period === known ? merged : period));
}
