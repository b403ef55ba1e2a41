/** Keeps the `size` items with the smallest rank, whatever their number: constant memory. */
export class SmallestRanked<Item> {
  readonly #size: number;
  readonly #kept: { readonly rank: number; readonly item: Item }[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** Whether an item of this rank would be kept: spares making it. */
  wants(rank: number): boolean {
    const largest = this.#kept.at(-1);
    return this.#kept.length < this.#size || (largest !== undefined && rank < largest.rank);
  }

  add(rank: number, item: Item): void {
    if (!this.wants(rank)) return;
    const position = this.#kept.findIndex((kept) => kept.rank > rank);
    this.#kept.splice(position === -1 ? this.#kept.length : position, 0, { rank, item });
    if (this.#kept.length > this.#size) this.#kept.pop();
  }

  items(): readonly Item[] {
    return this.#kept.map(({ item }) => item);
  }
}
