import type { CheckDatasetOptions } from "../src/datasets/check-dataset.ts";
import type { SeededChoice } from "../src/datasets/seeded-choice.ts";
import type { TrainingMethod } from "../src/model/model-version.ts";

export type Row = Readonly<Record<string, unknown>>;

/** A dataset as a file, and how it is checked. */
export interface CorpusDataset {
  readonly name: string;
  readonly method: TrainingMethod;
  readonly ending: "jsonl" | "csv";
  readonly content: string | Buffer;
  readonly options: Omit<CheckDatasetOptions, "reader">;
  readonly maxLineBytes: number;
}

export const ROWS = 40;
const WORDS =
  "return parcel invoice lamp table address refund order broken mug shirt colour today small window table train garden letter winter".split(
    " ",
  );

/** Good rows of a form; no two are alike, and none has anything that a check could mistake for a fault. */
export function goodRows(form: keyof typeof FORMS, choice: SeededChoice): Row[] {
  return Array.from({ length: ROWS }, (_, index) => {
    const words = () => Array.from({ length: 9 }, () => WORDS[choice.below(WORDS.length)]).join(" ");
    return FORMS[form](`${words()} ${index}?`, `${words()} ${index}.`, index);
  });
}

export const FORMS = {
  pair: (prompt: string, completion: string): Row => ({ prompt, completion }),
  text: (text: string, response: string): Row => ({ text: `${text}\n${response}` }),
  response: (text: string, response: string): Row => ({ text, response }),
  chat: (asked: string, answer: string): Row => ({
    messages: [
      { role: "user", content: asked },
      { role: "assistant", content: answer },
    ],
  }),
  preference: (prompt: string, chosen: string, index: number): Row => ({
    prompt,
    chosen,
    rejected: `not ${index} ${chosen}`,
  }),
  maths: (problem: string, working: string, index: number): Row => ({
    problem,
    solution: `${working.replaceAll(/\d/g, "")} #### ${index}`,
  }),
} as const;

export const METHODS: Readonly<Record<keyof typeof FORMS, TrainingMethod>> = {
  pair: "sft",
  text: "sft",
  response: "sft",
  chat: "sft",
  preference: "dpo",
  maths: "grpo",
};

export const NUMERIC = { rewards: [{ kind: "numeric", column: "solution" }] };
export const jsonl = (rows: readonly Row[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
