import type { RegistryStore } from "../contract/registry-store.ts";
import type { ModelOpsEvent } from "../events/event.ts";
import { canonicalAgentName } from "../model/agent-name.ts";
import type { Clock } from "../time/clock.ts";

const POLL_MS = 250;
const PAGE_EVENTS = 500;

export interface WatchInput {
  /** All agents when left out. */
  readonly agent?: string;
  /** Also replays events after this `seq`. Default: only what happens from now on. */
  readonly since?: number;
  /** Ends the iteration quietly. */
  readonly signal?: AbortSignal;
}

/**
 * Events of the registry as they are committed, from every process that uses the store. Asks for one number four
 * times a second and reads only what is new.
 */
export async function* watchRegistry(
  parts: {
    readonly store: RegistryStore;
    readonly clock: Clock;
    /** Calls back after a commit of this process; gives the function that ends it. */
    readonly onOwnCommit: (listener: () => void) => () => void;
  },
  input: WatchInput,
): AsyncGenerator<ModelOpsEvent, void, undefined> {
  const { store, clock } = parts;
  const { signal } = input;
  const agent = input.agent === undefined ? undefined : canonicalAgentName(input.agent);
  let since = input.since ?? (await store.lastEventSeq());
  let wake = () => {};
  const stop = parts.onOwnCommit(() => wake());
  try {
    while (!signal?.aborted) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if ((await store.lastEventSeq()) > since) {
        const page = await store.events({ since, limit: PAGE_EVENTS });
        for (const event of page) {
          since = event.seq ?? since;
          const isWanted = agent === undefined || event.agent === agent;
          if (event.type.startsWith("registry.") && isWanted) yield event;
          if (signal?.aborted) return;
        }
        if (page.length === PAGE_EVENTS) continue;
      }
      const pause = new AbortController();
      const either = signal ? AbortSignal.any([signal, pause.signal]) : pause.signal;
      const slept = clock.sleep(POLL_MS, { signal: either, keepAlive: true }).catch(() => {});
      await Promise.race([woken, slept]);
      pause.abort();
    }
  } finally {
    stop();
  }
}
