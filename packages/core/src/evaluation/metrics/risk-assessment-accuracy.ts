import { ModelOpsError } from "../../errors/modelops-error.ts";
import type { EvaluationAnswer } from "../answer.ts";
import type { Metric } from "../metric.ts";
import { parseJson, stringField } from "../reference.ts";

export interface RiskAssessmentAccuracyOptions {
  /** From harmless to worst. @default ["low", "medium", "high", "critical"] */
  readonly levels?: readonly string[];
}

const FIELDS = ["risk_level", "risk", "severity"] as const;

/**
 * 1 − |rank of the answer − rank of the reference| / (levels − 1): one level off on four costs a third.
 *
 * Reference: `outputs.risk_level`, `risk` or `severity`. Answer: the same fields of `details`, else of the answer's
 * JSON, else the answer itself when it is one of the levels. An answer that names no level scores 0.
 */
export function riskAssessmentAccuracy(options: RiskAssessmentAccuracyOptions = {}): Metric {
  const levels = (options.levels ?? ["low", "medium", "high", "critical"]).map((level) =>
    level.toLowerCase(),
  );
  if (levels.length < 2 || new Set(levels).size !== levels.length) {
    throw new ModelOpsError({
      code: "input/metric",
      message: "riskAssessmentAccuracy needs at least two different levels.",
      fix: "pass levels from harmless to worst.",
    });
  }
  const rank = (level: string | null) => (level === null ? -1 : levels.indexOf(level.trim().toLowerCase()));
  return {
    name: "risk_assessment_accuracy",
    version: `1:${levels.join(",")}`,
    description: `1 - distance in levels / ${levels.length - 1}`,
    missing: ({ example }) =>
      rank(stringField(example.outputs, FIELDS)) === -1
        ? `the example has no outputs.risk_level of ${levels.join(", ")}`
        : null,
    score({ example, answer }) {
      const expected = rank(stringField(example.outputs, FIELDS));
      if (expected === -1) return { score: null, reason: "the example has no known outputs.risk_level" };
      const given = rank(levelOf(answer));
      if (given === -1) return { score: 0, reason: "the answer names no known level" };
      return { score: 1 - Math.abs(given - expected) / (levels.length - 1) };
    },
  };
}

function levelOf(answer: EvaluationAnswer): string | null {
  const reported = stringField(answer.details, FIELDS);
  if (reported !== null) return reported;
  const parsed = parseJson(answer.text);
  if (parsed.ok && typeof parsed.value === "object" && parsed.value !== null) {
    return stringField(parsed.value as Record<string, unknown>, FIELDS);
  }
  return parsed.ok && typeof parsed.value === "string" ? parsed.value : answer.text;
}
