import type { ArmName } from "./arm.ts";
import type { EvaluatedModel } from "./comparison-report.ts";
import type { EvaluationSpec } from "./evaluation-spec.ts";
import type { ExperimentUrls } from "./experiment-urls.ts";
import type { ExampleOutcome } from "./score-example.ts";

export interface ExperimentSetup {
  readonly evaluationId: string;
  readonly agent: string;
  readonly arms: readonly (EvaluatedModel & { readonly name: ArmName })[];
  readonly dataset: EvaluationSpec["dataset"];
  readonly trials: number;
  readonly metricNames: readonly string[];
}

/** Two experiments that are being written. */
export interface ExperimentSession {
  /** Takes one example; writes it when it suits. Never throws. */
  record(outcome: ExampleOutcome): void;
  /** Resolves when everything recorded has arrived. */
  finish(): Promise<ExperimentUrls>;
}

/** A service that shows evaluations as experiments. It may fail without failing the evaluation. */
export interface ExperimentWriter {
  start(setup: ExperimentSetup, options: { readonly signal: AbortSignal }): Promise<ExperimentSession>;
}
