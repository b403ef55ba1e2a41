import { expect, test } from "vitest";
import { clusterStandardError } from "../cluster-standard-error.ts";
import { studentTCdf } from "../distributions/student-t.ts";
import { createRandom } from "../random.ts";
import { signFlipTest } from "../sign-flip-test.ts";
import { metricEvidence } from "./metric-verdict.ts";

function sharedDocuments(documents: number, perDocument: number) {
  const random = createRandom(9);
  const candidate: number[] = [];
  const baseline: number[] = [];
  const clusterIds: number[] = [];
  for (let document = 0; document < documents; document += 1) {
    const shift = -0.02 + 0.05 * random.normal();
    for (let index = 0; index < perDocument; index += 1) {
      baseline.push(0.6 + 0.02 * random.normal());
      candidate.push(0.6 + shift + 0.02 * random.normal());
      clusterIds.push(document);
    }
  }
  return {
    candidate,
    baseline,
    clusterIds,
    differences: candidate.map((one, i) => one - (baseline[i] ?? 0)),
  };
}
const metric = { kind: "score", direction: "higher" } as const;

test("few documents: exact sign flips of whole documents", () => {
  const { differences, ...arms } = sharedDocuments(12, 4);
  const { pValueWorse } = metricEvidence({ metric, ...arms, alpha: 0.05 });
  expect(pValueWorse).toBe(signFlipTest({ differences, clusterIds: arms.clusterIds }).pValueWorse);
});

test("many documents: t with the cluster error, which sign flips of documents confirm", () => {
  const { differences, ...arms } = sharedDocuments(60, 4);
  const { clusterIds } = arms;
  const { pValueWorse } = metricEvidence({ metric, ...arms, alpha: 0.05 });
  const { mean, recommended } = clusterStandardError({ values: differences, clusterIds });
  expect(pValueWorse).toBeCloseTo(studentTCdf(mean / recommended, 59), 12);
  expect(Math.abs((pValueWorse ?? 1) - signFlipTest({ differences, clusterIds }).pValueWorse)).toBeLessThan(
    0.01,
  );
});
