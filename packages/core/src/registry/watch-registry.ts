import type { RegistryStore } from "../contract/registry-store.ts";
import type { ModelOpsEvent } from "../events/event.ts";
import { followEvents } from "../events/follow-events.ts";
import { canonicalAgentName } from "../model/agent-name.ts";
import type { Clock } from "../time/clock.ts";

export interface WatchInput {
  /** All agents when left out. */
  readonly agent?: string;
  /** Also replays events after this `seq`. Default: only what happens from now on. */
  readonly since?: number;
  /** Ends the iteration quietly. */
  readonly signal?: AbortSignal;
}

/** Events of the registry as they are committed, from every process that uses the store. */
export function watchRegistry(
  parts: {
    readonly store: RegistryStore;
    readonly clock: Clock;
    /** Calls back after a commit of this process; gives the function that ends it. */
    readonly onOwnCommit: (listener: () => void) => () => void;
  },
  input: WatchInput,
): AsyncIterable<ModelOpsEvent> {
  const agent = input.agent === undefined ? undefined : canonicalAgentName(input.agent);
  return followEvents({
    store: parts.store,
    clock: parts.clock,
    since: input.since,
    signal: input.signal,
    onOwnEvent: parts.onOwnCommit,
    accepts: (event) => event.type.startsWith("registry.") && (agent === undefined || event.agent === agent),
  });
}
