import { bucketOf, chiSquareUpperTail } from "@modelops/core/statistics";
import type { BenchReport } from "../bench-report.ts";

const KEYS = 100_000;
const SALTS = 300;
const KEYS_PER_SALT = 2_000;

/** How evenly keys are divided, and whether raising the share moves any back. */
export function measureSplit(report: BenchReport): void {
  const canary = new Uint8Array(KEYS);
  let worst = 0;
  let left = 0;
  for (const share of [20, 50, 100]) {
    let count = 0;
    for (let index = 0; index < KEYS; index += 1) {
      const isCanary = bucketOf("rollout-42", `user-${index}`) < share * 100;
      if (isCanary) count += 1;
      else if (canary[index] === 1) left += 1;
      canary[index] = isCanary ? 1 : 0;
    }
    worst = Math.max(worst, Math.abs((100 * count) / KEYS - share));
  }
  report.figure({
    name: "share of 100,000 keys against 20, 50, 100 %, worst",
    value: worst,
    unit: "points",
    goal: "≤ 0.5 points",
    isReached: worst <= 0.5,
  });
  report.figure({
    name: "keys that leave the canary while it ramps",
    value: left,
    unit: "keys",
    goal: "0",
    isReached: left === 0,
  });
  const unlikely = unlikelySalts();
  report.figure({
    name: `of ${SALTS} salts, those whose split has p < .05`,
    value: 100 * unlikely,
    unit: "%",
    goal: "about 5 %",
    isReached: unlikely > 0.02 && unlikely < 0.09,
  });
}

function unlikelySalts(): number {
  const [expectedCanary, expectedBaseline] = [0.2 * KEYS_PER_SALT, 0.8 * KEYS_PER_SALT];
  let unlikely = 0;
  for (let salt = 0; salt < SALTS; salt += 1) {
    let canary = 0;
    for (let key = 0; key < KEYS_PER_SALT; key += 1) {
      if (bucketOf(`salt-${salt}`, `u${key}`) < 2_000) canary += 1;
    }
    const square = (canary - expectedCanary) ** 2;
    if (chiSquareUpperTail(square / expectedCanary + square / expectedBaseline, 1) < 0.05) unlikely += 1;
  }
  return unlikely / SALTS;
}
