import { describe, expect, it } from "vitest";
import { createRandom } from "../random.ts";
import type { EProcessState, EProcessTick } from "./e-process.ts";
import { createEProcess, restoreEProcess } from "./e-process.ts";
import { FastEProcess } from "./fast-e-process.ts";

function counts(canaryShare: number, cells: readonly [number, number, number, number]): EProcessTick {
  const [canarySuccesses, canaryFailures, baselineSuccesses, baselineFailures] = cells;
  return { canaryShare, canarySuccesses, canaryFailures, baselineSuccesses, baselineFailures };
}

describe("e-process", () => {
  it.each([
    [
      "a 10-point drop",
      0,
      [16, 4, 72, 8],
      [0.220413, 0.659035, 1.131136, 1.630981, 2.155199, 2.700523, 3.263838, 3.842322, 4.433508, 5.035292],
    ],
    [
      "the same with a margin of 2 points",
      0.02,
      [16, 4, 72, 8],
      [0.007045, 0.255717, 0.525822, 0.813793, 1.117631, 1.435445, 1.765439, 2.105949, 2.455484, 2.81273],
    ],
    [
      "no difference",
      0,
      [18, 2, 72, 8],
      [
        -0.495504, -0.652381, -0.755471, -0.835452, -0.901976, -0.959301, -1.009929, -1.055528, -1.097254,
        -1.135919,
      ],
    ],
    ["an error burst", 0, [0, 1, 4, 0], [0.750279, 1.648973, 2.684281, 3.801416]],
  ] as const)("gives the published evidence for %s", (_, alarmMargin, cells, expected) => {
    const process = createEProcess({ kind: "binary", alarmMargin });
    const threshold = Math.log(20);
    expected.forEach((logEvidence, index) => {
      const reading = process.update(counts(0.2, cells));
      expect(reading.logEvidence).toBeCloseTo(logEvidence, 6);
      expect(reading.alarmed).toBe(expected.slice(0, index + 1).some((value) => value >= threshold));
    });
  });

  it("alarms at the seventh tick of the 10-point drop and keeps the alarm", () => {
    const process = createEProcess({ kind: "binary" });
    let alarmedAt = 0;
    for (let tick = 1; tick <= 10 && alarmedAt === 0; tick += 1) {
      if (process.update(counts(0.2, [16, 4, 72, 8])).alarmed) alarmedAt = tick;
    }
    expect(alarmedAt).toBe(7);
    for (let tick = 0; tick < 20; tick += 1) process.update(counts(0.2, [20, 0, 60, 20]));
    expect(process.reading().logEvidence).toBeLessThan(Math.log(20));
    expect(process.reading().alarmed).toBe(true);
  });

  it("goes on from its JSON exactly where it was, also after the share moved", () => {
    const whole = createEProcess({ kind: "binary", alarmMargin: 0.01 });
    let parted = createEProcess({ kind: "binary", alarmMargin: 0.01 });
    for (const share of [0.2, 0.5, 0.9]) {
      whole.update(counts(share, [9, 1, 30, 2]));
      parted.update(counts(share, [9, 1, 30, 2]));
      parted = restoreEProcess(JSON.parse(JSON.stringify(parted)) as EProcessState);
    }
    expect(parted.toJSON()).toEqual(whole.toJSON());
  });

  it("ignores traffic that was not divided: share 0 (breaker open) and share 1", () => {
    const process = createEProcess({ kind: "binary" });
    process.update(counts(0.2, [18, 2, 72, 8]));
    const before = process.toJSON();
    process.update(counts(0, [0, 0, 10, 90]));
    process.update(counts(1, [10, 90, 0, 0]));
    expect(process.toJSON()).toEqual(before);
  });

  it("shows non-inferiority after enough equal traffic, not with little", () => {
    const process = createEProcess({ kind: "binary", nonInferiorityMargin: 0.05 });
    let sessions = 0;
    while (!process.reading().nonInferior && sessions < 20_000) {
      process.update(counts(0.5, [45, 5, 45, 5]));
      sessions += 100;
    }
    expect(sessions).toBeGreaterThan(400);
    expect(sessions).toBeLessThan(2500);
    expect(process.reading().alarmed).toBe(false);
  });

  it("catches a slower canary through a bounded score, and pass/fail scores give the binary evidence", () => {
    const process = createEProcess({ kind: "score" });
    for (let tick = 0; tick < 30; tick += 1) {
      process.update({
        canaryShare: 0.2,
        canaryScores: [
          [0.5, 10],
          [0.7, 10],
        ],
        baselineScores: [
          [0.6, 40],
          [0.8, 40],
        ],
      });
    }
    expect(process.reading().alarmed).toBe(true);
  });

  it("equals the fast process of the simulations session by session", () => {
    const random = createRandom(3);
    for (const kind of ["binary", "score"] as const) {
      const margins = { alarmMargin: 0.01, nonInferiorityMargin: 0.04 };
      const slow = createEProcess({ kind, ...margins });
      const fast = new FastEProcess({ kind, ...margins, withNonInferiority: true });
      for (let session = 0; session < 800; session += 1) {
        const share = session < 300 ? 0.2 : 0.5;
        const isCanary = random.uniform() < share;
        const outcome = kind === "binary" ? (random.uniform() < 0.85 ? 1 : 0) : random.uniform();
        fast.observe(isCanary, outcome, share);
        const success = outcome === 1 ? 1 : 0;
        const cells: [number, number, number, number] = isCanary
          ? [success, 1 - success, 0, 0]
          : [0, 0, success, 1 - success];
        slow.update(
          kind === "binary"
            ? counts(share, cells)
            : {
                canaryShare: share,
                canaryScores: isCanary ? [[outcome, 1]] : [],
                baselineScores: isCanary ? [] : [[outcome, 1]],
              },
        );
      }
      expect(Math.log(fast.evidence)).toBeCloseTo(slow.reading().logEvidence, 9);
      expect(Math.log(fast.safeEvidence)).toBeCloseTo(slow.reading().nonInferiorityLogEvidence, 9);
    }
  });

  it("refuses bad counts, shares, scores, kinds and damaged states", () => {
    const process = createEProcess({ kind: "binary" });
    expect(() => process.update(counts(0.2, [-1, 0, 0, 0]))).toThrow(/canarySuccesses is -1/);
    expect(() => process.update(counts(0.2, [0.5, 0, 0, 0]))).toThrow(/whole number/);
    expect(() => process.update(counts(1.2, [1, 0, 0, 0]))).toThrow(/canaryShare is 1.2/);
    expect(() => process.update(counts(Number.NaN, [1, 0, 0, 0]))).toThrow(/canaryShare is NaN/);
    expect(() => process.update({ canaryShare: 0.2, canaryScores: [], baselineScores: [] })).toThrow(
      /was given scores/,
    );
    expect(() =>
      createEProcess({ kind: "score" }).update({
        canaryShare: 0.2,
        canaryScores: [[1.5, 1]],
        baselineScores: [],
      }),
    ).toThrow(/score 1.5/);
    expect(() => createEProcess({ kind: "binary", alpha: 1 })).toThrow(/alpha/);
    expect(() => restoreEProcess({ ...process.toJSON(), pooledWeight: Number.NaN })).toThrow(/damaged/);
    expect(() => restoreEProcess({} as EProcessState)).toThrow(/damaged/);
    expect(process.reading().observations).toBe(0);
  });
});
