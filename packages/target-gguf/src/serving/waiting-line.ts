/** Hands out a fixed set of things, one user each, in the order of asking. */
export interface WaitingLine<Item> {
  /** Waits for a free item, uses it and gives it back. An abort leaves the line at once. */
  use<Result>(work: (item: Item) => Promise<Result>, signal?: AbortSignal): Promise<Result>;
  /** Rejects everybody in the line and every later call with `reason`. */
  shut(reason: Error): void;
}

interface Waiter<Item> {
  readonly take: (item: Item) => void;
  readonly refuse: (reason: unknown) => void;
}

/** Makes a line for the given items. */
export function createWaitingLine<Item>(items: readonly Item[]): WaitingLine<Item> {
  const free = [...items];
  const waiters: Waiter<Item>[] = [];
  let shutReason: Error | null = null;

  const take = (signal: AbortSignal | undefined): Promise<Item> => {
    const item = free.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve, reject) => {
      const leave = () => {
        const place = waiters.indexOf(waiter);
        if (place >= 0) waiters.splice(place, 1);
        reject(signal?.reason);
      };
      const waiter: Waiter<Item> = {
        take: (given) => {
          signal?.removeEventListener("abort", leave);
          resolve(given);
        },
        refuse: (reason) => {
          signal?.removeEventListener("abort", leave);
          reject(reason);
        },
      };
      waiters.push(waiter);
      signal?.addEventListener("abort", leave, { once: true });
    });
  };

  const giveBack = (item: Item) => {
    const next = waiters.shift();
    if (next) next.take(item);
    else free.push(item);
  };

  return {
    use: async (work, signal) => {
      signal?.throwIfAborted();
      if (shutReason) throw shutReason;
      const item = await take(signal);
      try {
        return await work(item);
      } finally {
        giveBack(item);
      }
    },
    shut: (reason) => {
      shutReason = reason;
      for (const waiter of waiters.splice(0)) waiter.refuse(reason);
    },
  };
}
