import type { EvaluationExample } from "../contract/dataset-source.ts";
import { canonicalJson } from "../datasets/canonical-row.ts";
import { RowFingerprint } from "../datasets/fingerprint.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { OpenedDataset } from "./dataset.ts";
import type { ExampleShape, ReadExample } from "./example.ts";
import type { Metric } from "./metric.ts";

/** Largest share of examples that may lack what a weighted metric needs. */
export const MAX_MISSING_SHARE = 0.05;

export interface DatasetInspection {
  readonly examples: number;
  /** `sha256:…` over the examples as read (ids, inputs, outputs, metadata), in order. */
  readonly fingerprint: string;
  readonly shape: ExampleShape;
}

/**
 * Reads the whole set once before any model is called and refuses what would make the numbers worthless: an empty set,
 * duplicate ids, mixed shapes, and weighted metrics that most examples cannot feed.
 */
export async function inspectDataset(options: {
  readonly dataset: OpenedDataset;
  readonly metrics: readonly Metric[];
  readonly weights: Readonly<Record<string, number>>;
  readonly hasAgentRun: boolean;
  /** Throws when an example cannot be asked or a function of the host fails on it. */
  readonly checkExample: (example: EvaluationExample) => void;
  readonly signal: AbortSignal;
}): Promise<DatasetInspection> {
  const { dataset, metrics, weights, hasAgentRun } = options;
  const fingerprint = new RowFingerprint();
  const lineById = new Map<string, number>();
  const missing = new Map<string, { count: number; reason: string }>();
  let shape = null as ExampleShape | null;
  let count = 0;

  const inspect = ({ example, shape: ownShape }: ReadExample): void => {
    options.signal.throwIfAborted();
    count += 1;
    const earlier = lineById.get(example.id);
    if (earlier !== undefined) throw duplicateId(example.id, earlier, count);
    lineById.set(example.id, count);
    shape ??= ownShape;
    if (ownShape !== shape) throw mixedShapes(shape, ownShape, count);
    fingerprint.addCanonical(canonicalExample(example, count));
    options.checkExample(example);
    for (const metric of metrics) {
      const reason = metric.missing?.({ example, hasAgentRun }) ?? null;
      if (reason === null) continue;
      const entry = missing.get(metric.name) ?? { count: 0, reason };
      entry.count += 1;
      missing.set(metric.name, entry);
    }
  };
  const examples = dataset.read(options.signal);
  // Examples at hand need no turn of the event loop each.
  if (Symbol.asyncIterator in examples) for await (const read of examples) inspect(read);
  else for (const read of examples) inspect(read);
  if (shape === null) {
    throw new ModelOpsError({
      code: "evaluation/empty-dataset",
      message: `The dataset ${dataset.ref ?? "(inline)"} holds no example.`,
      fix: "pass at least 5 examples; about 50 support a canary and about 200 a deployment.",
    });
  }
  requireComputable({ missing, weights, examples: count });
  return { examples: count, fingerprint: fingerprint.digest(), shape };
}

function canonicalExample(example: EvaluationExample, line: number): string {
  try {
    return canonicalJson(example);
  } catch (cause) {
    throw new ModelOpsError({
      code: "evaluation/example-shape",
      message: `Example ${line} is not JSON.`,
      reason: cause instanceof Error ? `${cause.message.slice(0, 200)}.` : undefined,
      fix: "remove NaN, Infinity, BigInt and cycles from the example.",
      details: { line },
      cause,
    });
  }
}

function requireComputable(options: {
  readonly missing: ReadonlyMap<string, { readonly count: number; readonly reason: string }>;
  readonly weights: Readonly<Record<string, number>>;
  readonly examples: number;
}): void {
  const blocked = [...options.missing]
    .filter(
      ([name, { count }]) => (options.weights[name] ?? 0) > 0 && count / options.examples > MAX_MISSING_SHARE,
    )
    .map(([metric, { count, reason }]) => ({ metric, count, reason, weight: options.weights[metric] ?? 0 }));
  if (blocked.length === 0) return;
  const list = blocked.map(
    ({ metric, count, reason }) => `${metric} on ${count} of ${options.examples} (${reason})`,
  );
  throw new ModelOpsError({
    code: "evaluation/metric-not-computable",
    message: `${blocked.length} weighted metric${blocked.length === 1 ? "" : "s"} cannot be computed on this dataset.`,
    reason: `${list.join("; ")}.`,
    fix: "add the missing data, or choose metrics and weights yourself so that the weights of those that remain add up to 1.",
    details: { blocked, examples: options.examples },
  });
}

function duplicateId(id: string, first: number, second: number): ModelOpsError {
  return new ModelOpsError({
    code: "evaluation/duplicate-id",
    message: `Examples ${first} and ${second} have the same id ${JSON.stringify(id.slice(0, 80))}.`,
    reason: "Ids pair the answers of both models.",
    fix: "give each example its own id, or leave ids out.",
    details: { id, first, second },
  });
}

function mixedShapes(first: ExampleShape, second: ExampleShape, line: number): ModelOpsError {
  return new ModelOpsError({
    code: "evaluation/mixed-shapes",
    message: `Example ${line} is written as ${second}, the ones before as ${first}.`,
    fix: "write all examples in one shape, or pass mapRow.",
    details: { line, first, second },
  });
}
