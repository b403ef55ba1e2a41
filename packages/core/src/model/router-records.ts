import { z } from "zod";

/** Records of routers belong to no agent; the store keeps them under this name, which no agent can have. */
export const ROUTERS_AGENT = "@routers";

/** What a router process last said of itself: its heartbeat, the table it follows, the calls still running. */
export const routerHeartbeatSchema = z.object({
  v: z.literal(1),
  routerId: z.string(),
  pid: z.number().int(),
  hostname: z.string(),
  startedAt: z.string(),
  at: z.string(),
  /** The longest time between two heartbeats; a router silent for three of them counts as gone. */
  heartbeatEveryMs: z.number().int().positive(),
  generation: z.number().int().nonnegative(),
  sha256: z.string().nullable(),
  /** When the present table came into force in this router. */
  acceptedAt: z.string().nullable(),
  closed: z.boolean(),
  /** Calls running now, per agent and version; only calls made through `wrap` can be seen. */
  inFlight: z.record(z.string(), z.record(z.string(), z.number().int().nonnegative())),
  tracksCalls: z.boolean(),
  /** Times at which the circuit breaker of an agent opened, newest last. */
  breakerOpenings: z.record(z.string(), z.array(z.string())),
  /** Why the table on disk was not accepted, null when it was. */
  tableError: z.string().nullable(),
});
export type RouterHeartbeat = z.infer<typeof routerHeartbeatSchema>;

const scoreCountsSchema = z.object({
  n: z.number().int().nonnegative(),
  /** Sum in the metric's own unit, for people. */
  rawSum: z.number(),
  /** How often each score was seen, in hundredths: `{ "97": 12 }` = twelve sessions near 0.97. Higher is better. */
  hundredths: z.record(z.string(), z.number().int().nonnegative()),
});
export type ScoreCounts = z.infer<typeof scoreCountsSchema>;

export const armCountersSchema = z.object({
  /** Sessions with an outcome, by the arm they were assigned to. */
  ok: z.number().int().nonnegative(),
  failed: z.number().int().nonnegative(),
  /** Failed canary sessions that the baseline answered. */
  fallbacks: z.number().int().nonnegative(),
  latencyMs: scoreCountsSchema,
  costUsd: scoreCountsSchema,
  score: scoreCountsSchema,
});
export type ArmCounters = z.infer<typeof armCountersSchema>;

/**
 * One router's outcomes for one generation of an agent's routing. Counters only rise, so that writing a record twice
 * or late changes nothing: totals are sums over routers.
 */
export const routerCountersSchema = z.object({
  v: z.literal(1),
  routerId: z.string(),
  agent: z.string(),
  rolloutId: z.string(),
  agentGeneration: z.number().int().positive(),
  /** Per cent of sessions assigned to the canary while these were counted. */
  sharePct: z.number(),
  baseline: armCountersSchema,
  canary: armCountersSchema,
  /** Sessions served while the breaker was open: not assigned by chance, so no evidence. */
  notRandomized: z.number().int().nonnegative(),
  at: z.string(),
});
export type RouterCounters = z.infer<typeof routerCountersSchema>;

export function routerCountersKey(
  counters: Pick<RouterCounters, "rolloutId" | "agentGeneration" | "routerId">,
): string {
  return `${counters.rolloutId}/${counters.agentGeneration}/${counters.routerId}`;
}

export function rolloutTerm(rolloutId: string): string {
  return `rollout:${rolloutId}`;
}

export function emptyArmCounters(): ArmCounters {
  const scores = (): ScoreCounts => ({ n: 0, rawSum: 0, hundredths: {} });
  return { ok: 0, failed: 0, fallbacks: 0, latencyMs: scores(), costUsd: scores(), score: scores() };
}
