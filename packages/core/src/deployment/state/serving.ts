import { z } from "zod";
import { type ServedModel, servedModelSchema } from "../../model/routing-table.ts";
import { NO_MODEL_ID, servedRoutingSchema } from "../../model/served-routing.ts";
import { hostConfigEditSchema } from "../host-config/models-config.ts";

const historyEntrySchema = z.object({
  /** The model that served before. */
  model: servedModelSchema,
  /** The edit of the host's configuration that replaced it; undone on the way back. */
  configEdit: hostConfigEditSchema.nullable(),
  replacedAt: z.string(),
});
export type ServingHistoryEntry = z.infer<typeof historyEntrySchema>;

/** What an agent's sessions are meant to reach: the routing table and the host's configuration follow from it. */
export const servingSchema = servedRoutingSchema.extend({
  v: z.literal(1),
  /** Rises with every operation; what carries a lower number is out of date and refused. */
  fence: z.number().int().nonnegative(),
  /** Models that served before, newest last. */
  history: z.array(historyEntrySchema),
  openOperationId: z.string().nullable(),
});
export type Serving = z.infer<typeof servingSchema>;

export const SERVING_KEY = "serving";
export const HISTORY_KEPT = 20;

/** Makes the canary the baseline and remembers what it replaced. */
export function promoted(
  serving: Serving,
  next: ServedModel,
  configEdit: ServingHistoryEntry["configEdit"],
  at: string,
): Serving {
  // Deploying what serves already is calm: it must not become the version to roll back to.
  const isSame = serving.baseline.deploymentId === next.deploymentId;
  const replaced = { model: serving.baseline, configEdit, replacedAt: at };
  return {
    ...serving,
    generation: serving.generation + 1,
    baseline: next,
    canary: null,
    sharePct: 0,
    history: isSame ? serving.history : [...serving.history, replaced].slice(-HISTORY_KEPT),
  };
}

export interface RolledBack {
  readonly serving: Serving;
  /** Edits to undo, in this order. */
  readonly undo: readonly NonNullable<ServingHistoryEntry["configEdit"]>[];
  /** Versions that must not answer any more. */
  readonly removed: readonly ServedModel[];
}

/**
 * Where a rollback leads: a running canary is dropped; without one the baseline gives way to the model before it.
 * `to` goes back to that version in the history. Null when there is nothing to go back to.
 */
export function rolledBack(serving: Serving, to: string | null): RolledBack | null {
  const dropped = { ...serving, generation: serving.generation + 1, canary: null, sharePct: 0 };
  const canaries = serving.canary ? [serving.canary] : [];
  if (to === serving.baseline.version || (to === null && serving.canary)) {
    return canaries.length > 0 ? { serving: dropped, undo: [], removed: canaries } : null;
  }
  const index =
    to === null
      ? serving.history.length - 1
      : serving.history.findLastIndex((entry) => entry.model.version === to);
  const entry = serving.history[index];
  if (!entry || entry.model.deploymentId === NO_MODEL_ID) return null;
  const left = serving.history.slice(index);
  return {
    serving: { ...dropped, baseline: entry.model, history: serving.history.slice(0, index) },
    undo: left.flatMap((past) => (past.configEdit ? [past.configEdit] : [])).reverse(),
    removed: [...canaries, serving.baseline, ...left.slice(1).map((past) => past.model)],
  };
}
