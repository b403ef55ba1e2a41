import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { z } from "zod";
import { parseOrThrow } from "../errors/from-zod.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";

/** A model as traffic reaches it: which version, where it is served, what the host's configuration calls it. */
export const servedModelSchema = z.object({
  version: z.string().min(1),
  modelId: z.string().min(1),
  targetId: z.string().min(1),
  deploymentId: z.string().min(1),
  /** The value in `models.yaml`. */
  configValue: z.string().min(1),
  /** Base URL of an OpenAI-compatible server, null when the model runs in the host's process. */
  baseUrl: z.string().nullable(),
});
export type ServedModel = z.infer<typeof servedModelSchema>;

export const routingArmSchema = servedModelSchema.extend({
  name: z.enum(["baseline", "canary"]),
  /** Per cent of sessions. The shares of an agent sum to 100. */
  share: z.number().min(0).max(100),
});
export type RoutingArm = z.infer<typeof routingArmSchema>;

export const agentRoutingSchema = z.object({
  /** Rises by one with every change of this agent's routing. */
  generation: z.number().int().positive(),
  /** Ownership number of the operation that published it; a lower one may not overwrite it. */
  fence: z.number().int().nonnegative(),
  /** Also the salt of the assignment: a new rollout picks new sessions, a ramp keeps those it has. */
  rolloutId: z.string().min(1),
  /** Upper ends of latency and cost, from which scores in [0,1] are made: `1 - min(x, cap) / cap`. */
  caps: z.object({ latencyMs: z.number().positive().nullable(), costUsd: z.number().positive().nullable() }),
  arms: z.array(routingArmSchema).min(1).max(2),
});
export type AgentRouting = z.infer<typeof agentRoutingSchema>;

export const routingTableSchema = z.object({
  v: z.literal(1),
  /** Sum of the agents' generations: rises with every change of any of them. */
  generation: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  agents: z.record(z.string(), agentRoutingSchema),
});
export type RoutingTable = z.infer<typeof routingTableSchema>;

const SHARE_TOLERANCE = 1e-9;

/** The table as a pure function of the agents' routings: same input, same bytes. */
export function buildRoutingTable(agents: Readonly<Record<string, AgentRouting>>): RoutingTable {
  const sorted = Object.fromEntries(
    Object.entries(agents).sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)),
  );
  const generation = Object.values(sorted).reduce((sum, routing) => sum + routing.generation, 0);
  const content = { v: 1 as const, generation, agents: sorted };
  const table = { v: 1 as const, generation, sha256: hashOf(content), agents: sorted };
  checkRoutingTable(table);
  return table;
}

export function formatRoutingTable(table: RoutingTable): string {
  return `${JSON.stringify(table, null, 2)}\n`;
}

/**
 * Reads a table and checks its schema, its hash, its generation and that the shares of each agent sum to 100. Errors:
 * `rollout/table-invalid`, `rollout/table-hash-mismatch`.
 */
export function parseRoutingTable(text: string): RoutingTable {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ModelOpsError({
      code: "rollout/table-invalid",
      message: "The routing table is not JSON.",
      reason: "It was cut off, or another program wrote it.",
      fix: "run reconcile(): the table is written anew from the store.",
      cause,
    });
  }
  const table = parseOrThrow(routingTableSchema, value, {
    code: "rollout/table-invalid",
    subject: "The routing table",
    fix: "run reconcile(): the table is written anew from the store.",
  });
  checkRoutingTable(table);
  return table;
}

function checkRoutingTable(table: RoutingTable): void {
  const { sha256, ...content } = table;
  if (hashOf(content) !== sha256) {
    throw new ModelOpsError({
      code: "rollout/table-hash-mismatch",
      message: "The routing table does not match its own hash.",
      reason: "It was edited by hand or damaged.",
      fix: "run reconcile(): the table is written anew from the store.",
      details: { sha256 },
    });
  }
  const sum = Object.values(table.agents).reduce((total, routing) => total + routing.generation, 0);
  if (sum !== table.generation)
    throw invalidTable(`its generation is ${table.generation}, its agents' sum is ${sum}`);
  for (const [agent, routing] of Object.entries(table.agents)) {
    const total = routing.arms.reduce((shares, arm) => shares + arm.share, 0);
    if (Math.abs(total - 100) > SHARE_TOLERANCE) {
      throw invalidTable(`the shares of ${agent} sum to ${total}, not 100`);
    }
    const names = routing.arms.map((arm) => arm.name);
    if (names[0] !== "baseline" || (names.length === 2 && names[1] !== "canary")) {
      throw invalidTable(`the arms of ${agent} are ${names.join(", ")}, not baseline and canary`);
    }
  }
}

function invalidTable(reason: string): ModelOpsError {
  return new ModelOpsError({
    code: "rollout/table-invalid",
    message: "The routing table is not valid.",
    reason: `${reason}.`,
    fix: "run reconcile(): the table is written anew from the store.",
  });
}

function hashOf(content: unknown): string {
  const text = canonicalize(content) ?? "";
  return createHash("sha256").update(text).digest("hex");
}
