import type { EvaluationExample } from "../contract/dataset-source.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { EvaluationAnswer } from "./answer.ts";
import type { NamedScore, TrialOutcome } from "./arm.ts";
import { checkedScore, type Metric, type MetricScore } from "./metric.ts";

export interface AnswerScores {
  readonly scores: readonly NamedScore[];
  readonly costUsd: number | null;
}

/** Scores one answer with every metric. A metric that throws gives null and its reason: it is never a zero. */
export function scoreAnswer(
  metrics: readonly Metric[],
  input: {
    readonly example: EvaluationExample;
    readonly answer: EvaluationAnswer;
    readonly signal: AbortSignal;
  },
): AnswerScores | Promise<AnswerScores> {
  const results: (MetricScore | Promise<MetricScore>)[] = [];
  let waits = false;
  for (const metric of metrics) {
    try {
      const result = metric.score(input);
      if (isPromise(result)) {
        waits = true;
        results.push(Promise.resolve(result).catch(thrown));
      } else {
        results.push(result);
      }
    } catch (error) {
      results.push(thrown(error));
    }
  }
  // Most metrics are plain arithmetic: no promise, no turn of the event loop.
  return waits ? Promise.all(results).then(collect) : collect(results as readonly MetricScore[]);
}

/**
 * The scores of metrics that compare both answers, put over those of `scoreAnswer`. Where one model gave no answer, the
 * other one wins.
 */
export async function scorePairs(
  metrics: readonly Metric[],
  pair: { readonly example: EvaluationExample; readonly signal: AbortSignal },
  candidate: TrialOutcome,
  baseline: TrialOutcome,
): Promise<{ readonly candidate: TrialOutcome; readonly baseline: TrialOutcome }> {
  const scores = { candidate: [...candidate.scores], baseline: [...baseline.scores] };
  let costUsd: number | null = candidate.metricCostUsd;
  for (const [index, metric] of metrics.entries()) {
    if (!metric.scorePair || (!candidate.answer && !baseline.answer)) continue;
    if (!candidate.answer || !baseline.answer) {
      const winner = candidate.answer ? "candidate" : "baseline";
      scores[winner][index] = { score: 1, reason: "the other model gave no answer" };
      continue;
    }
    const input = { ...pair, candidate: candidate.answer, baseline: baseline.answer };
    const result = await metric.scorePair(input).catch((error: unknown) => {
      const missing = thrown(error);
      return { candidate: missing, baseline: missing };
    });
    scores.candidate[index] = checkedScore(result.candidate);
    scores.baseline[index] = checkedScore(result.baseline);
    const cost = result.candidate.costUsd;
    if (cost === null) costUsd = null;
    else if (cost !== undefined && costUsd !== null) costUsd += cost;
  }
  return {
    candidate: { ...candidate, scores: scores.candidate, metricCostUsd: costUsd },
    baseline: { ...baseline, scores: scores.baseline },
  };
}

/** Also a promise of another library. */
function isPromise(result: MetricScore | Promise<MetricScore>): result is Promise<MetricScore> {
  return typeof (result as Partial<Promise<MetricScore>> | undefined)?.then === "function";
}

function collect(results: readonly MetricScore[]): AnswerScores {
  let costUsd: number | null = 0;
  const scores = results.map((given) => {
    const result = asScore(given);
    if (result.costUsd === null) costUsd = null;
    else if (result.costUsd !== undefined && costUsd !== null) costUsd += result.costUsd;
    return checkedScore(result);
  });
  return { scores, costUsd };
}

/** A host's metric that is no TypeScript may return anything. */
function asScore(given: unknown): MetricScore {
  if (typeof given === "object" && given !== null && "score" in given) return given as MetricScore;
  return { score: null, reason: `returned ${given === null ? "null" : typeof given} instead of { score }` };
}

const FAILED = "failed with ";
const THREW = "threw ";

/** Whether there is no score because the metric failed: a judge that was interrupted may well answer the next time. */
export function isFailedScore({ score, reason }: NamedScore): boolean {
  return score === null && reason !== null && (reason.startsWith(FAILED) || reason.startsWith(THREW));
}

function thrown(error: unknown): MetricScore {
  if (ModelOpsError.isInstance(error)) return { score: null, reason: `${FAILED}${error.code}` };
  const name = error instanceof Error ? error.name : typeof error;
  const text = error instanceof Error ? error.message : String(error);
  return { score: null, reason: `${THREW}${name}: ${text.split("\n")[0]?.slice(0, 120) ?? ""}` };
}

/** The scores of a call that gave no answer: a failure is a failure, in every metric. */
export function failureScores(metrics: readonly Metric[], code: string): readonly NamedScore[] {
  return metrics.map(() => ({ score: 0, reason: `no answer: ${code}` }));
}
