import { createHash } from "node:crypto";
import type { ChatModel } from "../../contract/chat-model.ts";
import type { Metric, MetricScore } from "../metric.ts";
import { askJudge, lastJsonObject } from "./judge-request.ts";

export interface LlmJudgeOptions {
  /** The judge. Better another model than those it grades. */
  readonly model: ChatModel;
  /** What a good answer is, in words. */
  readonly rubric: string;
  /** Highest grade; grades run from 0. @default 4 */
  readonly topGrade?: number;
  /** Null leaves it to the model, for those that take no such setting per call (LangChain). @default 512 */
  readonly maxOutputTokens?: number | null;
  /** Null leaves it to the model, for those that take no such setting. @default 0 */
  readonly temperature?: number | null;
  /** @default "llm_judge" */
  readonly name?: string;
}

/** Grade of a judge model / top grade. A judge that fails or gives no grade gives no score. Its cost is counted apart. */
export function llmJudge(options: LlmJudgeOptions): Metric {
  const topGrade = options.topGrade ?? 4;
  return {
    name: options.name ?? "llm_judge",
    version: judgeVersion(options.model, `${topGrade}\n${options.rubric}`),
    description: `grade of ${options.model.id} from 0 to ${topGrade} / ${topGrade}`,
    async score({ example, answer, signal }): Promise<MetricScore> {
      const result = await askJudge({
        model: options.model,
        rubric: options.rubric,
        example,
        answers: { answer: answer.text },
        format: `{"grade": a whole number from 0 (worst) to ${topGrade} (best)}`,
        maxOutputTokens: options.maxOutputTokens,
        temperature: options.temperature,
        signal,
      });
      const grade = lastJsonObject(result.text)?.grade;
      if (typeof grade !== "number" || !Number.isInteger(grade) || grade < 0 || grade > topGrade) {
        return { score: null, reason: "the judge gave no grade", costUsd: result.costUsd };
      }
      return { score: grade / topGrade, costUsd: result.costUsd };
    },
  };
}

/** Same judge and rubric, same version. */
export function judgeVersion(model: ChatModel, settings: string): string {
  return `1:${createHash("sha256").update(`${model.id}\n${settings}`).digest("hex").slice(0, 16)}`;
}
