import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { DatasetSummary, EvaluatedModel } from "./comparison-report.ts";
import type { CompareOptions } from "./evaluator-options.ts";

/** What was asked for, as it is stored: two starts with equal specs may share answers. JSON only. */
export interface EvaluationSpec {
  readonly candidate: EvaluatedModel;
  readonly baseline: EvaluatedModel | null;
  readonly dataset: DatasetSummary;
  readonly trials: number;
  readonly metrics: readonly { readonly name: string; readonly version: string | null }[];
  readonly weights: Readonly<Record<string, number>>;
  readonly generation: Readonly<Record<string, unknown>>;
  readonly policy: string;
  readonly thresholds: Readonly<Record<string, number>>;
  readonly guardrails: readonly string[];
  readonly seed: number;
  /** Whether functions of the host shape the requests; what they do cannot be compared. */
  readonly hasHostFunctions: boolean;
}

export function evaluationSpec(
  options: CompareOptions,
  facts: { readonly dataset: DatasetSummary; readonly weights: Readonly<Record<string, number>> },
): EvaluationSpec {
  const model = (arm: { version: string; model: { id: string } }): EvaluatedModel => ({
    version: arm.version,
    modelId: arm.model.id,
  });
  return {
    candidate: model(options.candidate),
    baseline: options.baseline ? model(options.baseline) : null,
    dataset: facts.dataset,
    trials: options.trials ?? 1,
    metrics: options.metrics.map(({ name, version }) => ({ name, version })),
    weights: facts.weights,
    generation: { ...options.generation },
    policy: options.policy ?? "hybrid",
    thresholds: { ...options.thresholds },
    guardrails: options.guardrails ?? [],
    seed: options.seed ?? 1,
    hasHostFunctions: Boolean(options.toRequest ?? options.run ?? options.cluster),
  };
}

/** Equal keys mean that running again would repeat the same work; null when that cannot be known. */
export function reuseKeyOf(agent: string, spec: EvaluationSpec): string | null {
  if (spec.hasHostFunctions || spec.metrics.some((metric) => metric.version === null)) return null;
  // Where the rows were read from does not matter, what they say does.
  const { dataset, ...rest } = spec;
  const identity = canonicalize({ agent, ...rest, dataset: dataset.fingerprint, examples: dataset.examples });
  return createHash("sha256")
    .update(identity ?? "")
    .digest("hex");
}

/** Throws when an evaluation would go on with other models, data or settings than it was started with. */
export function requireSameSpec(evaluationId: string, stored: EvaluationSpec, now: EvaluationSpec): void {
  // Metrics, weights and thresholds may change: they are computed again from the stored answers.
  const fields = ["candidate", "baseline", "trials", "generation"] as const;
  const different: string[] = fields.filter(
    (field) => canonicalize(stored[field] ?? null) !== canonicalize(now[field] ?? null),
  );
  if (stored.dataset.fingerprint !== now.dataset.fingerprint) different.push("dataset");
  if (different.length === 0) return;
  throw new ModelOpsError({
    code: "evaluation/resume-mismatch",
    message: `Evaluation ${evaluationId} was started with another ${different.join(", ")}.`,
    reason: "Answers of different models, rows or settings must not be mixed.",
    fix: "resume it with the same ones, or start a new evaluation.",
    details: { different },
  });
}
