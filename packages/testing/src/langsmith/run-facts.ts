import type { FeedbackRecord, Json, RunRecord } from "./langsmith-records.ts";

export function latencySeconds(run: RunRecord): number | null {
  if (run.startTime === null || run.endTime === null) return null;
  return (Date.parse(run.endTime) - Date.parse(run.startTime)) / 1000;
}

export function statusOf(run: RunRecord): "success" | "error" | "pending" {
  if (run.error) return "error";
  return run.endTime === null ? "pending" : "success";
}

export function metadataOf(run: RunRecord): Json {
  const { metadata } = run.extra as { readonly metadata?: unknown };
  return typeof metadata === "object" && metadata !== null ? (metadata as Json) : {};
}

export interface RunTokens {
  readonly prompt: number;
  readonly completion: number;
  readonly total: number;
  readonly costUsd: number | null;
}

/** Tokens a traced model call stated, in the places where wrappers put them. */
export function tokensOf(run: RunRecord): RunTokens {
  const stated = [metadataOf(run).usage_metadata, run.outputs?.usage_metadata].find(
    (usage) => typeof usage === "object" && usage !== null,
  ) as Readonly<Record<string, unknown>> | undefined;
  const number = (name: string) => (typeof stated?.[name] === "number" ? (stated[name] as number) : 0);
  const [prompt, completion] = [number("input_tokens"), number("output_tokens")];
  const total = number("total_tokens") || prompt + completion;
  return {
    prompt,
    completion,
    total,
    costUsd: typeof stated?.total_cost === "number" ? stated.total_cost : null,
  };
}

/** The n, average and spread of each feedback key. */
export function feedbackStats(feedback: readonly FeedbackRecord[]): Record<string, object> {
  const byKey = new Map<string, FeedbackRecord[]>();
  for (const row of feedback) byKey.set(row.key, [...(byKey.get(row.key) ?? []), row]);
  return Object.fromEntries(
    [...byKey].map(([key, rows]) => {
      const scores = rows.flatMap(({ score }) => (score === null ? [] : [Number(score)]));
      const avg = scores.length === 0 ? null : scores.reduce((sum, score) => sum + score, 0) / scores.length;
      const variance =
        avg === null ? null : scores.reduce((sum, score) => sum + (score - avg) ** 2, 0) / scores.length;
      const stats = {
        n: rows.length,
        avg,
        min: scores.length === 0 ? null : Math.min(...scores),
        max: scores.length === 0 ? null : Math.max(...scores),
        stdev: variance === null ? null : Math.sqrt(variance),
        errors: 0,
        values: {},
        comments: [],
        sources: [],
      };
      return [key, stats];
    }),
  );
}

/** Percentile by the nearest rank; null for no values. */
export function percentile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}
