import type { RewardDeclaration } from "../rewards/declaration.ts";
import { goldProblem } from "../rewards/gold-problem.ts";

/** Finds the first gold value that its reward could not read: such a row would be rejected after the job is paid for. */
export function goldProblemFor(
  rewards: readonly RewardDeclaration[] | null,
): ((row: Readonly<Record<string, unknown>>) => { field: string; message: string } | null) | null {
  const declared = (rewards ?? []).filter((reward) => typeof reward.column === "string");
  if (declared.length === 0) return null;
  return (row) => {
    for (const reward of declared) {
      const problem = goldProblem(reward, row);
      if (problem) {
        const message = `The gold answer ${problem} (reward ${reward.kind}).`;
        return { field: reward.column ?? "", message };
      }
    }
    return null;
  };
}
