import type { DatasetSource, EvaluationExample } from "../contract/dataset-source.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { canonicalAgentName } from "../model/agent-name.ts";
import type { Arm } from "./arm.ts";
import { requestFor } from "./ask.ts";
import { type OpenedDataset, openDataset } from "./dataset.ts";
import type { EvaluationSpec, evaluationSpec } from "./evaluation-spec.ts";
import type { CompareOptions } from "./evaluator-options.ts";
import { callHostFunction, exampleName } from "./host-function.ts";
import { inspectDataset } from "./inspect-dataset.ts";
import { resolveWeights } from "./weights.ts";

/** An evaluation that passed every check which can be made without calling a model. */
export interface PreparedEvaluation {
  readonly agent: string;
  readonly options: CompareOptions;
  readonly arms: readonly Arm[];
  readonly dataset: OpenedDataset;
  /** The source's own fingerprint, to notice a change while the evaluation runs. */
  readonly sourceFingerprint: string | null;
  readonly weights: Readonly<Record<string, number>>;
  readonly spec: EvaluationSpec;
  readonly signal: AbortSignal;
}

export async function prepareEvaluation(
  options: CompareOptions,
  sources: readonly DatasetSource[],
  makeSpec: typeof evaluationSpec,
): Promise<PreparedEvaluation> {
  const agent = canonicalAgentName(options.agent);
  const weights = resolveWeights(options.metrics, options.weights);
  const signal = options.signal ?? new AbortController().signal;
  const dataset = openDataset({ dataset: options.dataset, sources, mapRow: options.mapRow });
  const sourceFingerprint = await dataset.fingerprint(signal);
  const inspection = await inspectDataset({
    dataset,
    metrics: options.metrics,
    weights,
    hasAgentRun: options.run !== undefined,
    checkExample(example) {
      if (!options.run) requestFor(example, options);
      if (options.cluster) checkCluster(options.cluster, example);
    },
    signal,
  });
  const summary = { ref: dataset.ref, fingerprint: inspection.fingerprint, examples: inspection.examples };
  const { baseline, candidate, cluster } = options;
  return {
    agent,
    options: cluster
      ? {
          ...options,
          cluster: (example) => callHostFunction("cluster", exampleName(example.id), () => cluster(example)),
        }
      : options,
    arms: [
      ...(baseline ? [{ name: "baseline" as const, ...baseline }] : []),
      { name: "candidate", ...candidate },
    ],
    dataset,
    sourceFingerprint,
    weights,
    spec: makeSpec(options, { dataset: summary, weights }),
    signal,
  };
}

/** Here and not when the answers are in: by then they are paid for. */
function checkCluster(cluster: (example: EvaluationExample) => unknown, example: EvaluationExample): void {
  const name = exampleName(example.id);
  const id = callHostFunction("cluster", name, () => cluster(example));
  if (typeof id === "string" || (typeof id === "number" && Number.isFinite(id))) return;
  throw new ModelOpsError({
    code: "evaluation/host-function",
    message: `cluster returned ${id === null ? "null" : typeof id} for ${name}.`,
    fix: "return the document's or conversation's id, a string or number, for every example.",
    details: { function: "cluster", exampleId: example.id },
  });
}
