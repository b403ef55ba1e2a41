import { ModelOpsError } from "../errors/modelops-error.ts";
import type { AgentRouting, RoutingArm, RoutingTable } from "../model/routing-table.ts";
import { bucketOf } from "../statistics/assign/murmur3.ts";
import type { Clock } from "../time/clock.ts";
import type { CircuitBreaker } from "./circuit-breaker.ts";

/** Which model answers a session, and why. */
export interface RouteDecision {
  readonly decisionId: string;
  readonly agent: string;
  readonly sessionKey: string;
  /** The arm the session was assigned to; outcomes count for it whoever answers in the end. */
  readonly arm: "baseline" | "canary";
  /** Model id, such as a Hub repository. */
  readonly model: string;
  readonly target: string;
  readonly deploymentId: string;
  readonly configValue: string;
  readonly baseUrl: string | null;
  readonly version: string;
  /** 0–9999. */
  readonly bucket: number;
  /** Generation of the whole table that decided. */
  readonly generation: number;
  readonly agentGeneration: number;
  readonly rolloutId: string;
  /** Per cent of sessions on the canary. */
  readonly sharePct: number;
  /** False when the circuit breaker overruled chance. */
  readonly randomized: boolean;
  /** For traces: `agent:…`, `arm:…`, `model_version:…`, `rollout:…`, `canary_share:…`; `randomized:false` where it was. */
  readonly tags: readonly string[];
}

/** What a caller needs to reach the chosen model. */
export type RoutedTarget = Pick<
  RouteDecision,
  "agent" | "version" | "deploymentId" | "target" | "model" | "configValue" | "baseUrl"
>;

/** One agent's routing, made ready for decisions without look-ups. */
export interface CompiledRouting {
  readonly agent: string;
  readonly routing: AgentRouting;
  readonly generation: number;
  /** Buckets below it go to the canary. */
  readonly threshold: number;
  readonly sharePct: number;
  readonly baseline: CompiledArm;
  readonly canary: CompiledArm | null;
}

export interface CompiledArm extends RoutingArm {
  readonly tags: readonly string[];
  /** The same for a decision that was not left to chance. */
  readonly tagsNotRandomized: readonly string[];
}

export type CompiledTable = ReadonlyMap<string, CompiledRouting>;

const BUCKETS_PER_CENT = 100;

/** Prepares a table for decisions; `feature_dev` is found as `feature-dev`, too. */
export function compileRoutingTable(table: RoutingTable): CompiledTable {
  const compiled = new Map<string, CompiledRouting>();
  for (const [agent, routing] of Object.entries(table.agents)) {
    const [baseline, canary] = routing.arms;
    if (!baseline) continue;
    const sharePct = canary?.share ?? 0;
    const entry: CompiledRouting = {
      agent,
      routing,
      generation: table.generation,
      threshold: Math.round(sharePct * BUCKETS_PER_CENT),
      sharePct,
      baseline: compileArm(agent, routing, baseline, sharePct),
      canary: canary ? compileArm(agent, routing, canary, sharePct) : null,
    };
    compiled.set(agent, entry);
    compiled.set(agent.replaceAll("_", "-"), entry);
  }
  return compiled;
}

function compileArm(agent: string, routing: AgentRouting, arm: RoutingArm, sharePct: number): CompiledArm {
  const tags = [
    `agent:${agent}`,
    `arm:${arm.name}`,
    `model_version:${arm.version}`,
    `rollout:${routing.rolloutId}`,
    `canary_share:${sharePct}`,
  ];
  const tagsNotRandomized = [...tags, "randomized:false"];
  return { ...arm, tags: Object.freeze(tags), tagsNotRandomized: Object.freeze(tagsNotRandomized) };
}

/**
 * Assigns a session: murmur3 of `rolloutId:key` into 10,000 buckets; below the threshold is the canary. The same key
 * stays on its arm while the share rises. No I/O.
 */
export function decide(
  compiled: CompiledRouting,
  sessionKey: string,
  decisionId: string,
  breaker: CircuitBreaker | undefined,
  clock: Pick<Clock, "now">,
): RouteDecision {
  const bucket = bucketOf(compiled.routing.rolloutId, sessionKey);
  const drawn = bucket < compiled.threshold && compiled.canary !== null;
  // While the breaker is not closed nothing is left to chance, for either arm; its probe is a canary session.
  const isClosed = breaker === undefined || breaker.isClosed;
  const reachesCanary = drawn && (isClosed || breaker.allows(clock.now()));
  const arm = reachesCanary && compiled.canary ? compiled.canary : compiled.baseline;
  return {
    decisionId,
    agent: compiled.agent,
    sessionKey,
    arm: arm.name,
    model: arm.modelId,
    target: arm.targetId,
    deploymentId: arm.deploymentId,
    configValue: arm.configValue,
    baseUrl: arm.baseUrl,
    version: arm.version,
    bucket,
    generation: compiled.generation,
    agentGeneration: compiled.routing.generation,
    rolloutId: compiled.routing.rolloutId,
    sharePct: compiled.sharePct,
    randomized: isClosed,
    tags: isClosed ? arm.tags : arm.tagsNotRandomized,
  };
}

export function unknownAgent(agent: string, known: Iterable<string>): ModelOpsError {
  const names = [...new Set([...known].map((name) => name.replaceAll("-", "_")))];
  return new ModelOpsError({
    code: "rollout/unknown-agent",
    message: `The routing table has no agent ${JSON.stringify(agent)}.`,
    reason:
      names.length > 0 ? `It has ${names.join(", ")}.` : "Nothing was deployed yet, or the table is missing.",
    fix: "deploy a version for this agent first, or correct the name.",
  });
}

export function missingSessionKey(): ModelOpsError {
  return new ModelOpsError({
    code: "rollout/session-key-missing",
    message: "A session key is needed to route.",
    reason: "The same session must reach the same model; an empty key would put everybody in one bucket.",
    fix: "pass the id of the session, conversation or workflow run; make one per session when there is none.",
  });
}
