import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { RegistryStore } from "../contract/registry-store.ts";
import { parseOrThrow } from "../errors/from-zod.ts";
import type { RoutingTable } from "../model/routing-table.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  circuitBreakerOptionsSchema,
} from "./circuit-breaker.ts";
import {
  type CompiledArm,
  type CompiledTable,
  compileRoutingTable,
  decide,
  missingSessionKey,
  type RouteDecision,
  type RoutedTarget,
  unknownAgent,
} from "./decision.ts";
import { InFlightCalls } from "./in-flight-calls.ts";
import { OutcomeCounters, type RouteOutcome } from "./outcome-counters.ts";
import { createRoutedModel, type RoutedModel, type RoutedModelOptions } from "./routed-model.ts";
import { RouterReporter } from "./router-reporter.ts";
import type { RoutingFollower } from "./routing-follower.ts";
import { StoreFollower, type StoreFollowerOptions } from "./store-follower.ts";
import { TableFollower } from "./table-follower.ts";

export interface RouterOptions {
  /**
   * The routing table, such as `config/agents/routing.json`. It may be missing until the first deployment. Without a file
   * the table is followed in the registry's store, by polling.
   */
  readonly file?: string;
  /** Where outcomes and acknowledgements go. With a file and no store the router routes all the same, but nothing is measured. */
  readonly store?: RegistryStore;
  /** Names this process. Default: random, new with each start. */
  readonly routerId?: string;
  readonly clock?: Clock;
  /** How often outcomes are written. Default 1000 ms. */
  readonly flushEveryMs?: number;
  /** Longest time between two signs of life. Default 5000 ms. */
  readonly heartbeatEveryMs?: number;
  /** How often the table is read even when the file system reports no change. Default 2000 ms. */
  readonly pollEveryMs?: number;
  readonly circuitBreaker?: CircuitBreakerOptions;
  /** Told of what goes wrong in the background (store down, table damaged). Default: nothing is printed. */
  readonly onError?: (error: unknown) => void;
}

export interface RouterStatus {
  readonly routerId: string;
  readonly generation: number;
  readonly sha256: string | null;
  /** Why the table on disk is not in force, null when it is. */
  readonly tableError: string | null;
  readonly agents: readonly string[];
}

/** Splits an agent's sessions between its versions, in the host's own process. */
export interface Router {
  readonly routerId: string;
  /**
   * Resolves when the router has looked for its table for the first time: at once with a file, after one read with a
   * store. Whether it found one, `status()` tells.
   */
  ready(): Promise<void>;
  /**
   * Decides which model answers a session: no I/O, the same session the same model. Errors: `rollout/unknown-agent`,
   * `rollout/session-key-missing`.
   */
  route(agent: string, sessionKey: string): RouteDecision;
  /** The model an agent falls back to, null when the agent has no canary. */
  baselineOf(agent: string): RoutedTarget | null;
  /** The model under trial, null when the agent has none. */
  canaryOf(agent: string): RoutedTarget | null;
  /** Counts how a session went, for the arm it was assigned to. Call it once per session; a decision counts once. */
  record(decision: RouteDecision, outcome: RouteOutcome): void;
  /** A `ChatModel` that routes, calls, falls back to the baseline once when the canary fails, and records. */
  wrap(options: RoutedModelOptions): RoutedModel;
  status(): RouterStatus;
  /** Writes what is counted now. Never rejects: a store that is down is tried again. */
  flush(): Promise<void>;
  /** Stops watching and writes the last counters. */
  close(): Promise<void>;
}

const timing = z.number().int().positive();
const optionsSchema = z
  .strictObject({
    file: z.string().min(1).optional(),
    store: z.custom<RegistryStore>((value) => typeof value === "object" && value !== null).optional(),
    routerId: z.string().min(1).max(200).optional(),
    clock: z.custom<Clock>((value) => typeof value === "object" && value !== null).optional(),
    flushEveryMs: timing.default(1000),
    heartbeatEveryMs: timing.default(5000),
    pollEveryMs: timing.default(2000),
    circuitBreaker: circuitBreakerOptionsSchema.prefault({}),
    onError: z.custom<(error: unknown) => void>((value) => typeof value === "function").optional(),
  })
  .refine(({ file, store }) => file !== undefined || store !== undefined, {
    error: "give file, the routing table, or store, the registry's store that is followed instead",
    path: ["file"],
  });

/**
 * Follows a routing table and decides sessions by it. The last good table stays in force whatever happens to the file
 * or the store.
 */
export function createRouter(options: RouterOptions): Router {
  const settings = parseOrThrow(optionsSchema, options, {
    code: "input/router-options",
    subject: "The router's options",
  });
  const clock = settings.clock ?? systemClock;
  const routerId = settings.routerId ?? `router-${randomUUID()}`;
  const onError = settings.onError ?? (() => {});
  const counters = new OutcomeCounters(routerId);
  const breakers = new Map<string, CircuitBreaker>();
  const breakerRollouts = new Map<string, string>();
  const inFlight = new InFlightCalls();
  const recorded = new WeakSet<RouteDecision>();
  const idPrefix = `${routerId}-${clock.now().toString(36)}-`;
  let compiled: CompiledTable = new Map();
  let table: RoutingTable | null = null;
  let acceptedAt: string | null = null;
  let decisions = 0;
  let reporter: RouterReporter | null = null;

  const follower = follow(settings, {
    pollEveryMs: settings.pollEveryMs,
    clock,
    onTable(next) {
      compiled = compileRoutingTable(next);
      table = next;
      acceptedAt = new Date(clock.now()).toISOString();
      for (const { agent, routing } of compiled.values()) {
        // A new rollout starts with a closed breaker: what the last canary did is not this one's fault.
        if (breakerRollouts.get(agent) === routing.rolloutId) continue;
        breakerRollouts.set(agent, routing.rolloutId);
        breakers.set(agent, new CircuitBreaker(settings.circuitBreaker));
      }
      void reporter?.report();
    },
  });
  if (settings.store) {
    reporter = new RouterReporter({
      store: settings.store,
      routerId,
      clock,
      flushEveryMs: settings.flushEveryMs,
      heartbeatEveryMs: settings.heartbeatEveryMs,
      counters,
      onError,
      state: () => ({
        generation: table?.generation ?? 0,
        sha256: table?.sha256 ?? null,
        acceptedAt,
        inFlight: inFlight.snapshot(),
        tracksCalls: inFlight.isUsed,
        tableError: follower.error?.what ?? null,
        breakerOpenings: Object.fromEntries(
          [...breakers].map(([agent, breaker]) => [
            agent,
            breaker.openings.map((time) => new Date(time).toISOString()),
          ]),
        ),
      }),
    });
  }
  inFlight.onDrained = () => void reporter?.report();

  const router: Router = {
    routerId,
    ready: () => follower.ready,
    route(agent, sessionKey) {
      const entry = compiled.get(agent);
      if (!entry) throw unknownAgent(agent, compiled.keys());
      if (typeof sessionKey !== "string" || sessionKey === "") throw missingSessionKey();
      decisions += 1;
      return decide(entry, sessionKey, idPrefix + decisions.toString(36), breakers.get(entry.agent), clock);
    },
    baselineOf(agent) {
      const entry = compiled.get(agent);
      if (!entry?.canary) return null;
      return targetOf(entry.agent, entry.baseline);
    },
    canaryOf(agent) {
      const entry = compiled.get(agent);
      return entry?.canary ? targetOf(entry.agent, entry.canary) : null;
    },
    record(decision, outcome) {
      if (recorded.has(decision)) return;
      recorded.add(decision);
      const entry = compiled.get(decision.agent);
      counters.add(decision, outcome, entry?.routing.caps ?? { latencyMs: null, costUsd: null });
      if (decision.arm !== "canary" || entry?.routing.rolloutId !== decision.rolloutId) return;
      const breaker = breakers.get(decision.agent);
      const openings = breaker?.openings.length;
      breaker?.record(!(outcome.callFailed ?? !outcome.ok), clock.now());
      if (breaker && breaker.openings.length !== openings) void reporter?.report();
    },
    wrap: (wrapOptions) => createRoutedModel(router, inFlight, wrapOptions),
    status: () => ({
      routerId,
      generation: table?.generation ?? 0,
      sha256: table?.sha256 ?? null,
      tableError: follower.error?.message ?? null,
      agents: [...new Set([...compiled.values()].map((entry) => entry.agent))],
    }),
    async flush() {
      await reporter?.report();
    },
    async close() {
      follower.close();
      await reporter?.close();
      reporter = null;
    },
  };
  return router;
}

function follow(
  { file, store }: Pick<RouterOptions, "file" | "store">,
  options: Pick<StoreFollowerOptions, "pollEveryMs" | "clock" | "onTable">,
): RoutingFollower {
  if (file !== undefined) return new TableFollower({ ...options, file });
  // One of the two is there: the options were checked.
  return new StoreFollower({ ...options, store: store as RegistryStore });
}

function targetOf(agent: string, arm: CompiledArm): RoutedTarget {
  const { version, deploymentId, targetId, modelId, configValue, baseUrl } = arm;
  return { agent, version, deploymentId, target: targetId, model: modelId, configValue, baseUrl };
}
