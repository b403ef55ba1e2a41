import type { RegistryStore } from "../contract/registry-store.ts";
import type { Clock } from "../time/clock.ts";
import type { ModelOpsEvent } from "./event.ts";

const POLL_MS = 250;
const PAGE_EVENTS = 500;

export interface FollowEventsOptions {
  readonly store: Pick<RegistryStore, "events" | "lastEventSeq">;
  readonly clock: Clock;
  /** Replays events with a greater `seq` first. Left out: only what happens from now on. */
  readonly since?: number;
  readonly accepts?: (event: ModelOpsEvent) => boolean;
  /** Calls back after an event of this process, so that it is not waited for; gives the function that ends it. */
  readonly onOwnEvent?: (listener: () => void) => () => void;
  /** Ends the iteration quietly. */
  readonly signal?: AbortSignal;
}

/**
 * Stored events as they are committed, from every process that uses the store: replays, then follows. Asks for one
 * number four times a second and reads only what is new.
 */
export async function* followEvents(
  options: FollowEventsOptions,
): AsyncGenerator<ModelOpsEvent, void, undefined> {
  const { store, clock, signal } = options;
  let since = options.since ?? (await store.lastEventSeq());
  let wake = () => {};
  const stop = options.onOwnEvent?.(() => wake());
  try {
    while (!signal?.aborted) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if ((await store.lastEventSeq()) > since) {
        const page = await store.events({ since, limit: PAGE_EVENTS });
        for (const event of page) {
          since = event.seq ?? since;
          if (options.accepts?.(event) ?? true) yield event;
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
    stop?.();
  }
}
