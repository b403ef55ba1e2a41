import { ModelOpsError } from "../errors/modelops-error.ts";
import { redact } from "../http/redact.ts";
import type { Logger } from "../runtime.ts";
import { type Clock, isoTime } from "../time/clock.ts";
import { createAsk } from "./ask.ts";
import { buildReport } from "./build-report.ts";
import { Collector } from "./collector.ts";
import type { ComparisonReport } from "./comparison-report.ts";
import type { EvaluationProgressData } from "./evaluator-events.ts";
import { type ExperimentUrls, NO_EXPERIMENTS } from "./experiment-urls.ts";
import type { ExperimentSession, ExperimentWriter } from "./experiment-writer.ts";
import type { JournalAccess } from "./journal.ts";
import { judgeComparison } from "./judge-comparison.ts";
import type { PreparedEvaluation } from "./prepare-evaluation.ts";
import { ProgressReporter } from "./progress-reporter.ts";
import { runArms } from "./run-arms.ts";

const DEFAULT_CONCURRENCY = 8;
const DEFAULT_METRIC_CONCURRENCY = 16;
const DEFAULT_EXAMPLE_TIMEOUT_MS = 300_000;

/** From checked options to a report: run, collect, judge. */
export async function runEvaluation(run: {
  readonly prepared: PreparedEvaluation;
  readonly evaluationId: string;
  readonly startedAt: string;
  readonly clock: Clock;
  readonly journal: JournalAccess;
  readonly experiments: ExperimentWriter | null;
  readonly logger: Logger;
  readonly onProgress: (data: EvaluationProgressData) => void;
}): Promise<ComparisonReport> {
  const { prepared, evaluationId, clock } = run;
  const { options, spec, weights, signal } = prepared;
  const { metrics } = options;
  const collector = new Collector({
    metrics,
    weights,
    guardrails: options.guardrails ?? [],
    cluster: options.cluster,
  });
  const progress = new ProgressReporter(clock);
  const measuresLatency =
    metrics.some((metric) => metric.measuresLatency) || options.guardrails?.includes("latency_ms");

  const experiments = await openExperiments(run);

  await runArms({
    arms: prepared.arms,
    examples: prepared.dataset.read(signal),
    metrics,
    ask: createAsk({
      toRequest: options.toRequest,
      run: options.run,
      generation: options.generation,
      // A remembered answer has no latency of its own.
      cache: measuresLatency ? null : (options.cache ?? null),
    }),
    trials: spec.trials,
    concurrency: options.concurrency ?? DEFAULT_CONCURRENCY,
    metricConcurrency: options.metricConcurrency ?? DEFAULT_METRIC_CONCURRENCY,
    exampleTimeoutMs: options.exampleTimeoutMs ?? DEFAULT_EXAMPLE_TIMEOUT_MS,
    journal: run.journal,
    signal,
    onOutcome(outcome) {
      collector.add(outcome);
      experiments?.record(outcome);
      const data = progress.next(evaluationId, collector, spec.dataset.examples);
      if (data) run.onProgress(data);
    },
  });
  await requireUnchanged(prepared, collector.done);

  const judged = judgeComparison({
    collector,
    metrics,
    weights,
    hasBaseline: spec.baseline !== null,
    compare: options,
  });
  const experimentUrls = await closeExperiments(experiments, run.logger);
  return buildReport(
    {
      experimentUrls,
      evaluationId,
      agent: prepared.agent,
      startedAt: run.startedAt,
      completedAt: isoTime(clock),
      durationMs: progress.elapsedMs,
      candidate: spec.candidate,
      baseline: spec.baseline,
      dataset: spec.dataset,
      trials: spec.trials,
      metrics,
      weights,
    },
    collector,
    judged,
  );
}

type Experiments = Pick<
  Parameters<typeof runEvaluation>[0],
  "experiments" | "prepared" | "evaluationId" | "logger"
>;

/** A service that only shows the evaluation must not stop it: its failure is logged and the addresses stay null. */
async function openExperiments({ experiments, prepared, evaluationId, logger }: Experiments) {
  const { agent, spec, options, arms, signal } = prepared;
  const setup = {
    evaluationId,
    agent,
    arms: arms.map(({ name, version, model }) => ({ name, version, modelId: model.id })),
    dataset: spec.dataset,
    trials: spec.trials,
    metricNames: options.metrics.map((metric) => metric.name),
  };
  try {
    return (await experiments?.start(setup, { signal })) ?? null;
  } catch (error) {
    signal.throwIfAborted();
    logger.warn(`evaluation ${evaluationId}: no experiments are written: ${shortText(error)}`);
    return null;
  }
}

async function closeExperiments(session: ExperimentSession | null, logger: Logger): Promise<ExperimentUrls> {
  try {
    return (await session?.finish()) ?? NO_EXPERIMENTS;
  } catch (error) {
    logger.warn(`experiments could not be written completely: ${shortText(error)}`);
    return NO_EXPERIMENTS;
  }
}

function shortText(error: unknown): string {
  return redact(error instanceof Error ? error.message : String(error)).slice(0, 300);
}

/** The rows that were run must be the rows that were checked. */
async function requireUnchanged(prepared: PreparedEvaluation, done: number): Promise<void> {
  const { dataset, sourceFingerprint, spec } = prepared;
  const now = await dataset.fingerprint(prepared.signal);
  if (now === sourceFingerprint && done === spec.dataset.examples) return;
  throw new ModelOpsError({
    code: "evaluation/dataset-changed",
    message: `The dataset ${dataset.ref ?? "(inline)"} changed while it was evaluated.`,
    reason: `It had ${spec.dataset.examples} examples when it was checked and ${done} when it was run.`,
    fix: "evaluate a copy that nobody writes to.",
    details: { before: sourceFingerprint, after: now },
  });
}
