import { requireFiniteNumbers, requireWholeNumber, statisticsError } from "../input-checks.ts";
import {
  addAssignment,
  addPeriod,
  type StoredPeriod,
  smallestDropsCaught,
  turnRound,
} from "./canary-periods.ts";
import {
  type CanaryPlan,
  type CanaryStep,
  type CompiledCanaryPlan,
  compileCanaryPlan,
  decidingGuardrails,
} from "./canary-plan.ts";
import type { CanaryReading, GuardrailReading } from "./canary-reading.ts";
import { type CanaryTick, isScoreOutcomes, requireOutcomes, requireShare } from "./canary-tick.ts";
import { decideCanary } from "./canary-verdict.ts";
import { confidenceSequence } from "./confidence-sequence.ts";
import {
  createEProcess,
  type EProcess,
  type EProcessReading,
  type EProcessState,
  restoreEProcess,
} from "./e-process.ts";
import { type AssignmentPeriod, sampleRatioCheck } from "./sample-ratio-check.ts";

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
    const { rolledBack, assignmentBroken } = this.#state;
    const decided = decideCanary({
      plan,
      step,
      stepSessions,
      elapsedMs,
      guardrails,
      rolledBack,
      assignmentBroken,
    });
    if (decided.verdict === "rollback" && rolledBack === null) {
      this.#state = { ...this.#state, rolledBack: { metric: decided.alarmedMetric, reason: decided.reason } };
    }
    return {
      ...decided,
      smallestDropCaught:
        decided.promotedBy === "no-alarm" ? smallestDropsCaught(plan, this.#state.periods) : null,
      step: { index: stepIndex, share: step.share, sessions: stepSessions, elapsedMs },
      guardrails,
      sampleRatio: sampleRatioCheck({ periods: this.#state.assignments, alpha: plan.sampleRatioAlpha }),
    };
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
