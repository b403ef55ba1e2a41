/** One page of a search. */
export interface HubPage<Item> {
  readonly items: readonly Item[];
  /** Leads to the next page; null on the last one. */
  readonly cursor: string | null;
}

/** The results of a search: all of them by `for await`, or a page at a time. Nothing is asked before either is used. */
export interface HubPages<Item> extends AsyncIterable<Item> {
  /** @param cursor of the page before; left out, the first page */
  page(cursor?: string | null): Promise<HubPage<Item>>;
}

export function hubPages<Item>(read: (cursor: string | null) => Promise<HubPage<Item>>): HubPages<Item> {
  return {
    page: (cursor = null) => read(cursor),
    async *[Symbol.asyncIterator]() {
      const seen = new Set<string>();
      let cursor: string | null = null;
      do {
        const page: HubPage<Item> = await read(cursor);
        yield* page.items;
        cursor = page.cursor;
        // A server that leads in a circle would be followed for ever.
        if (cursor !== null && seen.has(cursor)) return;
        if (cursor !== null) seen.add(cursor);
      } while (cursor !== null);
    },
  };
}
