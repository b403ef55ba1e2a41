import { type ModelsTwin, type ScriptedQuestion, startModelsTwin } from "@modelops/testing";
import { teamOf } from "./tickets.ts";

/**
 * Three models on a server of this machine: one that knows two tickets in three, one that knows nine in ten, and a judge.
 * They state what they cost, as OpenRouter does.
 */
export function startTicketModels(): Promise<ModelsTwin> {
  const router = (id: string, isRight: (number: number) => boolean) => ({
    id,
    answers: ({ prompt }: ScriptedQuestion) =>
      isRight(Number(prompt.match(/\d+$/)?.[0]))
        ? (teamOf(prompt) ?? "unknown")
        : "I would ask the shipping team.",
    price: { inputUsdPerMillionTokens: 0.2, outputUsdPerMillionTokens: 0.8 },
  });
  return startModelsTwin({
    models: [
      router("router-base", (number) => number % 3 !== 0),
      router("router-tuned", (number) => number % 10 !== 0),
      {
        id: "judge",
        answers: ({ prompt }) =>
          `It ${isOneWord(prompt) ? "names" : "does not only name"} a team.\n{"grade": ${isOneWord(prompt) ? 4 : 1}}`,
        price: { inputUsdPerMillionTokens: 1, outputUsdPerMillionTokens: 4 },
      },
    ],
  });
}

function isOneWord(prompt: string): boolean {
  return /"answer": "\w+"/.test(prompt);
}
