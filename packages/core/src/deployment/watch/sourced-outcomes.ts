import { z } from "zod";
import type { OutcomeSource, SourcedOutcome } from "../../contract/outcome-source.ts";
import type { RolloutGuardrail } from "../../model/rollout-plan.ts";
import { murmurHash3 } from "../../statistics/assign/murmur3.ts";
import type { CanaryTick, GuardrailOutcomes, ScoreCount } from "../../statistics/sequential/canary-tick.ts";

/** Metrics a second source can tell. */
const SOURCED_METRICS = ["success", "latencyMs", "score"] as const;
export type SourcedMetric = (typeof SOURCED_METRICS)[number];

/** A second source of outcomes, and which metrics come from there. */
export interface WatchedOutcomes {
  readonly source: OutcomeSource;
  /** These come from the source alone, the others from the routers alone: no session counts twice. */
  readonly metrics: readonly SourcedMetric[];
  /** How often the source is asked. Default 60 s. */
  readonly everyMs?: number;
}

export const watchedOutcomesSchema = z.strictObject({
  source: z.custom<OutcomeSource>(
    (value) => (value as OutcomeSource | null)?.contract === "outcome-source/v1",
    'must be a source with contract "outcome-source/v1"',
  ),
  metrics: z.array(z.enum(SOURCED_METRICS)).min(1),
  everyMs: z.number().int().positive().default(60_000),
});

/** What of a source the monitor has been fed. */
export const sourcedStateSchema = z.object({
  sourceId: z.string(),
  since: z.string(),
  /** Hashes of the sessions that counted, four bytes each, base64. Two sessions of one hash are one: about never. */
  sessions: z.string(),
});
export type SourcedState = z.infer<typeof sourcedStateSchema>;

export interface SourcedTicks {
  readonly ticks: readonly CanaryTick[];
  readonly state: SourcedState;
}

/** Asks the source for what is new and makes ticks of it, one per share. */
export async function readSourcedTicks(options: {
  readonly watched: WatchedOutcomes;
  readonly rollout: { readonly agent: string; readonly rolloutId: string; readonly startedAt: string };
  readonly guardrails: readonly RolloutGuardrail[];
  readonly before: SourcedState | null;
  readonly atMs: number;
  readonly signal?: AbortSignal;
}): Promise<SourcedTicks> {
  const { watched, rollout, guardrails, atMs, signal } = options;
  const { source } = watched;
  const known = options.before?.sourceId === source.id ? options.before : null;
  const { agent, rolloutId, startedAt } = rollout;
  const since = known?.since ?? startedAt;
  const { outcomes, until } = await source.read({ agent, rolloutId, since }, { signal });
  const sessions = new Set(unpack(known?.sessions ?? ""));
  const byShare = new Map<number, SourcedOutcome[]>();
  for (const outcome of outcomes) {
    const hash = murmurHash3(outcome.sessionId);
    if (sessions.has(hash)) continue;
    sessions.add(hash);
    byShare.set(outcome.sharePct, [...(byShare.get(outcome.sharePct) ?? []), outcome]);
  }
  const owned = guardrails.filter(({ metric }) => isOwned(metric, watched));
  const ticks = [...byShare].map(([sharePct, group]): CanaryTick => {
    const arms = {
      canary: group.filter(({ arm }) => arm === "canary"),
      baseline: group.filter(({ arm }) => arm === "baseline"),
    };
    const counts = { canary: arms.canary.length, baseline: arms.baseline.length };
    return {
      atMs,
      canaryShare: sharePct / 100,
      // The place that tells of success is the place that counts sessions.
      sessions: isOwned("success", watched) ? counts : { canary: 0, baseline: 0 },
      outcomes: Object.fromEntries(owned.map((guardrail) => [guardrail.metric, outcomesOf(guardrail, arms)])),
    };
  });
  return { ticks, state: { sourceId: source.id, since: until, sessions: pack(sessions) } };
}

/** Leaves to the routers' ticks what does not come from a second source. */
export function withoutSourced(tick: CanaryTick, watched: WatchedOutcomes): CanaryTick {
  return {
    ...tick,
    sessions: isOwned("success", watched) ? { canary: 0, baseline: 0 } : tick.sessions,
    outcomes: Object.fromEntries(
      Object.entries(tick.outcomes).filter(([metric]) => !isOwned(metric, watched)),
    ),
  };
}

function isOwned(metric: string, watched: WatchedOutcomes): boolean {
  return watched.metrics.some((owned) => owned === metric);
}

type Arms = Readonly<Record<"canary" | "baseline", readonly SourcedOutcome[]>>;

function outcomesOf({ metric, cap }: RolloutGuardrail, { canary, baseline }: Arms): GuardrailOutcomes {
  if (metric === "success") {
    const good = (arm: readonly SourcedOutcome[]) => arm.filter(({ ok }) => ok).length;
    return {
      canarySuccesses: good(canary),
      canaryFailures: canary.length - good(canary),
      baselineSuccesses: good(baseline),
      baselineFailures: baseline.length - good(baseline),
    };
  }
  const scores = (arm: readonly SourcedOutcome[]): readonly ScoreCount[] =>
    arm.flatMap(({ latencyMs, score }) => {
      if (metric === "score") return score === null ? [] : [[score, 1] as const];
      if (latencyMs === null || cap === undefined) return [];
      return [[1 - Math.min(latencyMs, cap) / cap, 1] as const];
    });
  return { canaryScores: scores(canary), baselineScores: scores(baseline) };
}

function pack(hashes: ReadonlySet<number>): string {
  return Buffer.from(Uint32Array.from(hashes).buffer).toString("base64");
}

function unpack(text: string): Iterable<number> {
  const bytes = Uint8Array.from(Buffer.from(text, "base64"));
  return new Uint32Array(bytes.buffer);
}
