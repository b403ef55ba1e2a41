import type { EvaluationExample } from "../../contract/dataset-source.ts";
import type { Metric } from "../metric.ts";
import { stringList } from "../reference.ts";

/**
 * Completed expected steps ÷ expected steps. Expected: `outputs.steps` or `outputs.expected_steps`. Completed: the
 * `steps` the host's `run` reported. A step counts once for each time it is expected; order does not matter.
 */
export function workflowCompleteness(): Metric {
  return {
    name: "workflow_completeness",
    version: "1",
    description: "completed expected steps / expected steps",
    missing: ({ example, hasAgentRun }) => {
      if (!expectedSteps(example)) return "the example has no outputs.steps";
      return hasAgentRun ? null : "answers have no steps: pass run(example, model) that reports them";
    },
    score({ example, answer }) {
      const expected = expectedSteps(example);
      if (!expected) return { score: null, reason: "the example has no outputs.steps" };
      if (!answer.steps) return { score: null, reason: "the answer reports no steps" };
      return { score: shareFound(expected, answer.steps) };
    },
  };
}

function expectedSteps(example: EvaluationExample): readonly string[] | null {
  const steps = stringList(example.outputs, ["steps", "expected_steps"]);
  return steps && steps.length > 0 ? steps : null;
}

/** Share of `expected` found in `actual`, each occurrence of `actual` used once. */
export function shareFound(expected: readonly string[], actual: readonly string[]): number {
  const available = new Map<string, number>();
  for (const item of actual) available.set(item, (available.get(item) ?? 0) + 1);
  let found = 0;
  for (const item of expected) {
    const left = available.get(item) ?? 0;
    if (left === 0) continue;
    found += 1;
    available.set(item, left - 1);
  }
  return found / expected.length;
}
