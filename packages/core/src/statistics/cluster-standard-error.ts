import { meanOf, standardDeviationOf } from "./descriptive.ts";
import { requireFiniteNumbers, requireSameLength, statisticsError } from "./input-checks.ts";

export interface ClusterStandardErrorOptions {
  /** One number per example, usually the paired difference. */
  readonly values: readonly number[];
  /** Which document, conversation or source each example came from. */
  readonly clusterIds: readonly (string | number)[];
}

export interface ClusterStandardError {
  readonly mean: number;
  readonly clusterCount: number;
  /** sd/√n, as if examples were independent. */
  readonly naive: number;
  /** √(Σ_g (Σ_{i∈g} (x_i − x̄))²)/n. */
  readonly cr0: number;
  /** CR0·√(G/(G−1)). */
  readonly cr1: number;
  /** max(naive, cr1): with few clusters the cluster error can be small by luck. */
  readonly recommended: number;
  /** G − 1, for the t quantile. */
  readonly degreesOfFreedom: number;
  /** What to do instead when there are fewer than 20 clusters, else null. */
  readonly advice: string | null;
}

/**
 * Standard error of a mean when examples share documents or conversations.
 *
 * Source: Liang & Zeger 1986 (CR0), small-sample factor G/(G−1) (CR1); for evaluations Miller, arXiv 2411.00640 §2.2.
 *
 * @throws `statistics/empty-input`, `not-finite`, `length-mismatch`, `too-few-clusters` (fewer than 2)
 */
export function clusterStandardError(options: ClusterStandardErrorOptions): ClusterStandardError {
  const { values, clusterIds } = options;
  requireFiniteNumbers("values", values, 2);
  requireSameLength("values", values, "clusterIds", clusterIds);
  const mean = meanOf(values);
  const sums = new Map<string | number, number>();
  values.forEach((value, index) => {
    const id = clusterIds[index] ?? "";
    sums.set(id, (sums.get(id) ?? 0) + value - mean);
  });
  const clusterCount = sums.size;
  if (clusterCount < 2) {
    throw statisticsError(
      "too-few-clusters",
      "All examples belong to one cluster, so no spread between clusters can be measured.",
      "Add examples from other documents or conversations, or leave clusterIds out if they are independent.",
    );
  }
  let squares = 0;
  for (const sum of sums.values()) squares += sum * sum;
  const naive = standardDeviationOf(values) / Math.sqrt(values.length);
  const cr0 = Math.sqrt(squares) / values.length;
  const cr1 = cr0 * Math.sqrt(clusterCount / (clusterCount - 1));
  return {
    mean,
    clusterCount,
    naive,
    cr0,
    cr1,
    recommended: Math.max(naive, cr1),
    degreesOfFreedom: clusterCount - 1,
    advice:
      clusterCount < 20
        ? `Only ${clusterCount} clusters: a cluster standard error is unreliable below 20. Use signFlipTest with clusterIds, and the larger of the naive and the cluster error.`
        : null,
  };
}
