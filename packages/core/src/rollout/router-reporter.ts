import { hostname } from "node:os";
import type { RecordPut, RegistryStore } from "../contract/registry-store.ts";
import {
  ROUTERS_AGENT,
  type RouterCounters,
  type RouterHeartbeat,
  rolloutTerm,
  routerCountersKey,
} from "../model/router-records.ts";
import { type Clock, isoTime } from "../time/clock.ts";
import type { OutcomeCounters } from "./outcome-counters.ts";

export type RouterState = Pick<
  RouterHeartbeat,
  "generation" | "sha256" | "acceptedAt" | "inFlight" | "tracksCalls" | "breakerOpenings" | "tableError"
>;

export interface RouterReporterOptions {
  readonly store: RegistryStore;
  readonly routerId: string;
  readonly clock: Clock;
  readonly flushEveryMs: number;
  readonly heartbeatEveryMs: number;
  readonly counters: OutcomeCounters;
  readonly state: () => RouterState;
  readonly onError: (error: unknown) => void;
}

/**
 * Tells the store what a router follows and what its sessions came to. One small commit per tick when something
 * changed; a store that is down costs nothing but the delay, since counters and acknowledgement are repeated.
 */
export class RouterReporter {
  readonly #options: RouterReporterOptions;
  readonly #startedAt: string;
  readonly #stop = new AbortController();
  #lastState = "";
  #lastBeatMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> = Promise.resolve();
  #again = false;
  #isIdle = true;

  constructor(options: RouterReporterOptions) {
    this.#options = options;
    this.#startedAt = isoTime(options.clock);
    void this.#loop();
  }

  /** Reports now; concurrent calls are merged. Never rejects. */
  report(): Promise<void> {
    if (!this.#isIdle) {
      this.#again = true;
      return this.#running;
    }
    this.#isIdle = false;
    this.#running = this.#drain();
    return this.#running;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#commit(true);
  }

  async #drain(): Promise<void> {
    do {
      this.#again = false;
      await this.#commit(false);
    } while (this.#again);
    this.#isIdle = true;
  }

  async #loop(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.report();
      try {
        await this.#options.clock.sleep(this.#options.flushEveryMs, { signal: this.#stop.signal });
      } catch {
        return;
      }
    }
  }

  async #commit(closed: boolean): Promise<void> {
    const { store, clock, counters, routerId, heartbeatEveryMs } = this.#options;
    const at = isoTime(clock);
    const state = this.#options.state();
    const changed = counters.changed(at);
    const stateText = JSON.stringify(state);
    const beatDue = clock.now() - this.#lastBeatMs >= heartbeatEveryMs;
    if (!closed && changed.length === 0 && stateText === this.#lastState && !beatDue) return;
    const heartbeat: RouterHeartbeat = {
      v: 1,
      routerId,
      pid: process.pid,
      hostname: hostname(),
      startedAt: this.#startedAt,
      at,
      heartbeatEveryMs,
      closed,
      ...state,
    };
    try {
      await store.commit({
        agent: ROUTERS_AGENT,
        expectedRev: null,
        at,
        puts: [
          { collection: "router-acknowledgements", key: routerId, value: heartbeat },
          ...changed.map(counterPut),
        ],
      });
      counters.flushed(changed);
      this.#lastState = stateText;
      this.#lastBeatMs = clock.now();
    } catch (error) {
      this.#options.onError(error);
    }
  }
}

function counterPut(counters: RouterCounters): RecordPut {
  return {
    collection: "rollouts",
    key: routerCountersKey(counters),
    value: counters,
    terms: [rolloutTerm(counters.rolloutId)],
  };
}
