import { describe, expect, it } from "vitest";
import { certifyRollout } from "./certify-rollout.ts";

describe("certifyRollout", () => {
  it("keeps its promise about false rollbacks and sees a larger drop more often", () => {
    const certificate = certifyRollout("canary_20pct", {
      trafficPerHour: 400,
      baseline: { success: 0.9 },
      runs: 300,
    });
    const { chance, standardError } = certificate.falseRollback;
    expect(chance).toBeLessThanOrEqual(0.05 + 3 * standardError);
    const caught = certificate.scenarios.filter((scenario) => scenario.metric === "success");
    expect(caught.map((scenario) => scenario.drop)).toEqual([0.02, 0.05, 0.1]);
    expect(caught.at(-1)?.rolledBack ?? 0).toBeGreaterThan(caught[0]?.rolledBack ?? 1);
    expect(certificate.text).toContain("400");
  });
});
