import { describe, expect, it } from "vitest";
import type { CanaryPlan } from "./canary-plan.ts";
import { certify } from "./certify.ts";

const PLAN: CanaryPlan = {
  steps: [
    { share: 0.2, minimumSessions: 1000 },
    { share: 0.5, minimumSessions: 500 },
    { share: 1, minimumSessions: 0 },
  ],
  guardrails: [{ metric: "success", kind: "binary", direction: "higher" }],
  promoteWhen: "no-alarm",
};

describe("certify", () => {
  const certificate = certify({
    plan: PLAN,
    trafficPerHour: 250,
    baseline: { success: 0.9 },
    seed: 7,
    runs: 1000,
  });

  it("states the chances of a false rollback and of a miss", () => {
    expect(certificate.falseRollback.chance).toBeLessThan(0.05);
    expect(certificate.scenarios.map((scenario) => scenario.drop)).toEqual([0, 0.02, 0.05, 0.1]);
    const [, two, five, ten] = certificate.scenarios;
    expect(ten?.rolledBack).toBeGreaterThan(0.9);
    expect(ten?.promoted).toBeLessThan(two?.promoted ?? 0);
    expect(five?.rolledBack).toBeGreaterThan(two?.rolledBack ?? 1);
    for (const { rolledBack, held, promoted } of certificate.scenarios) {
      expect(rolledBack + held + promoted).toBeCloseTo(1, 10);
    }
  });

  it("states the time to decide at the given traffic", () => {
    expect(certificate.scenarios[0]?.sessionsToDecide.median).toBe(1500);
    expect(certificate.scenarios[0]?.hoursToDecide.median).toBe(6);
    const curve = certificate.scenarios[3]?.rolledBackBySessions ?? [];
    expect(curve).toHaveLength(20);
    expect(curve.at(-1)?.share).toBeCloseTo(certificate.scenarios[3]?.rolledBack ?? 0, 10);
  });

  it("prints a table, the same for the same seed", () => {
    expect(certificate.text).toContain("Ladder 20 % → 50 % → 100 % at 250 sessions an hour");
    expect(certificate.text).toContain("success −10 points");
    expect(
      certify({ plan: PLAN, trafficPerHour: 250, baseline: { success: 0.9 }, seed: 7, runs: 1000 }),
    ).toEqual(certificate);
  });

  it("counts a deadline as the plan says", () => {
    const plan: CanaryPlan = {
      ...PLAN,
      promoteWhen: "non-inferior",
      steps: [{ share: 0.2, minimumSessions: 100, deadlineMs: 3_600_000 }],
    };
    const held = certify({ plan, trafficPerHour: 200, baseline: { success: 0.9 }, runs: 200 });
    expect(held.scenarios[0]?.held).toBeGreaterThan(0.9);
  });

  it("asks for the spread of a score, which nobody can guess", () => {
    const plan: CanaryPlan = {
      ...PLAN,
      guardrails: [{ metric: "latency", kind: "score", direction: "higher" }],
    };
    expect(() => certify({ plan, trafficPerHour: 100, baseline: { latency: 0.7 } })).toThrow(
      /"latency" has no standard deviation/,
    );
  });

  it("asks for the baseline of every deciding guardrail", () => {
    expect(() => certify({ plan: PLAN, trafficPerHour: 100, baseline: {} })).toThrow(
      /No baseline is given for guardrail "success"/,
    );
    expect(() => certify({ plan: PLAN, trafficPerHour: 0, baseline: { success: 0.9 } })).toThrow(
      /trafficPerHour/,
    );
  });
});
