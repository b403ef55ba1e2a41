import type { ChatModel } from "../../contract/chat-model.ts";
import type { Metric, MetricPairInput, MetricPairScore } from "../metric.ts";
import { askJudge, lastJsonObject } from "./judge-request.ts";
import { judgeVersion } from "./llm-judge.ts";

export interface PairwiseJudgeOptions {
  readonly model: ChatModel;
  /** What makes one answer better than another, in words. */
  readonly rubric: string;
  /** Null leaves it to the model, for those that take no such setting per call (LangChain). @default 512 */
  readonly maxOutputTokens?: number | null;
  /** Null leaves it to the model, for those that take no such setting. @default 0 */
  readonly temperature?: number | null;
  /** @default "pairwise_judge" */
  readonly name?: string;
}

/**
 * A judge model sees both answers twice, in both orders, because judges prefer a position. The candidate's score is the
 * mean of both verdicts (1 better, 0.5 equal, 0 worse), the baseline's is 1 less that: a judge that only likes the first
 * place ends at 0.5.
 */
export function pairwiseJudge(options: PairwiseJudgeOptions): Metric {
  async function verdict(input: MetricPairInput, candidateFirst: boolean) {
    const [first, second] = candidateFirst
      ? [input.candidate.text, input.baseline.text]
      : [input.baseline.text, input.candidate.text];
    const result = await askJudge({
      model: options.model,
      rubric: options.rubric,
      example: input.example,
      answers: { first, second },
      format: '{"better": "first", "second" or "equal"}',
      maxOutputTokens: options.maxOutputTokens,
      temperature: options.temperature,
      signal: input.signal,
    });
    return { costUsd: result.costUsd, share: shareOf(lastJsonObject(result.text)?.better, candidateFirst) };
  }

  return {
    name: options.name ?? "pairwise_judge",
    version: judgeVersion(options.model, options.rubric),
    description: `mean of two verdicts of ${options.model.id}, answers in both orders`,
    score: () => ({ score: null, reason: "it needs the answers of both models" }),
    async scorePair(input): Promise<MetricPairScore> {
      const verdicts = await Promise.all([verdict(input, true), verdict(input, false)]);
      let sum = 0;
      let costUsd: number | null = 0;
      for (const { share, costUsd: cost } of verdicts) {
        costUsd = costUsd === null || cost === null ? null : costUsd + cost;
        if (share === null) {
          const missing = { score: null, reason: "the judge gave no verdict" };
          return { candidate: { ...missing, costUsd }, baseline: missing };
        }
        sum += share;
      }
      return { candidate: { score: sum / 2, costUsd }, baseline: { score: 1 - sum / 2 } };
    },
  };
}

function shareOf(better: unknown, candidateFirst: boolean): number | null {
  if (better === "equal") return 0.5;
  if (better !== "first" && better !== "second") return null;
  return (better === "first") === candidateFirst ? 1 : 0;
}
