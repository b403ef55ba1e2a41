import type { AuditEntry, Collection, RecordPut, RegistryStore } from "../contract/registry-store.ts";
import { ConflictError } from "../errors/conflict-error.ts";
import { ModelOpsError } from "../errors/modelops-error.ts";
import type { ModelOpsEvent, NewEvent } from "../events/event.ts";
import { type Clock, isoTime } from "../time/clock.ts";

const MAX_TRIES = 50;

/** What to write in place of a record, and what goes with it in the same commit. */
export interface RecordChange {
  readonly value: Readonly<Record<string, unknown>>;
  readonly terms: readonly string[];
  readonly order: string;
  readonly events?: readonly NewEvent[];
  readonly audit?: readonly AuditEntry[];
  /** A change with a key that was used before is not made again. */
  readonly idempotencyKey?: string;
}

/** What happened to the record. */
export interface ChangeOutcome {
  /** `replayed`: this very change had been made before, here or elsewhere. */
  readonly kind: "changed" | "replayed" | "declined";
  readonly events: readonly ModelOpsEvent[];
}

/**
 * Reads a record, lets `change` decide, and writes the answer only if nobody else wrote in between; else again.
 * `change` returns null to leave it as it is, and may be called several times.
 */
export async function changeRecord(options: {
  readonly store: RegistryStore;
  readonly clock: Clock;
  readonly collection: Collection;
  readonly agent: string;
  readonly key: string;
  readonly change: (current: Readonly<Record<string, unknown>> | null) => RecordChange | null;
}): Promise<ChangeOutcome> {
  const { store, clock, collection, agent, key } = options;
  for (let attempt = 1; ; attempt += 1) {
    // The revision first: a change after this line makes the commit fail instead of being lost.
    const expectedRev = await store.revision(agent);
    const current = await store.get(collection, agent, key);
    const change = options.change(current?.value ?? null);
    if (!change) return { kind: "declined", events: [] };
    const put: RecordPut = { collection, key, value: change.value, terms: change.terms, order: change.order };
    try {
      const result = await store.commit({
        agent,
        expectedRev,
        puts: [put],
        events: change.events,
        audit: change.audit,
        idempotencyKey: change.idempotencyKey,
        at: isoTime(clock),
      });
      return { kind: result.replayed ? "replayed" : "changed", events: result.events };
    } catch (error) {
      if (!ConflictError.isInstance(error)) throw error;
      if (attempt >= MAX_TRIES) {
        throw new ModelOpsError({
          code: "storage/contention",
          message: `The record ${key} of ${agent} could not be written.`,
          reason: `Others changed the agent's records ${MAX_TRIES} times in a row.`,
          fix: "try again; if it stays so, look for a process that writes in a loop.",
          isRetryable: true,
          cause: error,
        });
      }
    }
  }
}
