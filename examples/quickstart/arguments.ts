import { parseArgs } from "node:util";
import { ModelOpsError } from "@modelops/core";

export interface DemoArguments {
  /** Folder or Hub id; null = the tiny base stored with the example. */
  readonly base: string | null;
  /** The user's own rows; null = the example's support requests. */
  readonly dataset: string | null;
  /** Rows for the evaluation; null = the example's, or a tenth of the user's rows held back. */
  readonly evaluation: string | null;
  /** Templates that make prompt and answer of a row, such as `{{text}}`. */
  readonly promptTemplate: string | null;
  readonly completionTemplate: string | null;
  readonly method: "lora" | "full" | null;
  readonly steps: number | null;
  readonly seed: number;
  readonly home: string | null;
  readonly isJson: boolean;
  readonly isFresh: boolean;
  readonly help: boolean;
}

export const HELP = `npm run demo -- [options]

  --base <id|folder>        base model: a Hub id or a folder (default: the tiny one stored with the example)
  --dataset <file>          your own JSONL or CSV rows (default: support requests made for the example)
  --evaluation <file>       rows to evaluate on (default: the example's, or a tenth of --dataset held back)
  --prompt <template>       how a row becomes the prompt, e.g. '{{text}}'
  --completion <template>   how a row becomes the answer, e.g. '{"tool":"{{intent}}"}'
  --method lora|full        default: chosen by the plan, which says why
  --steps <n>               optimiser steps (default: chosen by the plan or the example's recipe)
  --seed <n>                default 42
  --home <folder>           where the run keeps its files (default: examples/quickstart/.modelops)
  --fresh                   forget an interrupted run and start anew
  --json                    print one JSON summary at the end, nothing else
  --help                    this text
`;

/** Reads the command line; a wrong one rejects with `input/arguments`. */
export function readArguments(args: readonly string[]): DemoArguments {
  const values = parse(args);
  const method = values.method ?? null;
  if (method !== null && method !== "lora" && method !== "full") {
    throw wrongArgument(
      `--method ${JSON.stringify(method)} is unknown.`,
      "write --method lora or --method full.",
    );
  }
  if ((values.prompt === undefined) !== (values.completion === undefined)) {
    throw wrongArgument(
      "--prompt and --completion belong together.",
      "give both, or neither when the rows have prompt and completion already.",
    );
  }
  if (values.evaluation !== undefined && values.dataset === undefined) {
    throw wrongArgument("--evaluation without --dataset.", "give --dataset, too.");
  }
  return {
    base: values.base ?? null,
    dataset: values.dataset ?? null,
    evaluation: values.evaluation ?? null,
    promptTemplate: values.prompt ?? null,
    completionTemplate: values.completion ?? null,
    method,
    steps: wholeNumber("--steps", values.steps),
    seed: wholeNumber("--seed", values.seed) ?? 42,
    home: values.home ?? null,
    isJson: values.json ?? false,
    isFresh: values.fresh ?? false,
    help: values.help ?? false,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        base: { type: "string" },
        dataset: { type: "string" },
        evaluation: { type: "string" },
        prompt: { type: "string" },
        completion: { type: "string" },
        method: { type: "string" },
        steps: { type: "string" },
        seed: { type: "string" },
        home: { type: "string" },
        fresh: { type: "boolean" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw wrongArgument(error instanceof Error ? error.message : String(error), "see --help.");
  }
}

function wholeNumber(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) {
    throw wrongArgument(
      `${name} ${JSON.stringify(text)} is not a positive whole number.`,
      `write ${name} 200, for example.`,
    );
  }
  return Number(text);
}

function wrongArgument(message: string, fix: string): ModelOpsError {
  return new ModelOpsError({ code: "input/arguments", message, fix });
}
