import { z } from "zod";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { ComparisonReport } from "../evaluation/comparison-report.ts";

const number = z.number().nullable();
const model = z.looseObject({ version: z.string(), modelId: z.string() });

/** What every reader relies on. Fields that a later version added are kept. */
const schema = z.looseObject({
  schema: z.literal("modelops-comparison/v1"),
  evaluationId: z.string(),
  agent: z.string(),
  startedAt: z.string(),
  completedAt: z.string(),
  durationMs: z.number(),
  candidate: model,
  baseline: model.nullable(),
  dataset: z.looseObject({ ref: z.string().nullable(), fingerprint: z.string(), examples: z.number() }),
  candidateScore: number,
  baselineScore: number,
  improvementPct: number,
  improvementUnit: z.enum(["percent", "points"]),
  interval: z.looseObject({ lowPct: z.number(), highPct: z.number(), confidence: z.number() }).nullable(),
  metrics: z.array(
    z.looseObject({ name: z.string(), weight: z.number(), candidateMean: number, baselineMean: number }),
  ),
  recommendation: z.enum(["deploy", "deploy_canary", "needs_review", "reject", "insufficient_data"]),
  sentence: z.string(),
  reasons: z.array(z.string()),
  coverage: z.looseObject({ examples: z.number(), complete: z.number() }),
  errors: z.array(z.looseObject({ arm: z.string(), code: z.string(), count: z.number() })),
  regressions: z.array(z.looseObject({ exampleId: z.string() })),
  evidenceHash: z.string(),
});

/** A report from the text of a `report.json`. Rejects what is no report, or one of another schema version. */
export function readReport(json: string): ComparisonReport {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw notAReport("It is not JSON.", cause);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw notAReport(`${issue?.path.join(".") || "It"}: ${issue?.message ?? "does not parse"}.`);
  }
  return parsed.data as unknown as ComparisonReport;
}

function notAReport(reason: string, cause?: unknown): ModelOpsError {
  return new ModelOpsError({
    code: "evaluation/not-a-report",
    message: "The text is not a comparison report this version can read.",
    reason,
    fix: "pass the contents of a report.json with schema modelops-comparison/v1.",
    cause,
  });
}
