import type { NewEvent } from "../../events/event.ts";
import type { PreparedPut } from "../store-checks.ts";

/** How long the chain was and what its last hash was, at a moment. */
export interface Checkpoint {
  readonly count: number;
  readonly head: string;
  /** ISO 8601 UTC. */
  readonly at: string;
}

/** Counts of up to twelve digits sort as text. */
const COUNT_DIGITS = 12;

/** What a store writes for a batch that asks for a checkpoint; null while the chain is empty. */
export function sealCheckpoint(
  event: Omit<NewEvent, "data">,
  chain: { readonly count: number; readonly head: string; readonly at: string },
): { readonly put: PreparedPut; readonly event: NewEvent } | null {
  const { count, head, at } = chain;
  if (count === 0) return null;
  const checkpoint: Checkpoint = { count, head, at };
  const key = String(count).padStart(COUNT_DIGITS, "0");
  return {
    put: { collection: "checkpoints", key, order: key, terms: [], json: JSON.stringify(checkpoint) },
    event: { ...event, data: checkpoint },
  };
}
