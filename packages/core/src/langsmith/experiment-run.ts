import type { EvaluationExample } from "../contract/dataset-source.ts";
import type { TrialOutcome } from "../evaluation/arm.ts";
import { dottedOrder, uuidOf } from "./langsmith-ids.ts";

/** One answer as a finished LangSmith run with its scores as feedback. The same answer always gets the same run id. */
export function experimentRun(options: {
  readonly outcome: TrialOutcome;
  readonly example: EvaluationExample;
  readonly trial: number;
  readonly experiment: {
    readonly id: string;
    readonly name: string;
    readonly metadata: Readonly<Record<string, string>>;
  };
  readonly metricNames: readonly string[];
  readonly referenceExampleId: string;
  readonly sendTexts: boolean;
}) {
  const { outcome, example, experiment, sendTexts } = options;
  const { answer, failure } = outcome;
  const id = uuidOf(experiment.id, example.id, String(options.trial));
  // The service shows the time of the call; when exactly it began is not kept.
  const endMs = Date.now();
  const startMs = endMs - Math.round(answer?.latencyMs ?? 0);
  const { inputTokens, outputTokens } = answer?.usage ?? { inputTokens: null, outputTokens: null };
  const run = {
    id,
    trace_id: id,
    dotted_order: dottedOrder(startMs, id),
    name: `${experiment.metadata.agent} ${experiment.metadata.model_version}`,
    run_type: "chain",
    project_name: experiment.name,
    reference_example_id: options.referenceExampleId,
    start_time: new Date(startMs).toISOString(),
    end_time: endMs,
    inputs: sendTexts ? { ...example.inputs } : {},
    outputs: answer && sendTexts ? { text: answer.text, tool_calls: answer.toolCalls } : {},
    ...(failure && { error: `${failure.code}: ${failure.message}` }),
    tags: [
      `agent:${experiment.metadata.agent}`,
      `model_version:${experiment.metadata.model_version}`,
      `experiment_type:${experiment.metadata.experiment_type}`,
    ],
    extra: {
      metadata: {
        ...experiment.metadata,
        cost_usd: answer?.costUsd ?? null,
        from_cache: answer?.fromCache ?? false,
        ...(inputTokens !== null &&
          outputTokens !== null && {
            usage_metadata: {
              input_tokens: inputTokens,
              output_tokens: outputTokens,
              total_tokens: inputTokens + outputTokens,
            },
          }),
      },
    },
  };
  const feedback = outcome.scores.flatMap(({ score, reason }, index) => {
    const key = options.metricNames[index];
    // What was not measured is not written: an absent score is not a zero over there either.
    if (score === null || key === undefined) return [];
    return [
      {
        feedbackId: uuidOf(id, key),
        runId: id,
        traceId: id,
        sessionId: experiment.id,
        startTime: run.start_time,
        key,
        score,
        // A reason may quote what a metric saw.
        ...(reason !== null && sendTexts && { comment: reason }),
      },
    ];
  });
  return { run, feedback };
}
