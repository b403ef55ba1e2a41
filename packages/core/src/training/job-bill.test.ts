import { expect, it } from "vitest";
import { costSoFarUsd, overCap, projectedCostUsd, timeoutWithinCap } from "./job-bill.ts";

const minute = 60_000;
const start = Date.UTC(2026, 0, 1);
const job = {
  runningSince: new Date(start).toISOString(),
  finishedAt: null,
  costUsdPerHour: 6,
  earlierCostUsd: 0.5,
  costUsd: null,
  progress: null,
  maxCostUsd: 2,
};
const progress = (etaMinutes: number | null) => ({
  currentStep: 10,
  totalSteps: 100,
  progressPct: 10,
  currentLoss: 1,
  learningRate: 1e-4,
  etaMinutes,
});

it("every started minute is billed, of all attempts, and waiting for a machine is free", () => {
  expect(costSoFarUsd(job, start + 1)).toBeCloseTo(0.6, 9);
  expect(costSoFarUsd(job, start + 9.5 * minute)).toBeCloseTo(1.5, 9);
  expect(costSoFarUsd({ ...job, runningSince: null }, start + 900 * minute)).toBe(0.5);
  expect(costSoFarUsd({ ...job, costUsd: 3 }, start)).toBe(3.5);
});

it("a projection needs a rate", () => {
  expect(projectedCostUsd({ ...job, progress: progress(null) }, start + minute)).toBeNull();
  expect(projectedCostUsd({ ...job, progress: progress(9) }, start + minute)).toBeCloseTo(1.5, 9);
});

it("the cap is passed by the bill or by where it is heading, and not at the cap itself", () => {
  expect(overCap(job, start + 15 * minute)).toBeNull();
  expect(overCap(job, start + 15 * minute + 1)).toBe("It has cost $2.10, above maxCostUsd = $2.00.");
  expect(overCap({ ...job, progress: progress(14) }, start + minute)).toBeNull();
  expect(overCap({ ...job, progress: progress(15) }, start + minute)).toMatch(/heading for \$2\.10/);
  expect(overCap({ ...job, maxCostUsd: null, progress: progress(1e6) }, start + minute)).toBeNull();
});

it("the time limit holds the cap where nobody follows", () => {
  const run = { timeoutMs: 600 * minute, maxCostUsd: 2, costUsdPerHour: 6, earlierCostUsd: 0.5 };
  expect(timeoutWithinCap(run)).toBe(15 * minute);
  expect(timeoutWithinCap({ ...run, timeoutMs: 5 * minute })).toBe(5 * minute);
  expect(timeoutWithinCap({ ...run, maxCostUsd: null })).toBe(run.timeoutMs);
  expect(timeoutWithinCap({ ...run, costUsdPerHour: 0 })).toBe(run.timeoutMs);
  expect(() => timeoutWithinCap({ ...run, earlierCostUsd: 1.95 })).toThrowError(/pays for no further minute/);
});
