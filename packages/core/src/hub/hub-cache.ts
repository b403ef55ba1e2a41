/** Where answers of the Hub are kept for a while; a Keyv instance is one. Values are JSON. */
export interface HubCache {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown, maxAgeMs: number): Promise<unknown>;
}

/** Answers kept in this process, so that a host may forget to bound it. */
const MOST_ENTRIES = 1000;

/** A Keyv in memory, made at the first use. */
export function memoryHubCache(): HubCache {
  let store: Promise<HubCache & { clear(): Promise<unknown> }> | null = null;
  let entries = 0;
  const open = () => {
    store ??= import("keyv").then(
      ({ Keyv }) => new Keyv() as unknown as HubCache & { clear(): Promise<unknown> },
    );
    return store;
  };
  return {
    get: async (key) => await (await open()).get(key),
    async set(key, value, maxAgeMs) {
      const keyv = await open();
      entries += 1;
      if (entries > MOST_ENTRIES) {
        await keyv.clear();
        entries = 1;
      }
      return await keyv.set(key, value, maxAgeMs);
    },
  };
}
