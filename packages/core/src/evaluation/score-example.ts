import type { EvaluationExample } from "../contract/dataset-source.ts";
import type { EvaluationAnswer } from "./answer.ts";
import type { Arm, ArmName, CallFailure, TrialOutcome } from "./arm.ts";
import type { JournalAccess, JournalScores } from "./journal.ts";
import { isTooLarge } from "./journal-row.ts";
import type { Metric } from "./metric.ts";
import { failureScores, isFailedScore, scoreAnswer, scorePairs } from "./score-answer.ts";

/** What became of one call: an answer or a failure, and scores when an earlier start has paid for them. */
export interface Answered {
  readonly answer: EvaluationAnswer | null;
  readonly failure: CallFailure | null;
  readonly resumed: boolean;
  readonly knownScores: JournalScores | null;
}

/** One per trial. */
export type Answers = Readonly<Record<ArmName, readonly Answered[]>>;

export interface ExampleOutcome {
  /** Position in the dataset, from 0. */
  readonly index: number;
  readonly example: EvaluationExample;
  readonly arms: Readonly<Partial<Record<ArmName, readonly TrialOutcome[]>>>;
}

type Outcomes = Partial<Record<ArmName, TrialOutcome[]>>;

/** Scores all answers to one example, one after the other. Null when nothing had to be waited for. */
export type ScoreExample = (
  index: number,
  example: EvaluationExample,
  answers: Answers,
) => Promise<void> | null;

export function exampleScorer(options: {
  readonly arms: readonly Arm[];
  readonly metrics: readonly Metric[];
  readonly trials: number;
  readonly journal: JournalAccess | null;
  readonly signal: AbortSignal;
  onOutcome(outcome: ExampleOutcome): void;
}): ScoreExample {
  const { arms, metrics, trials, journal, signal } = options;
  const metricsKey = metricsKeyOf(metrics);
  const comparesPairs = arms.length === 2 && metrics.some((metric) => metric.scorePair);

  function scoresOf(example: EvaluationExample, answered: Answered): TrialOutcome | Promise<TrialOutcome> {
    const { answer, failure, resumed, knownScores } = answered;
    const outcome = { answer, failure, resumed };
    if (!answer) {
      const scores = failureScores(metrics, failure?.code ?? "model/failed");
      return { ...outcome, scores, metricCostUsd: 0 };
    }
    if (knownScores && knownScores.metricsKey === metricsKey) {
      return { ...outcome, scores: knownScores.scores, metricCostUsd: knownScores.metricCostUsd };
    }
    const result = scoreAnswer(metrics, { example, answer, signal });
    return result instanceof Promise
      ? result.then(({ scores, costUsd }) => ({ ...outcome, scores, metricCostUsd: costUsd }))
      : { ...outcome, scores: result.scores, metricCostUsd: result.costUsd };
  }

  async function comparePairs(example: EvaluationExample, outcomes: Outcomes): Promise<void> {
    for (let trial = 0; trial < trials; trial += 1) {
      const [candidate, baseline] = [outcomes.candidate?.[trial], outcomes.baseline?.[trial]];
      if (!candidate || !baseline) continue;
      const pair = await scorePairs(metrics, { example, signal }, candidate, baseline);
      outcomes.candidate?.splice(trial, 1, pair.candidate);
      outcomes.baseline?.splice(trial, 1, pair.baseline);
    }
  }

  async function keepPaidScores(exampleId: string, outcomes: Outcomes): Promise<void> {
    if (metricsKey === null || !journal || !isPaid(outcomes)) return;
    for (const arm of arms) {
      for (const [trial, { answer, scores, metricCostUsd }] of (outcomes[arm.name] ?? []).entries()) {
        if (!answer || scores.some(isFailedScore)) continue;
        const scored = { metricsKey, scores, metricCostUsd };
        try {
          await journal.append({ arm: arm.name, trial, exampleId, answer, scored });
        } catch (error) {
          // Reasons of great length: the answer is kept without its scores.
          if (!isTooLarge(error)) throw error;
        }
      }
    }
  }

  return (index, example, answers) => {
    const outcomes: Outcomes = {};
    for (const arm of arms) outcomes[arm.name] = [];
    const isKnown = arms.every((arm) =>
      answers[arm.name].every(({ knownScores }) => knownScores?.metricsKey === metricsKey),
    );

    const finish = (): Promise<void> | null => {
      const outcome = { index, example, arms: outcomes };
      if (isKnown || !(comparesPairs || isPaid(outcomes))) {
        options.onOutcome(outcome);
        return null;
      }
      return (async () => {
        if (comparesPairs) await comparePairs(example, outcomes);
        await keepPaidScores(example.id, outcomes);
        options.onOutcome(outcome);
      })();
    };
    const scoreFrom = (first: number): Promise<void> | null => {
      for (let position = first; position < arms.length * trials; position += 1) {
        const arm = arms[Math.floor(position / trials)] as Arm;
        const answered = answers[arm.name][position % trials] as Answered;
        const result = scoresOf(example, answered);
        if (result instanceof Promise) {
          return result.then((outcome) => {
            outcomes[arm.name]?.push(outcome);
            return scoreFrom(position + 1) ?? undefined;
          });
        }
        outcomes[arm.name]?.push(result);
      }
      return finish();
    };
    return scoreFrom(0);
  };
}

function isPaid(outcomes: Outcomes): boolean {
  return Object.values(outcomes).some((own) => own.some((outcome) => outcome.metricCostUsd !== 0));
}

/** Null when some metric has no version: then nobody can say that it would score the same again. */
function metricsKeyOf(metrics: readonly Metric[]): string | null {
  if (metrics.some((metric) => metric.version === null)) return null;
  return metrics.map((metric) => `${metric.name}@${metric.version}`).join(" ");
}
