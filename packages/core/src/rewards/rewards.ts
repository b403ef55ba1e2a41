import { z } from "zod";
import { parseOrThrow } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import { scoreCodeTests } from "./code-tests.ts";
import { type Reward, type RewardDeclaration, type RewardKind, rewardSchema } from "./declaration.ts";
import { goldProblem } from "./gold-problem.ts";
import { asJson, type JsonValue, parseJson } from "./json-value.ts";
import { answeredNumber, goldNumber, isSameAnswer, ownPart } from "./number-answer.ts";
import { fitsSchema } from "./schema-check.ts";
import { strip } from "./strip.ts";
import { expectedCalls, givenCalls, readCall, worthOf } from "./tool-call.ts";

const DEFAULT_MAX_CHARACTERS = 20_000;

/** A message of a chat, as far as rewards read it. */
export interface RewardMessage {
  readonly role?: string;
  readonly content?: unknown;
  readonly tool_calls?: readonly unknown[] | null;
}

export interface RewardQuestion {
  readonly completion: string | readonly RewardMessage[];
  readonly prompt: string | readonly RewardMessage[];
  /** The dataset's row: rewards find the right answer in the column they name. */
  readonly row: Readonly<Record<string, unknown>>;
}

export interface RewardScore {
  /** Sum of the scores by their weights: what GRPO compares within a group. */
  readonly total: number;
  /** From 0 to 1 each, in the order of the declarations. */
  readonly each: readonly { readonly kind: RewardKind; readonly weight: number; readonly score: number }[];
}

export interface Rewards {
  /** Rejects with `dataset/gold-answer` when a row's right answer cannot be read. */
  score(question: RewardQuestion, options?: { readonly signal?: AbortSignal }): Promise<RewardScore>;
}

const optionsSchema = z.strictObject({ python: z.string().min(1).optional() });

/**
 * Scores answers by GRPO rewards as the training script does: both implementations are held to one file of vectors.
 * For trying a reward before a run is paid for, and for judging a model with what it was trained by.
 * @param declarations as in a training spec's `rewards`
 * @param options.python runs `code-tests`; default `python3`
 * @throws ModelOpsError `input/rewards`
 */
export function createRewards(
  declarations: readonly RewardDeclaration[],
  options: { readonly python?: string } = {},
): Rewards {
  const problem = { code: "input/rewards", subject: "The rewards" } as const;
  const rewards = parseOrThrow(z.array(rewardSchema).min(1), declarations, problem);
  const { python = "python3" } = parseOrThrow(optionsSchema, options, problem);
  return {
    async score(question, { signal } = {}) {
      const scores = await Promise.all(
        rewards.map(async (reward) => ({
          kind: reward.kind,
          weight: reward.weight ?? 1,
          score: await scoreOne(reward, question, { python, signal }),
        })),
      );
      return { total: scores.reduce((sum, { weight, score }) => sum + weight * score, 0), each: scores };
    },
  };
}

async function scoreOne(
  reward: Reward,
  { completion, prompt, row }: RewardQuestion,
  options: { readonly python: string; readonly signal: AbortSignal | undefined },
): Promise<number> {
  const text = plainText(completion);
  if (isLonger(text, reward.max_characters ?? DEFAULT_MAX_CHARACTERS)) return 0;
  const gold = goldProblem(reward, row);
  if (gold !== null) throw unreadable(reward, gold);
  const promptText = plainText(prompt);
  if (reward.kind !== "code-tests") return rounded(scoreText(reward, { text, promptText, completion, row }));
  try {
    return await scoreCodeTests(
      { reward, completion, prompt, row },
      { python: options.python, ...(options.signal ? { signal: options.signal } : {}) },
    );
  } catch (error) {
    if (error instanceof RangeError) throw unreadable(reward, error.message);
    throw error;
  }
}

function scoreText(
  reward: Exclude<Reward, { kind: "code-tests" }>,
  answer: {
    readonly text: string;
    readonly promptText: string;
    readonly completion: RewardQuestion["completion"];
    readonly row: RewardQuestion["row"];
  },
): number {
  const { text, promptText, row } = answer;
  const gold = reward.column == null ? undefined : row[reward.column];
  switch (reward.kind) {
    case "numeric": {
      const [wanted, given] = [goldNumber(gold), answeredNumber(ownPart(text, promptText))];
      if (wanted === null || given === null) return 0;
      return isSameAnswer(wanted, given) ? 1 : (reward.format_reward ?? 0);
    }
    case "exact": {
      const form = (value: string) => {
        const edges = (reward.trim ?? true) ? strip(value) : value;
        return reward.ignore_case ? edges.toLowerCase() : edges;
      };
      return form(String(gold)) === form(text) ? 1 : 0;
    }
    case "json-schema": {
      const value = parseJson(text);
      if (value === undefined || isCopied(text, promptText)) return 0;
      return fitsSchema((reward.schema ?? asJson(gold)) as JsonValue, value) ? 1 : 0.1;
    }
    case "tool-call": {
      const values = givenCalls(text, answer.completion);
      if (values === undefined) return 0;
      const calls = values.map(readCall);
      const wanted = expectedCalls(gold);
      const tools = reward.tools_column === undefined ? null : asJson(row[reward.tools_column]);
      const isOtherNumber = calls.length === 0 || calls.includes(null) || calls.length !== wanted.length;
      if (isOtherNumber) return isCopied(text, promptText) ? 0 : 0.1;
      const worths = calls.map((call, index) => {
        const right = wanted[index];
        return call && right ? worthOf(call, right, tools) : 0;
      });
      const total = worths.reduce((sum, worth) => sum + worth, 0) / wanted.length;
      return total < 0.999 && isCopied(text, promptText) ? 0 : total;
    }
  }
}

function plainText(value: RewardQuestion["completion"]): string {
  if (typeof value === "string") return value;
  return value.flatMap(({ content }) => (typeof content === "string" ? [content] : [])).join("\n");
}

function isCopied(text: string, prompt: string): boolean {
  const own = strip(text);
  return own !== "" && prompt.includes(own);
}

/** Counted in code points, as Python does. */
function isLonger(text: string, most: number): boolean {
  return text.length > most && [...text].length > most;
}

function rounded(score: number): number {
  return Math.round(score * 1e6) / 1e6;
}

function unreadable(reward: Reward, problem: string): ModelOpsError {
  return new ModelOpsError({
    code: "dataset/gold-answer",
    message: `The right answer of the row ${problem} (reward ${reward.kind}).`,
    fix: `correct the column ${JSON.stringify(reward.column ?? null)}, or leave the row out.`,
  });
}
