import { requireBetween, requireKnownKeys, requireWholeNumber, statisticsError } from "../input-checks.ts";
import { createRandom, type Random } from "../random.ts";
import {
  type CanaryPlan,
  type CompiledCanaryPlan,
  compileCanaryPlan,
  decidingGuardrails,
} from "./canary-plan.ts";
import { FastEProcess } from "./fast-e-process.ts";

/** What a guardrail looks like on the baseline: a rate as a number, a score by mean and standard deviation. Higher is better. */
export type BaselineExpectation = number | { readonly mean: number; readonly standardDeviation: number };

export interface CertifyOptions {
  readonly plan: CanaryPlan;
  /** Sessions of both arms per hour. */
  readonly trafficPerHour: number;
  /** Expected value of every deciding guardrail on the baseline, oriented so that higher is better. */
  readonly baseline: Readonly<Record<string, BaselineExpectation>>;
  /** Seed of the simulation: the same plan and seed give the same certificate. @default 1 */
  readonly seed?: number;
  /** Simulated rollouts per scenario. @default 2000 */
  readonly runs?: number;
  /** Drops of one guardrail that are tried, in points. @default [0.02, 0.05, 0.1] */
  readonly drops?: readonly number[];
}

/** How simulated rollouts of one kind of candidate ended. */
export interface CertifiedScenario {
  /** Guardrail that is worse; null for the unchanged candidate. */
  readonly metric: string | null;
  /** What an alarm of that guardrail does; null for the unchanged candidate. */
  readonly action: "rollback" | "hold" | null;
  /** By how many points. */
  readonly drop: number;
  /** Share of rollouts that were rolled back. */
  readonly rolledBack: number;
  /** Share that was stopped for a person (hold or inconclusive). */
  readonly held: number;
  /** Share that reached the end of the ladder; for a worse candidate, the chance of a miss. */
  readonly promoted: number;
  /** Sessions (and hours) until the rollout ended this way or that; median and 90th percentile. */
  readonly sessionsToDecide: { readonly median: number; readonly p90: number };
  readonly hoursToDecide: { readonly median: number; readonly p90: number };
  /** Share rolled back by a number of sessions, at 20 even points: a curve to draw. */
  readonly rolledBackBySessions: readonly { readonly sessions: number; readonly share: number }[];
}

export interface Certificate {
  readonly runs: number;
  readonly seed: number;
  readonly trafficPerHour: number;
  readonly alpha: number;
  /** Canary share of each step, 0 to 1. */
  readonly shares: readonly number[];
  /** Chance that an unchanged candidate is rolled back, with its simulation error. */
  readonly falseRollback: { readonly chance: number; readonly standardError: number };
  /** The unchanged candidate first, then each guardrail with each drop. */
  readonly scenarios: readonly CertifiedScenario[];
  /** The certificate as plain text. */
  readonly text: string;
}

/**
 * Simulates a rollout plan at the caller's traffic: the chance of rolling back an unchanged candidate, of missing a drop
 * of 2, 5 or 10 points, and the time to decide. Looks after every session, as the e-process allows; guardrails are
 * simulated as independent; scores as normal values cut to [0, 1].
 *
 * @throws `statistics/plan-invalid`, `baseline-missing`, `out-of-range`, `not-a-count`
 */
export function certify(options: CertifyOptions): Certificate {
  requireKnownKeys("options", options, ["plan", "trafficPerHour", "baseline", "seed", "runs", "drops"]);
  const { trafficPerHour, baseline, seed = 1, runs = 2000, drops = [0.02, 0.05, 0.1] } = options;
  const plan = compileCanaryPlan(options.plan);
  requireWholeNumber("runs", runs, 100);
  requireBetween("trafficPerHour", trafficPerHour, 0, 1e12);
  for (const drop of drops) requireBetween("drops", drop, 0, 1);
  const watched = decidingGuardrails(plan).map((guardrail) => ({
    guardrail,
    expected: expectationOf(guardrail.metric, guardrail.kind, baseline),
  }));
  const random = createRandom(seed);
  const simulator = createSimulator(plan, watched, trafficPerHour, random);
  const shared = { runs, trafficPerHour };
  const scenarios = [simulateScenario(simulator, { metric: null, action: null, drop: 0, ...shared })];
  for (const { guardrail } of watched) {
    const { metric } = guardrail;
    const action = guardrail.action === "hold" ? "hold" : "rollback";
    for (const drop of drops) {
      scenarios.push(simulateScenario(simulator, { metric, action, drop, ...shared }));
    }
  }
  const chance = scenarios[0]?.rolledBack ?? 0;
  const certificate = {
    runs,
    seed,
    trafficPerHour,
    alpha: plan.alpha,
    shares: plan.steps.map((step) => step.share),
    falseRollback: { chance, standardError: Math.sqrt((chance * (1 - chance)) / runs) },
    scenarios,
  };
  return { ...certificate, text: describe(certificate) };
}

interface Expectation {
  readonly mean: number;
  readonly standardDeviation: number;
}

function expectationOf(
  metric: string,
  kind: "binary" | "score",
  baseline: CertifyOptions["baseline"],
): Expectation {
  const given = Object.hasOwn(baseline, metric) ? baseline[metric] : undefined;
  if (given === undefined) {
    throw statisticsError(
      "baseline-missing",
      `No baseline is given for guardrail "${metric}".`,
      `Add it, for example baseline: { "${metric}": 0.9 } for a rate or { mean, standardDeviation } for a score.`,
      { metric },
    );
  }
  if (typeof given === "number") {
    if (kind === "score") {
      throw statisticsError(
        "baseline-missing",
        `The baseline of guardrail "${metric}" has no standard deviation, and a score has no natural one.`,
        `Measure it: baseline: { "${metric}": { mean: ${given}, standardDeviation: … } }.`,
        { metric },
      );
    }
    requireBetween(`baseline of "${metric}"`, given, 0, 1);
    return { mean: given, standardDeviation: Math.sqrt(given * (1 - given)) };
  }
  requireBetween(`baseline of "${metric}"`, given.mean, 0, 1);
  if (kind === "score") requireBetween(`standard deviation of "${metric}"`, given.standardDeviation, 0, 1);
  return given;
}

interface Watched {
  readonly guardrail: CompiledCanaryPlan["guardrails"][number];
  readonly expected: Expectation;
}

interface SimulatedRollout {
  readonly ending: "rolled-back" | "held" | "promoted";
  readonly sessions: number;
}

/** Sessions a plan may take when nothing else ends it: a step without a deadline ends as inconclusive here. */
const LONGEST_STEP_SESSIONS = 50_000;

type Simulator = (metric: string | null, drop: number) => SimulatedRollout;

function createSimulator(
  plan: CompiledCanaryPlan,
  watched: readonly Watched[],
  trafficPerHour: number,
  random: Random,
): Simulator {
  const sessionsIn = (durationMs: number): number => Math.ceil((durationMs / 3_600_000) * trafficPerHour);
  const withNonInferiority = plan.promoteWhen === "non-inferior";
  const threshold = watched.length / plan.alpha;
  const arms = watched.map(({ guardrail, expected }) => ({
    ...expected,
    metric: guardrail.metric,
    isBinary: guardrail.kind === "binary",
    ending: guardrail.action === "hold" ? ("held" as const) : ("rolled-back" as const),
    isSafe: false,
    process: new FastEProcess({ ...guardrail, withNonInferiority }),
  }));

  return (worseMetric, drop) => {
    for (const arm of arms) {
      arm.process.reset();
      arm.isSafe = false;
    }
    let sessions = 0;
    for (const step of plan.steps) {
      // At 100 % nothing is compared any more: the ladder is done once it gets there.
      if (step.share >= 1) break;
      const earliest = Math.max(step.minimumSessions, sessionsIn(step.minimumDurationMs), 1);
      const deadline = step.deadlineMs === null ? LONGEST_STEP_SESSIONS : sessionsIn(step.deadlineMs);
      const last = Math.max(earliest, deadline);
      for (let inStep = 1; ; inStep += 1) {
        sessions += 1;
        const isCanary = random.uniform() < step.share;
        for (const arm of arms) {
          const mean = isCanary && arm.metric === worseMetric ? Math.max(0, arm.mean - drop) : arm.mean;
          const outcome = arm.isBinary
            ? random.uniform() < mean
              ? 1
              : 0
            : Math.min(1, Math.max(0, mean + arm.standardDeviation * random.normal()));
          arm.process.observe(isCanary, outcome, step.share);
          if (arm.process.evidence >= threshold) return { ending: arm.ending, sessions };
          if (withNonInferiority && arm.process.safeEvidence >= threshold) arm.isSafe = true;
        }
        if (inStep >= earliest && (!withNonInferiority || arms.every((arm) => arm.isSafe))) break;
        if (inStep >= last) {
          if (plan.onDeadline === "rollback") return { ending: "rolled-back", sessions };
          if (plan.onDeadline === "hold") return { ending: "held", sessions };
          break;
        }
      }
    }
    return { ending: "promoted", sessions };
  };
}

function simulateScenario(
  simulate: Simulator,
  options: Pick<CertifiedScenario, "metric" | "action" | "drop"> &
    Pick<Certificate, "runs" | "trafficPerHour">,
): CertifiedScenario {
  const { metric, action, drop, runs, trafficPerHour } = options;
  const rollouts = Array.from({ length: runs }, () => simulate(metric, drop));
  const shareOf = (ending: SimulatedRollout["ending"]): number =>
    rollouts.filter((rollout) => rollout.ending === ending).length / runs;
  const sessions = rollouts.map((rollout) => rollout.sessions).sort((a, b) => a - b);
  const at = (share: number): number => sessions[Math.min(runs - 1, Math.ceil(share * runs) - 1)] ?? 0;
  const longest = sessions.at(-1) ?? 0;
  const caught = rollouts.filter((rollout) => rollout.ending === "rolled-back");
  return {
    metric,
    action,
    drop,
    rolledBack: shareOf("rolled-back"),
    held: shareOf("held"),
    promoted: shareOf("promoted"),
    sessionsToDecide: { median: at(0.5), p90: at(0.9) },
    hoursToDecide: { median: at(0.5) / trafficPerHour, p90: at(0.9) / trafficPerHour },
    rolledBackBySessions: Array.from({ length: 20 }, (_, index) => {
      const limit = Math.round((longest * (index + 1)) / 20);
      return { sessions: limit, share: caught.filter((rollout) => rollout.sessions <= limit).length / runs };
    }),
  };
}

function describe(certificate: Omit<Certificate, "text">): string {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const shares = certificate.shares.map((share) => `${Number((100 * share).toFixed(2))} %`).join(" → ");
  const lines = [
    `Ladder ${shares} at ${certificate.trafficPerHour} sessions an hour, α = ${certificate.alpha}; ${certificate.runs} simulated rollouts each, seed ${certificate.seed}.`,
    `False rollback of an unchanged candidate: ${percent(certificate.falseRollback.chance)} (± ${percent(2 * certificate.falseRollback.standardError)}).`,
    "",
    ["candidate".padEnd(32), "rolled back", "held", "promoted", "median h", "p90 h"].map(pad).join("  "),
  ];
  for (const scenario of certificate.scenarios) {
    const name =
      scenario.metric === null
        ? "unchanged"
        : `${scenario.metric} −${Number((100 * scenario.drop).toFixed(2))} points`;
    lines.push(
      [
        name.padEnd(32),
        percent(scenario.rolledBack),
        percent(scenario.held),
        percent(scenario.promoted),
        scenario.hoursToDecide.median.toFixed(1),
        scenario.hoursToDecide.p90.toFixed(1),
      ]
        .map(pad)
        .join("  "),
    );
  }
  return lines.join("\n");
}

function pad(cell: string, index: number): string {
  return index === 0 ? cell : cell.padStart(11);
}
