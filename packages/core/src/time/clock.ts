/** Time as the library sees it. A virtual clock makes a three-hour lifecycle testable in a second. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Resolves after `durationMs`, rejects with the signal's reason when aborted. Never keeps the process alive. */
  sleep(
    durationMs: number,
    options?: { readonly signal?: AbortSignal; readonly keepAlive?: boolean },
  ): Promise<void>;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (durationMs, options = {}) =>
    new Promise((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, durationMs);
      // A waiting poller must not hold a finished script open, unless somebody awaits its result.
      if (!options.keepAlive) timer.unref();
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
};

/** ISO 8601 UTC with milliseconds, the one time format of records and events. */
export function isoTime(clock: Clock): string {
  return new Date(clock.now()).toISOString();
}
