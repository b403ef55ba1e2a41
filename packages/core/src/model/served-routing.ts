import { z } from "zod";
import { type AgentRouting, servedModelSchema } from "./routing-table.ts";

/** What of an agent's serving state the routing follows from. It is stored, and a router may follow it there. */
export const servedRoutingSchema = z.object({
  agent: z.string(),
  generation: z.number().int().positive(),
  /** The fence of the operation that made the present generation. */
  routingFence: z.number().int().nonnegative(),
  /** Salt of the assignment. */
  rolloutId: z.string(),
  baseline: servedModelSchema,
  canary: servedModelSchema.nullable(),
  sharePct: z.number().min(0).max(100),
  caps: z.object({ latencyMs: z.number().positive().nullable(), costUsd: z.number().positive().nullable() }),
});
export type ServedRouting = z.infer<typeof servedRoutingSchema>;

/** Finds the serving states of all agents in the collection `deployments`. */
export const SERVING_TERM = "serving";

/** Stands for "no model yet": such an agent is left out of the table. */
export const NO_MODEL_ID = "none";

export function hasModel(served: Pick<ServedRouting, "baseline">): boolean {
  return served.baseline.deploymentId !== NO_MODEL_ID;
}

/** The agent's part of the routing table. */
export function routingOf(served: ServedRouting): AgentRouting {
  const { canary, sharePct } = served;
  const arms: AgentRouting["arms"] = [
    { name: "baseline", ...served.baseline, share: canary ? 100 - sharePct : 100 },
  ];
  if (canary) arms.push({ name: "canary", ...canary, share: sharePct });
  const { generation, routingFence, rolloutId, caps } = served;
  return { generation, fence: routingFence, rolloutId, caps, arms };
}
