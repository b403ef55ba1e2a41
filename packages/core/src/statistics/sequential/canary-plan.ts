import {
  requireBetween,
  requireKnownKeys,
  requireOneOf,
  requireWholeNumber,
  statisticsError,
} from "../input-checks.ts";
import type { MetricDirection } from "../metric-gain.ts";
import type { EProcessOptions } from "./e-process.ts";

/** One metric that is watched during a rollout. */
export interface CanaryGuardrail {
  readonly metric: string;
  /** `binary`: success counts. `score`: scores in [0, 1]. */
  readonly kind: "binary" | "score";
  /** `lower`: a success (or a high score) is bad; the monitor turns it round. */
  readonly direction: MetricDirection;
  /** What an alarm does. `observe` is shown but decides nothing. @default "rollback" */
  readonly action?: "rollback" | "hold" | "observe";
  /** Alarm only beyond this drop, in points. @default 0 */
  readonly alarmMargin?: number;
  /** Largest drop that still counts as "no worse", in points. @default 0.05 */
  readonly nonInferiorityMargin?: number;
  readonly prior?: EProcessOptions["prior"];
}

/** One share of the ladder. */
export interface CanaryStep {
  /** Canary share, above 0 up to 1; each step is larger than the one before. */
  readonly share: number;
  /** Sessions of both arms before the step may be left. */
  readonly minimumSessions: number;
  /** @default 0 */
  readonly minimumDurationMs?: number;
  /** After this long without a decision `onDeadline` applies; null waits for ever. @default null */
  readonly deadlineMs?: number | null;
}

/** What a canary is judged by. Plain data. */
export interface CanaryPlan {
  readonly steps: readonly CanaryStep[];
  readonly guardrails: readonly CanaryGuardrail[];
  /** Chance of any false alarm over the whole rollout; each deciding guardrail gets an equal part. @default 0.05 */
  readonly alpha?: number;
  /**
   * `non-inferior`: every deciding guardrail has been shown no worse than its margin. `no-alarm`: enough sessions
   * and time without an alarm, for traffic too thin to show more. @default "non-inferior"
   */
  readonly promoteWhen?: "non-inferior" | "no-alarm";
  /** @default "hold" */
  readonly onDeadline?: "hold" | "rollback" | "promote-no-alarm";
  /** No session at all for this long in a step is reported as `no-traffic`. @default 900000 (15 minutes) */
  readonly noTrafficAfterMs?: number;
  /** Chance of a false report that assignment is broken. @default 0.01 */
  readonly sampleRatioAlpha?: number;
}

/** A plan with every default filled in. Plain JSON; part of the stored state. */
export interface CompiledCanaryPlan {
  readonly steps: readonly Required<CanaryStep>[];
  readonly guardrails: readonly (Required<Omit<CanaryGuardrail, "prior">> & Pick<CanaryGuardrail, "prior">)[];
  readonly alpha: number;
  readonly promoteWhen: "non-inferior" | "no-alarm";
  readonly onDeadline: "hold" | "rollback" | "promote-no-alarm";
  readonly noTrafficAfterMs: number;
  readonly sampleRatioAlpha: number;
}

/**
 * Checks a plan and fills its defaults.
 *
 * @throws `statistics/plan-invalid`, `out-of-range`, `not-a-count`, `unknown-choice`, `unknown-option`
 */
export function compileCanaryPlan(plan: CanaryPlan): CompiledCanaryPlan {
  requireKnownKeys("plan", plan, [
    "steps",
    "guardrails",
    "alpha",
    "promoteWhen",
    "onDeadline",
    "noTrafficAfterMs",
    "sampleRatioAlpha",
  ]);
  const compiled: CompiledCanaryPlan = {
    steps: plan.steps.map((step) => ({ minimumDurationMs: 0, deadlineMs: null, ...step })),
    guardrails: plan.guardrails.map((guardrail) => ({
      action: "rollback" as const,
      alarmMargin: 0,
      nonInferiorityMargin: 0.05,
      ...guardrail,
    })),
    alpha: plan.alpha ?? 0.05,
    promoteWhen: plan.promoteWhen ?? "non-inferior",
    onDeadline: plan.onDeadline ?? "hold",
    noTrafficAfterMs: plan.noTrafficAfterMs ?? 900_000,
    sampleRatioAlpha: plan.sampleRatioAlpha ?? 0.01,
  };
  requireBetween("alpha", compiled.alpha, 0, 1);
  requireBetween("sampleRatioAlpha", compiled.sampleRatioAlpha, 0, 1);
  requireOneOf("promoteWhen", compiled.promoteWhen, ["non-inferior", "no-alarm"]);
  requireOneOf("onDeadline", compiled.onDeadline, ["hold", "rollback", "promote-no-alarm"]);
  requireMilliseconds("noTrafficAfterMs", compiled.noTrafficAfterMs);
  requireSteps(compiled.steps);
  requireGuardrails(compiled.guardrails);
  return compiled;
}

/** Guardrails whose alarm does something; α is divided among them. */
export function decidingGuardrails(plan: CompiledCanaryPlan): CompiledCanaryPlan["guardrails"] {
  return plan.guardrails.filter((guardrail) => guardrail.action !== "observe");
}

function planError(message: string, fix: string): Error {
  return statisticsError("plan-invalid", message, fix);
}

function requireMilliseconds(name: string, value: number): void {
  if (!(value >= 0 && Number.isFinite(value))) {
    throw planError(`${name} is ${value}.`, "Use milliseconds, at least 0.");
  }
}

function requireSteps(steps: CompiledCanaryPlan["steps"]): void {
  if (steps.length === 0)
    throw planError("The plan has no steps.", "Add at least one step, for example share 0.2.");
  let before = 0;
  for (const step of steps) {
    if (!(step.share > before && step.share <= 1)) {
      throw planError(
        `A step has share ${step.share} after ${before}.`,
        "Shares rise from above 0 up to 1 (0.2, 0.5, 1): a larger share keeps every session where it is.",
      );
    }
    before = step.share;
    requireWholeNumber("minimumSessions", step.minimumSessions, 0);
    requireMilliseconds("minimumDurationMs", step.minimumDurationMs);
    if (step.deadlineMs !== null) {
      requireMilliseconds("deadlineMs", step.deadlineMs);
      if (step.deadlineMs < step.minimumDurationMs) {
        throw planError(
          `A step's deadline of ${step.deadlineMs} ms is before its minimum of ${step.minimumDurationMs} ms.`,
          "Put the deadline after the minimum duration, or null for none.",
        );
      }
    }
  }
}

function requireGuardrails(guardrails: CompiledCanaryPlan["guardrails"]): void {
  const names = new Set<string>();
  for (const { metric, kind, direction, action } of guardrails) {
    if (metric === "" || names.has(metric)) {
      throw planError(
        `Guardrail metric "${metric}" is empty or used twice.`,
        "Name each guardrail metric once.",
      );
    }
    names.add(metric);
    requireOneOf(`kind of "${metric}"`, kind, ["binary", "score"]);
    requireOneOf(`direction of "${metric}"`, direction, ["higher", "lower"]);
    requireOneOf(`action of "${metric}"`, action, ["rollback", "hold", "observe"]);
  }
  if (guardrails.every((guardrail) => guardrail.action === "observe")) {
    throw planError(
      "No guardrail decides anything.",
      'Give at least one guardrail the action "rollback" or "hold", for example the success rate.',
    );
  }
}
