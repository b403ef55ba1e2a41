import type { RegistryStore } from "@modelops/core";

/** Stores over one fresh, empty place. */
export interface StorePlace {
  /** Opens the place; called again, it opens the same data once more (another handle, or another process's view). */
  open(): Promise<RegistryStore> | RegistryStore;
  /** Removes what the place left behind. */
  remove?(): Promise<void> | void;
}

export interface StoreFactory {
  /** Shown as the title of the suite. */
  readonly name: string;
  /** False for a store that lives in one object only: cases about a second handle are left out. Default true. */
  readonly isShared?: boolean;
  create(): Promise<StorePlace> | StorePlace;
}

/** What a case gets: a store, and more handles on the same data. */
export interface CaseContext {
  readonly store: RegistryStore;
  /** Opens another handle; closed after the case. */
  reopen(): Promise<RegistryStore>;
}

/** One promise of the contract. Rejects when the store does not keep it. */
export interface StoreCase {
  readonly name: string;
  /** Only for stores that several handles can share. */
  readonly needsSharing?: boolean;
  run(context: CaseContext): Promise<void>;
}

/** Runs one case on a fresh place and cleans up. */
export async function runStoreCase(storeCase: StoreCase, factory: StoreFactory): Promise<void> {
  const place = await factory.create();
  const opened: RegistryStore[] = [];
  const open = async () => {
    const store = await place.open();
    opened.push(store);
    return store;
  };
  try {
    await storeCase.run({ store: await open(), reopen: open });
  } finally {
    for (const store of opened) await store.close().catch(() => {});
    await place.remove?.();
  }
}
